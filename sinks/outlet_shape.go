package sinks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// shape turns the rows of an emission into what a message holds: template,
// dataField and the choice of columns, in this order.
type shape struct {
	prop   *properties
	parse  bool // a template's output is JSON that is looked into
	fields fieldChoice
}

// body is the content of one message.
type body struct {
	text   []byte // ready to send, when set
	schema *row.Schema
	rows   []row.Row
	single bool // one row that is not in a list
}

// apply makes the body of a message; ok is false if there is nothing to send.
func (s *shape) apply(in body) (out body, ok bool, err error) {
	if s.prop.omitIfEmpty {
		if in.rows = filled(in.rows); len(in.rows) == 0 {
			return in, false, nil
		}
	}
	if s.prop.template.Text != "" {
		if in, err = s.fill(in); err != nil || in.text != nil {
			return in, err == nil, err
		}
	}
	if s.prop.dataField != "" {
		if in, err = s.field(in); err != nil {
			return in, false, err
		}
	}
	if len(s.prop.fields) > 0 || len(s.prop.exclude) > 0 {
		in = s.fields.apply(in)
	}
	if s.prop.omitIfEmpty {
		if in.rows = filled(in.rows); len(in.rows) == 0 {
			return in, false, nil
		}
	}
	return in, true, nil
}

// filled returns the rows that have a value; rs itself if all do.
func filled(rs []row.Row) []row.Row {
	if !slices.ContainsFunc(rs, emptyRow) {
		return rs
	}
	return slices.DeleteFunc(slices.Clone(rs), emptyRow)
}

func emptyRow(r row.Row) bool {
	return r.Rest.Len() == 0 && !slices.ContainsFunc(r.Cols, value.Value.Present)
}

// fill runs the template.
func (s *shape) fill(in body) (body, error) {
	p := Payload{Schema: in.schema, Rows: in.rows, Single: in.single}
	text, err := s.prop.template.Eval(p.Value().Any())
	if err != nil {
		return in, err
	}
	if !s.parse {
		in.text = []byte(text)
		if in.text == nil {
			in.text = []byte{}
		}
		return in, nil
	}
	v, err := value.ParseJSON([]byte(text), value.JSONOptions{IntWhole: true})
	if err != nil {
		return in, fmt.Errorf("dataTemplate: its output is not JSON: %w", err)
	}
	return ofValue(v, "dataTemplate")
}

// field takes the content of the dataField out of each row.
func (s *shape) field(in body) (body, error) {
	name := s.prop.dataField
	if in.single {
		v, err := cell(in.schema, &in.rows[0], name)
		if err != nil {
			return in, err
		}
		return ofValue(v, "dataField "+name)
	}
	out := body{schema: anySchema}
	for i := range in.rows {
		v, err := cell(in.schema, &in.rows[i], name)
		if err != nil {
			return in, err
		}
		b, err := ofValue(v, "dataField "+name)
		if err != nil {
			return in, err
		}
		out.rows = append(out.rows, b.rows...)
	}
	return out, nil
}

// cell returns a value of a row by the name of its column.
func cell(s *row.Schema, r *row.Row, name string) (value.Value, error) {
	if i := s.Slot(name); i >= 0 && r.Col(i).Present() {
		return r.Col(i), nil
	}
	if v, ok := r.Rest.Lookup(name); ok {
		return v, nil
	}
	return value.Value{}, fmt.Errorf("dataField %s: the result has no such column", name)
}

// anySchema is for rows that are objects of any shape, held in Rest.
var anySchema = &row.Schema{Open: true}

// ofValue makes the rows of an object or an array of objects.
func ofValue(v value.Value, what string) (body, error) {
	switch {
	case v.Kind() == value.Object:
		return body{schema: anySchema, rows: []row.Row{{Rest: v}}, single: true}, nil
	case v.IsArray():
		b := body{schema: anySchema, rows: make([]row.Row, v.Len())}
		for i := range b.rows {
			if v.At(i).Kind() != value.Object {
				return b, fmt.Errorf("%s: element %d is not an object: %s", what, i, value.Describe(v.At(i)))
			}
			b.rows[i].Rest = v.At(i)
		}
		return b, nil
	}
	return body{}, fmt.Errorf("%s: neither an object nor an array of objects: %s", what, value.Describe(v))
}

// fieldChoice keeps or drops columns. It remembers what it did with the last
// schema.
type fieldChoice struct {
	keep, drop []string
	from, to   *row.Schema
	slots      []int // for each column of to the one of from, -1: look in Rest
}

func (f *fieldChoice) set(from *row.Schema) {
	if f.from == from {
		return
	}
	f.from, f.to, f.slots = from, &row.Schema{}, nil
	if len(f.keep) > 0 {
		for _, name := range f.keep {
			c := value.Field{Name: name}
			slot := from.Slot(name)
			if slot >= 0 {
				c = from.Cols[slot]
			}
			f.to.Cols, f.slots = append(f.to.Cols, c), append(f.slots, slot)
		}
		return
	}
	f.to.Open = from.Open
	for i, c := range from.Cols {
		if !slices.Contains(f.drop, c.Name) {
			f.to.Cols, f.slots = append(f.to.Cols, c), append(f.slots, i)
		}
	}
}

func (f *fieldChoice) apply(in body) body {
	f.set(in.schema)
	out := body{schema: f.to, rows: make([]row.Row, len(in.rows)), single: in.single}
	n := len(f.to.Cols)
	cols := make([]value.Value, n*len(in.rows))
	for i := range in.rows {
		r := in.rows[i]
		c := cols[i*n : (i+1)*n : (i+1)*n]
		for j, slot := range f.slots {
			if slot >= 0 {
				c[j] = r.Col(slot)
			}
			if len(f.keep) > 0 && !c[j].Present() {
				c[j] = f.missing(&r, f.keep[j])
			}
		}
		r.Cols, r.Rest = c, f.rest(r.Rest)
		out.rows[i] = r
	}
	return out
}

// missing is the value of a field to keep that has no column: a member of
// Rest, or null.
func (f *fieldChoice) missing(r *row.Row, name string) value.Value {
	if v, ok := r.Rest.Lookup(name); ok {
		return v
	}
	return value.ExplicitNull
}

// rest returns the members that are left.
func (f *fieldChoice) rest(rest value.Value) value.Value {
	if len(f.keep) > 0 {
		return value.Value{}
	}
	ms := rest.Members()
	dropped := func(m value.Member) bool { return slices.Contains(f.drop, m.Name) }
	if !slices.ContainsFunc(ms, dropped) {
		return rest
	}
	return value.OfSorted(slices.DeleteFunc(slices.Clone(ms), dropped))
}

// needsParsing tells whether a template's output is looked into rather than
// sent as it is.
func (c *properties) needsParsing(tuples bool) bool {
	return tuples || c.dataField != "" || len(c.fields) > 0 || len(c.exclude) > 0 || c.batching() ||
		c.format != "" && !strings.EqualFold(c.format, "json")
}

// batching tells whether the rows of several emissions are joined.
func (c *properties) batching() bool { return c.batchSize > 1 || c.linger > 0 }
