package delimited

import (
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// encoder joins the values of a row: in the order of Fields, else in the order
// of the names. Rows of one payload have the same columns; a value that is
// absent leaves its place empty. Arrays and objects are in Go's spelling.
type encoder struct {
	delim  string
	header bool
	fields []string
	schema *row.Schema
	sorted []column // of schema
}

// column is where a value is found: in a slot, else by name in Row.Rest.
type column struct {
	name string
	slot int
}

func newEncoder(c format.Config) *encoder {
	return &encoder{delim: delimiter(c), header: c.HasHeader, fields: c.Fields}
}

// EncodeRow implements format.Encoder.
func (e *encoder) EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error) {
	return e.EncodeRows(dst, s, []row.Row{*r})
}

// EncodeRows implements format.Encoder: a line for each row, no line end behind
// the last one.
func (e *encoder) EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error) {
	cols := e.columns(s, rs)
	if e.header {
		for i, c := range cols {
			if i > 0 {
				dst = append(dst, e.delim...)
			}
			dst = append(dst, c.name...)
		}
	}
	for i := range rs {
		if i > 0 || e.header {
			dst = append(dst, '\n')
		}
		dst = e.row(dst, cols, &rs[i])
	}
	return dst, nil
}

func (e *encoder) row(dst []byte, cols []column, r *row.Row) []byte {
	for i, c := range cols {
		if i > 0 {
			dst = append(dst, e.delim...)
		}
		var v value.Value
		if c.slot >= 0 {
			v = r.Col(c.slot)
		}
		if !v.Present() {
			v, _ = r.Rest.Lookup(c.name)
		}
		dst = append(dst, v.String()...)
	}
	return dst
}

// columns returns what rows of a payload consist of.
func (e *encoder) columns(s *row.Schema, rs []row.Row) []column {
	if s != e.schema {
		e.schema, e.sorted = s, e.sorted[:0]
		names := e.fields
		if names == nil {
			names = s.Names()
			slices.Sort(names)
		}
		for _, n := range names {
			e.sorted = append(e.sorted, column{n, s.Slot(n)})
		}
	}
	if e.fields != nil || !s.Open {
		return e.sorted
	}
	cols := slices.Clone(e.sorted)
	for i := range rs {
		for _, m := range rs[i].Rest.Members() {
			at, known := slices.BinarySearchFunc(cols, m.Name, func(c column, n string) int { return strings.Compare(c.name, n) })
			if !known {
				cols = slices.Insert(cols, at, column{m.Name, -1})
			}
		}
	}
	return cols
}
