// Package format turns payload bytes into rows and rows into payload bytes:
// json, delimited, binary, urlencoded, protobuf.
package format

import (
	"bytes"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Config is what a stream or sink says about its format.
type Config struct {
	Schema    *row.Schema // wanted columns; Open: unknown keys go to Row.Rest
	Declared  *row.Schema // all declared columns in order, nil if schemaless (delimited names columns by it)
	Strict    bool        // STRICT_VALIDATION
	Delimiter string      // default ","
	SchemaID  string
	Message   any // what SCHEMAID names, of formats that need a schema (*protobuf.Message)
	HasHeader bool
	Fields    []string // order of columns for delimited
	// TimestampFormat is the pattern of the text in DATETIME columns; it is read
	// under Strict only. Text without a zone is in Loc, nil: UTC.
	TimestampFormat string
	Loc             *time.Location
	IntWhole        bool   // useInt64ForWholeNumber: whole JSON numbers become BIGINT on schemaless streams
	Datasource      string // DATASOURCE of the stream
	NoMeta          bool   // nobody asks for Row.Meta: a decoder that makes it may leave it out and keep less memory
}

// Decoder turns one payload into rows. It is compiled for one schema and used
// by one goroutine.
type Decoder interface {
	// Decode appends the rows of p to into.Rows. Values may share the memory of
	// p, which is never written again. On an error no row of p is appended.
	Decode(p []byte, into *row.Batch) error
}

// MetaDecoder is a Decoder that needs what the source knows of a message: the
// topic says which device has sent it.
type MetaDecoder interface {
	Decoder
	DecodeFrom(p []byte, meta row.Meta, into *row.Batch) error
}

// LinesDecoder is a Decoder that is faster at many documents in one payload,
// one a line, than Decode on each of them.
type LinesDecoder interface {
	// DecodeLines appends the rows of every line. A line that cannot be decoded
	// is told to fail and loses only itself. Values do not share the memory of
	// p: a row that is kept would hold all the lines.
	DecodeLines(p []byte, into *row.Batch, fail func(err error))
}

// DecodeLines decodes a payload that holds one document a line with any
// Decoder. Blank lines are passed over. p may be written again afterwards.
func DecodeLines(d Decoder, p []byte, into *row.Batch, fail func(err error)) {
	if d, ok := d.(LinesDecoder); ok {
		d.DecodeLines(p, into, fail)
		return
	}
	for line := range bytes.Lines(p) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			continue
		}
		if err := d.Decode(bytes.Clone(line), into); err != nil {
			fail(err)
		}
	}
}

// Encoder turns rows into one payload. It is used by one goroutine.
type Encoder interface {
	// EncodeRow appends one row, as sent with sendSingle.
	EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error)
	// EncodeRows appends a list of rows.
	EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error)
}

// Format is a pair of codecs.
type Format struct {
	Name       string
	Doc        param.Text
	NewDecoder func(Config) (Decoder, error)
	NewEncoder func(Config) (Encoder, error)
}

var formats = map[string]*Format{}

// Register adds a format; it panics on a duplicate.
func Register(f *Format) {
	if formats[f.Name] != nil {
		panic("format: " + f.Name + " registered twice")
	}
	formats[f.Name] = f
}

// Lookup finds a format by name in any case; "" is json.
func Lookup(name string) (*Format, error) {
	if name == "" {
		name = "json"
	}
	if f := formats[strings.ToLower(name)]; f != nil {
		return f, nil
	}
	return nil, diag.New(diag.Exec, "format type %s not supported", name).WithHint(diag.DidYouMean(name, Names()))
}

// Names returns the names of all formats.
func Names() []string {
	var ns []string
	for n := range formats {
		ns = append(ns, n)
	}
	return ns
}
