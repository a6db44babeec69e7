package format

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// TimeReader returns the function that reads the text of DATETIME columns:
// first by TimestampFormat, then in the forms that need no pattern.
func (c *Config) TimeReader() (func(text string) (time.Time, error), error) {
	loc := c.Loc
	if loc == nil {
		loc = time.UTC
	}
	plain := func(text string) (time.Time, error) { return timefmt.Parse(text, loc) }
	if c.TimestampFormat == "" {
		return plain, nil
	}
	layout, err := timefmt.Compile(c.TimestampFormat)
	if err != nil {
		return nil, fmt.Errorf("TIMESTAMP_FORMAT: %w", err)
	}
	return func(text string) (time.Time, error) {
		if t, err := layout.Parse(text, loc); err == nil {
			return t, nil
		}
		return plain(text)
	}, nil
}

// TextReader turns bare text into the declared types, for formats in which
// everything is text: delimited, urlencoded.
type TextReader struct {
	strict   bool
	readTime func(string) (time.Time, error)
}

// NewTextReader compiles a TextReader.
func NewTextReader(c Config) (TextReader, error) {
	readTime, err := c.TimeReader()
	return TextReader{c.Strict, readTime}, err
}

// Read converts the text of a column. The value may share the memory of text.
// An empty text is NULL unless the column is a STRING or BYTEA.
func (r *TextReader) Read(column string, text []byte, t value.Type) (value.Value, error) {
	s := unsafe.String(unsafe.SliceData(text), len(text))
	if s == "" && t.Kind != value.String && t.Kind != value.Bytes && t.Kind != value.Null {
		return value.ExplicitNull, nil
	}
	v, err := r.read(s, t)
	if err != nil {
		return v, fmt.Errorf("%s: cannot convert %q to %s: %w", column, s, t.Kind, err)
	}
	return v, nil
}

func (r *TextReader) read(s string, t value.Type) (value.Value, error) {
	switch t.Kind {
	case value.Int, value.Uint:
		return readInt(s)
	case value.Float:
		f, err := strconv.ParseFloat(s, 64)
		return value.OfFloat(f), cause(err)
	case value.Bool:
		b, err := strconv.ParseBool(s)
		return value.OfBool(b), cause(err)
	case value.Bytes:
		if raw, err := base64.StdEncoding.DecodeString(s); err == nil {
			return value.OfBytes(raw), nil
		}
		return value.OfBytes([]byte(s)), nil
	case value.Time:
		if r.strict {
			at, err := r.readTime(s)
			return value.OfTime(at), err
		}
	case value.Array, value.Ints, value.Floats:
		return readJSON(s, value.Value.IsArray)
	case value.Object:
		return readJSON(s, func(v value.Value) bool { return v.Kind() == value.Object })
	}
	return value.OfString(s), nil
}

func readJSON(s string, fits func(value.Value) bool) (value.Value, error) {
	v, err := value.ParseJSON([]byte(s), value.JSONOptions{})
	if err == nil && !fits(v) {
		err = fmt.Errorf("the text is JSON of type %s", v.Kind())
	}
	return v, err
}

// readInt takes whole numbers, also when written as 4.0.
func readInt(s string) (value.Value, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return value.OfInt(n), nil
	}
	if f, ferr := strconv.ParseFloat(s, 64); ferr == nil && f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return value.OfInt(int64(f)), nil
	}
	return value.Value{}, cause(err)
}

// cause is what strconv found wrong, without repeating the text.
func cause(err error) error {
	if e, ok := err.(*strconv.NumError); ok {
		return e.Err
	}
	return err
}
