package json

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// column knows how to read the values of one column, of the elements of its
// arrays, or of a member of its structs.
type column struct {
	name   string // in error messages; elements of arrays go by "array"
	kind   value.Kind
	read   reader // nil: whatever it is
	elem   *column
	fields []column
}

// reader reads the value at p[i], which is not null, into a column.
type reader func(d *Decoder, p []byte, i int, c *column) (value.Value, int)

func compile(name string, t value.Type, cfg format.Config) column {
	c := column{name: name, kind: t.Kind}
	switch t.Kind {
	case value.Bool:
		c.read = readBool
	case value.Int, value.Uint:
		c.read = readInt
	case value.Float:
		c.read = readFloat
	case value.String:
		c.read = readString
	case value.Bytes:
		c.read = readBytes
	case value.Time:
		if cfg.Strict {
			c.read = readTime
		}
	case value.Array, value.Ints, value.Floats:
		c.kind, c.read = value.Array, readArray
		elem := compile("array", elemType(t), cfg)
		c.elem = &elem
	case value.Object:
		c.read = readStruct
		if t.Fields != nil {
			c.fields = make([]column, 0, len(t.Fields))
		}
		for _, f := range t.Fields {
			c.fields = append(c.fields, compile(f.Name, f.Type, cfg))
		}
	}
	return c
}

func elemType(t value.Type) value.Type {
	switch {
	case t.Kind == value.Ints:
		return value.Type{Kind: value.Int}
	case t.Kind == value.Floats:
		return value.Type{Kind: value.Float}
	case t.Elem == nil:
		return value.Type{}
	}
	return *t.Elem
}

// kindAt names the JSON type of the value at p[i].
func kindAt(p []byte, i int) string {
	switch p[i] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't':
		return "true"
	case 'f':
		return "false"
	case 'n':
		return "null"
	}
	return "number"
}

func isNumber(p []byte, i int) bool { return i < len(p) && (p[i]-'0' <= 9 || p[i] == '-') }

// refuse notes why the value at p[i], which ends at end, is not of the column's
// type. Text that is no JSON at all is the graver error.
func (d *Decoder) refuse(end int, err error) (value.Value, int) {
	if end < 0 {
		return value.Value{}, end
	}
	d.err = err
	return value.Value{}, refused
}

func (d *Decoder) wrongType(p []byte, i int, c *column) (value.Value, int) {
	end := jsontext.Skip(p, i)
	if end < 0 {
		return value.Value{}, end
	}
	return d.refuse(end, fmt.Errorf("%s has wrong type:%s, expect:%s", c.name, kindAt(p, i), c.kind))
}

func readInt(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if n, end, ok := jsontext.Whole(p, i); ok {
		return value.OfInt(n), end
	}
	if !isNumber(p, i) {
		return d.wrongType(p, i, c)
	}
	f, end := jsontext.Float(p, i)
	if end < 0 {
		return value.Value{}, end
	}
	digits := strings.TrimPrefix(text(p[i:end]), "-")
	tail := strings.TrimLeft(digits, "0123456789")
	switch {
	case f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 && tail != "":
		return value.OfInt(int64(f)), end
	case tail != "":
		return d.refuse(end, fmt.Errorf("unparsed tail left after parsing int64 form %q: %q", p[i:end], tail))
	}
	if u, err := strconv.ParseUint(text(p[i:end]), 10, 64); err == nil {
		return value.OfUint(u), end
	}
	return d.refuse(end, fmt.Errorf("%s has the number %s, which is out of the range of bigint", c.name, p[i:end]))
}

func readFloat(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if !isNumber(p, i) {
		return d.wrongType(p, i, c)
	}
	f, end := jsontext.Float(p, i)
	if math.IsInf(f, 0) {
		return d.refuse(end, fmt.Errorf("%s has the number %s, which is out of the range of float", c.name, p[i:end]))
	}
	return value.OfFloat(f), end
}

func readString(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	switch {
	case i < len(p) && p[i] == '"':
		return d.parser.Parse(p, i)
	case isNumber(p, i):
		end := jsontext.Number(p, i)
		if end < 0 {
			return value.Value{}, end
		}
		return value.OfStringBytes(d.parser.Text(p[i:end])), end
	}
	return d.wrongType(p, i, c)
}

