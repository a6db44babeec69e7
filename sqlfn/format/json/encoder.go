package json

import (
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// Encoder writes rows as objects with sorted keys. It allocates nothing but
// what dst needs to grow. One goroutine uses it.
type Encoder struct {
	schema *row.Schema
	keys   []key // of schema, sorted by name
}

// key is a column, ready to be written.
type key struct {
	name string
	text []byte // "name": in quotes, with the colon
	slot int
}

// EncodeRow implements format.Encoder: one object.
func (e *Encoder) EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error) {
	if s != e.schema {
		e.prepare(s)
	}
	w := writer{dst: append(dst, '{')}
	rest := r.Rest.Members()
	for i := range e.keys {
		k := &e.keys[i]
		v := r.Col(k.slot)
		for len(rest) > 0 && rest[0].Name <= k.name {
			switch {
			case rest[0].Name < k.name:
				w.member(&rest[0])
			case !v.Present():
				v = rest[0].Val
			}
			rest = rest[1:]
		}
		if v.Present() {
			w.next()
			w.dst = append(w.dst, k.text...)
			w.value(v)
		}
	}
	for i := range rest {
		w.member(&rest[i])
	}
	if w.err != nil {
		return dst, w.err
	}
	return append(w.dst, '}'), nil
}

// EncodeRows implements format.Encoder: an array of objects.
func (e *Encoder) EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error) {
	out := append(dst, '[')
	for i := range rs {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = e.EncodeRow(out, s, &rs[i]); err != nil {
			return dst, err
		}
	}
	return append(out, ']'), nil
}

func (e *Encoder) prepare(s *row.Schema) {
	e.schema, e.keys = s, make([]key, len(s.Cols))
	for i, c := range s.Cols {
		e.keys[i] = key{c.Name, append(jsontext.AppendString(nil, c.Name), ':'), i}
	}
	slices.SortFunc(e.keys, func(a, b key) int { return strings.Compare(a.name, b.name) })
}

// writer appends the members of one object; the first error stays.
type writer struct {
	dst []byte
	err error
}

// next writes the comma between two members.
func (w *writer) next() {
	if w.dst[len(w.dst)-1] != '{' { // no value ends in an open brace
		w.dst = append(w.dst, ',')
	}
}

func (w *writer) member(m *value.Member) {
	if !m.Val.Present() {
		return
	}
	w.next()
	w.dst = append(jsontext.AppendString(w.dst, m.Name), ':')
	w.value(m.Val)
}

func (w *writer) value(v value.Value) {
	if w.err == nil {
		w.dst, w.err = value.AppendJSON(w.dst, v)
	}
}
