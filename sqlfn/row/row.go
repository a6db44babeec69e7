// Package row holds typed tuples: a Schema names the columns, a Row has one
// value per column slot, a Batch is what travels between operators.
//
// Ownership: the Values of a row and the Cols slice are immutable once a batch
// was handed over and may be kept as long as one likes; the Rows slice of a
// batch belongs to the sender again when Push or Emit returns.
package row

import (
	"slices"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Schema names and types the columns of a batch.
type Schema struct {
	Cols []value.Field
	Open bool // schemaless: keys without a column are wanted too and ride in Row.Rest
}

// Slot returns the position of the column with that name, -1 if there is none.
func (s *Schema) Slot(name string) int {
	return slices.IndexFunc(s.Cols, func(f value.Field) bool { return f.Name == name })
}

// Names returns the column names in slot order.
func (s *Schema) Names() []string {
	ns := make([]string, len(s.Cols))
	for i, c := range s.Cols {
		ns[i] = c.Name
	}
	return ns
}

// Row is one event or one result. A column that is absent holds the zero Value.
type Row struct {
	Cols []value.Value // by slot of the batch's schema; may be shorter: the rest is absent
	Rest value.Value   // Object with the keys that have no column, if the schema is Open
	TS   int64         // event time or arrival time, ms since 1970
	Meta Meta          // where the event came from; nil if unknown
	In   int32         // which stream of the rule's FROM and JOINs, from 0
}

// Col returns the value in a slot; absent if the row is shorter.
func (r *Row) Col(slot int) value.Value {
	if slot < len(r.Cols) {
		return r.Cols[slot]
	}
	return value.Value{}
}

// Meta is what the source knows about an event beside its payload: topic, qos,
// deviceName ... It is read by meta() and must not change.
type Meta interface {
	// Key returns one entry; a missing key is NULL.
	Key(name string) value.Value
	// All returns every entry as an Object.
	All() value.Value
}

// ObjectMeta is a Meta made of an Object value.
type ObjectMeta struct{ Obj value.Value }

// Key implements Meta.
func (m ObjectMeta) Key(name string) value.Value {
	v, _ := m.Obj.Lookup(name)
	return v
}

// All implements Meta.
func (m ObjectMeta) All() value.Value { return m.Obj }

// Span is the window a batch is the content of: [Start, End), fired at
// Trigger, all ms since 1970. Set is false outside windows.
type Span struct {
	Start, End, Trigger int64
	Set                 bool
}

// Batch is a run of rows in arrival order, or the content of one window.
type Batch struct {
	Schema *Schema
	Rows   []Row
	Span   Span
	At     int64 // when the rows arrived, ms; 0: not noted
	Timed  bool  // TS is a time of the source's own, not that of arrival
	Fresh  bool  // the source begins again at its beginning: what a table has of it is void
}

// Object returns a row as one STRUCT value: present columns and Rest merged,
// columns winning over Rest.
func Object(s *Schema, r *Row) value.Value {
	ms := make([]value.Member, 0, len(s.Cols)+r.Rest.Len())
	ms = append(ms, r.Rest.Members()...)
	for i := range s.Cols {
		if v := r.Col(i); v.Present() {
			ms = append(ms, value.Member{Name: s.Cols[i].Name, Val: v})
		}
	}
	return value.OfObject(ms)
}

// FromObject returns the row of an Object under a schema: members that have a
// column go to its slot, the others to Rest if the schema is Open.
func FromObject(s *Schema, obj value.Value) Row {
	r := Row{Cols: make([]value.Value, len(s.Cols))}
	var rest []value.Member
	for _, m := range obj.Members() {
		if i := s.Slot(m.Name); i >= 0 {
			r.Cols[i] = m.Val
		} else if s.Open {
			rest = append(rest, m)
		}
	}
	if s.Open {
		r.Rest = value.OfSorted(rest)
	}
	return r
}
