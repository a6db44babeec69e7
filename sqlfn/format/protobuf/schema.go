// Package protobuf is the format of Protocol Buffers messages. A schema is
// compiled from the text of a .proto file; SCHEMAID names one of its messages.
//
//	f, err := protobuf.Compile("plant", text, nil)
//	m, err := f.Message("Reading")
//	d, err := protobuf.NewDecoder(format.Config{Schema: want, Message: m})
//
// Bytes on the wire go straight into the wanted columns and back; no message is
// built in between.
package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	format.Register(&format.Format{
		Name:       "protobuf",
		Doc:        param.T("A Protocol Buffers message; SCHEMAID is the name of the schema and of the message, such as plant.Reading.", "Protocol Buffers 消息；SCHEMAID 为模式名与消息名，例如 plant.Reading。"),
		NewDecoder: func(c format.Config) (format.Decoder, error) { return NewDecoder(c) },
		NewEncoder: func(c format.Config) (format.Encoder, error) { return NewEncoder(c) },
	})
}

// File is a compiled schema.
type File struct{ desc protoreflect.FileDescriptor }

// Message is one message of a schema.
type Message struct {
	desc protoreflect.MessageDescriptor
}

// maxNesting bounds how deep messages are nested, in a schema and on the wire.
const maxNesting = 64

// Compile compiles the text of a .proto file. imported opens the files that it
// imports; those of google/protobuf are known. An error names line and column.
func Compile(name, text string, imported func(path string) (io.ReadCloser, error)) (*File, error) {
	path := name + ".proto"
	open := func(p string) (io.ReadCloser, error) {
		if p == path {
			return io.NopCloser(strings.NewReader(text)), nil
		}
		if imported == nil {
			return nil, fmt.Errorf("%s is not there", p)
		}
		return imported(p)
	}
	c := protocompile.Compiler{
		Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: open}),
		Reporter: reporter.NewReporter(func(err reporter.ErrorWithPos) error { return err }, nil),
	}
	files, err := c.Compile(context.Background(), path)
	if err != nil {
		return nil, fmt.Errorf("protobuf schema %s: %w", name, err)
	}
	return &File{files[0]}, nil
}

// Message finds a message by its name, or by its name with those of the
// messages, or of the package, that it is in.
func (f *File) Message(name string) (*Message, error) {
	var found protoreflect.MessageDescriptor
	var names []string
	eachMessage(f.desc.Messages(), func(m protoreflect.MessageDescriptor) {
		full := string(m.FullName())
		local := strings.TrimPrefix(full, string(f.desc.Package())+".")
		names = append(names, local)
		if found == nil && (name == full || name == local) {
			found = m
		}
	})
	if found == nil {
		return nil, diag.New(diag.Stream, "message %s is not in the schema", name).WithHint(diag.DidYouMean(name, names))
	}
	return &Message{found}, nil
}

func eachMessage(ms protoreflect.MessageDescriptors, f func(protoreflect.MessageDescriptor)) {
	for i := range ms.Len() {
		if m := ms.Get(i); !m.IsMapEntry() {
			f(m)
			eachMessage(m.Messages(), f)
		}
	}
}

// Schema returns a column for each field, in the order of the file.
func (m *Message) Schema() *row.Schema {
	return &row.Schema{Cols: fieldsOf(m.desc, nil)}
}

func fieldsOf(m protoreflect.MessageDescriptor, above []protoreflect.FullName) []value.Field {
	for _, name := range above {
		if name == m.FullName() {
			return nil // a message that holds itself: what is in it is not declared
		}
	}
	above = append(above, m.FullName())
	fs := m.Fields()
	cols := make([]value.Field, fs.Len())
	for i := range cols {
		f := fs.Get(i)
		t := typeOf(f, above)
		if f.IsList() {
			t = value.ArrayOf(t)
		}
		cols[i] = value.Field{Name: string(f.Name()), Type: t}
	}
	return cols
}

func typeOf(f protoreflect.FieldDescriptor, above []protoreflect.FullName) value.Type {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return value.Type{Kind: value.Bool}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return value.Type{Kind: value.Float}
	case protoreflect.StringKind:
		return value.Type{Kind: value.String}
	case protoreflect.BytesKind:
		return value.Type{Kind: value.Bytes}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		t := value.Type{Kind: value.Object}
		if !f.IsMap() {
			t.Fields = fieldsOf(f.Message(), above)
		}
		return t
	}
	return value.Type{Kind: value.Int}
}

var errNoMessage = errors.New(`FORMAT="protobuf" needs SCHEMAID, the name of a schema and of a message in it, such as plant.Reading`)

// messageOf returns what SCHEMAID was resolved to.
func messageOf(c format.Config) (*Message, error) {
	m, ok := c.Message.(*Message)
	if !ok || m == nil {
		return nil, errNoMessage
	}
	return m, nil
}