func readBool(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	switch {
	case i < len(p) && (p[i] == 't' || p[i] == 'f'):
		return d.parser.Parse(p, i)
	case i < len(p) && p[i] == '"' || isNumber(p, i):
	default:
		return d.wrongType(p, i, c)
	}
	s, end := readString(d, p, i, c)
	if end < 0 {
		return s, end
	}
	b, err := strconv.ParseBool(s.Str())
	if err != nil {
		return d.refuse(end, err)
	}
	return value.OfBool(b), end
}

func readBytes(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if i >= len(p) || p[i] != '"' {
		return d.wrongType(p, i, c)
	}
	s, end := d.parser.Parse(p, i)
	if end < 0 {
		return s, end
	}
	raw, err := base64.StdEncoding.AppendDecode(nil, s.Bytes())
	if err != nil {
		raw = s.Bytes()
	}
	return value.OfBytes(raw), end
}

func readTime(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if isNumber(p, i) {
		f, end := jsontext.Float(p, i)
		if end < 0 {
			return value.Value{}, end
		}
		return value.OfTime(time.UnixMilli(int64(f)).UTC()), end
	}
	mismatch := func(end int, err error) (value.Value, int) {
		return d.refuse(end, fmt.Errorf("error in preprocessor: field %s type mismatch: %w", c.name, err))
	}
	if i >= len(p) || p[i] != '"' {
		end := jsontext.Skip(p, i)
		if end < 0 {
			return value.Value{}, end
		}
		return mismatch(end, errors.New("expected a time, found "+kindAt(p, i)))
	}
	s, end := d.parser.Parse(p, i)
	if end < 0 {
		return s, end
	}
	at, err := d.readTime(s.Str())
	if err != nil {
		return mismatch(end, err)
	}
	return value.OfTime(at), end
}

func readArray(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if i >= len(p) || p[i] != '[' {
		return d.wrongType(p, i, c)
	}
	if c.elem.read == nil {
		return d.parser.Parse(p, i)
	}
	i = jsontext.Space(p, i+1)
	if i < len(p) && p[i] == ']' {
		return value.OfArray(nil), i + 1
	}
	var vs []value.Value
	for {
		var v value.Value
		if i = d.read(p, i, c.elem, &v); i < 0 {
			return value.Value{}, i
		}
		vs = append(vs, v)
		i = jsontext.Space(p, i)
		if i < len(p) && p[i] == ',' {
			i = jsontext.Space(p, i+1)
			continue
		}
		if i < len(p) && p[i] == ']' {
			return pack(vs), i + 1
		}
		return value.Value{}, jsontext.Bad(i)
	}
}

// pack keeps an array of nothing but numbers of one kind as numbers.
func pack(vs []value.Value) value.Value {
	kind := vs[0].Kind()
	if kind != value.Int && kind != value.Float ||
		slices.ContainsFunc(vs, func(v value.Value) bool { return v.Kind() != kind }) {
		return value.OfArray(slices.Clip(vs))
	}
	if kind == value.Int {
		ns := make([]int64, len(vs))
		for i, v := range vs {
			ns[i] = v.Int()
		}
		return value.OfInts(ns)
	}
	fs := make([]float64, len(vs))
	for i, v := range vs {
		fs[i] = v.Float()
	}
	return value.OfFloats(fs)
}

func readStruct(d *Decoder, p []byte, i int, c *column) (value.Value, int) {
	if i >= len(p) || p[i] != '{' {
		return d.wrongType(p, i, c)
	}
	if c.fields == nil {
		return d.parser.Parse(p, i)
	}
	var ms []value.Member
	for first := true; ; first = false {
		val, key := step(p, i, first)
		if key == nil {
			if val < 0 {
				return value.Value{}, val
			}
			return value.OfObject(ms), val
		}
		f := c.field(key)
		if f == nil {
			i = jsontext.Skip(p, val)
		} else {
			m := value.Member{Name: f.name}
			i = d.read(p, val, f, &m.Val)
			ms = append(ms, m)
		}
		if i < 0 {
			return value.Value{}, i
		}
	}
}

// field finds the member whose key stands in a text that step walked over.
func (c *column) field(key []byte) *column {
	name := keyName(key)
	for i := range c.fields {
		if c.fields[i].name == string(name) {
			return &c.fields[i]
		}
	}
	return nil
}
