// Package binary is the format of payloads that are one BYTEA value, such as
// camera frames: the column self, or the only declared column.
package binary

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const self = "self"

func init() {
	format.Register(&format.Format{
		Name:       "binary",
		Doc:        param.T("The whole payload is one BYTEA value, the column self.", "整个负载为一个 BYTEA 值，列名为 self。"),
		NewDecoder: newDecoder,
		NewEncoder: func(format.Config) (format.Encoder, error) { return encoder{}, nil },
	})
}

type decoder struct {
	schema *row.Schema
	name   string
	slot   int
}

func newDecoder(c format.Config) (format.Decoder, error) {
	d := decoder{schema: c.Schema, name: self}
	if c.Declared != nil && len(c.Declared.Cols) > 0 {
		only := c.Declared.Cols[0]
		if len(c.Declared.Cols) > 1 || only.Type.Kind != value.Bytes {
			return nil, fmt.Errorf("format binary needs a single column of type bytea, found %v", c.Declared.Names())
		}
		d.name = only.Name
	}
	d.slot = c.Schema.Slot(d.name)
	return &d, nil
}

// Decode implements format.Decoder.
func (d *decoder) Decode(p []byte, into *row.Batch) error {
	r := row.Row{Cols: make([]value.Value, len(d.schema.Cols))}
	switch {
	case d.slot >= 0:
		r.Cols[d.slot] = value.OfBytes(p)
	case d.schema.Open:
		r.Rest = value.OfSorted([]value.Member{{Name: d.name, Val: value.OfBytes(p)}})
	}
	into.Rows = append(into.Rows, r)
	return nil
}

type encoder struct{}

// EncodeRow implements format.Encoder: the bytes of the column self, or of the
// only column.
func (encoder) EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error) {
	v, ok := r.Rest.Lookup(self)
	if slot := s.Slot(self); slot >= 0 && r.Col(slot).Present() {
		v, ok = r.Col(slot), true
	} else if !ok && len(s.Cols) == 1 && r.Col(0).Kind() == value.Bytes {
		v, ok = r.Col(0), true
	}
	switch {
	case !ok:
		return dst, fmt.Errorf("field %s not exist", self)
	case v.Kind() != value.Bytes && v.Kind() != value.String:
		return dst, fmt.Errorf("field %s is of type %s, format binary needs bytea", self, v.Kind())
	}
	return append(dst, v.Bytes()...), nil
}

// EncodeRows implements format.Encoder for a single row.
func (e encoder) EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error) {
	if len(rs) != 1 {
		return dst, fmt.Errorf("format binary cannot hold %d rows in one message, set sendSingle", len(rs))
	}
	return e.EncodeRow(dst, s, &rs[0])
}
