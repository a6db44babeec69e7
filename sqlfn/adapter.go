package sqlfn

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// adapter brings the rows of an input into the rule's layout. A source decodes
// the union of the columns that its rules want, so a batch may have more
// columns than this rule, in another order.
type adapter struct {
	in    *plan.Input
	index int32
	multi bool // several inputs: rows are tagged
	clock bool // processing time: what counts is when a row arrived
	ended bool

	bound *row.Schema // the schema that slots is for
	slots []int       // of the batch, by column of the rule; -1: it has none
	extra []int       // slots of the batch that the rule gets as Rest
	same  bool        // the batch is in the rule's layout already
	rows  []row.Row
}

func newAdapter(in *plan.Input, index int, multi, clock bool) adapter {
	return adapter{in: in, index: int32(index), multi: multi, clock: clock}
}

func (a *adapter) adapt(b row.Batch) row.Batch {
	if b.Schema != a.bound {
		a.bind(b.Schema)
	}
	stamp := a.clock && b.Timed && b.At != 0
	if a.same && !stamp {
		return b
	}
	width := a.in.Base + len(a.slots)
	slab := make([]value.Value, len(b.Rows)*width)
	rows := a.rows[:0]
	for i := range b.Rows {
		r := b.Rows[i]
		if stamp {
			r.TS = b.At
		}
		cols := slab[:width:width]
		slab = slab[width:]
		for k, slot := range a.slots {
			if slot >= 0 {
				cols[a.in.Base+k] = r.Col(slot)
			}
		}
		if len(a.extra) > 0 {
			r.Rest = a.rest(&r)
		}
		if a.in.FoldCase {
			a.fold(cols[a.in.Base:], r.Rest)
		}
		r.Cols, r.In = cols, a.index
		rows = append(rows, r)
	}
	a.rows = rows
	b.Rows = rows
	return b
}

// bind finds the rule's columns in a schema.
func (a *adapter) bind(s *row.Schema) {
	a.bound = s
	a.slots = make([]int, len(a.in.Want.Cols))
	a.same = !a.multi && !a.in.FoldCase && len(s.Cols) == len(a.slots)
	taken := make([]bool, len(s.Cols))
	for k, c := range a.in.Want.Cols {
		slot := s.Slot(c.Name)
		a.slots[k] = slot
		a.same = a.same && slot == k
		if slot >= 0 {
			taken[slot] = true
		}
	}
	a.extra = nil
	if !a.in.Want.Open {
		return
	}
	for slot, t := range taken {
		if !t {
			a.extra = append(a.extra, slot)
			a.same = false
		}
	}
}

// rest adds the columns that other rules made of keys this rule has in Rest.
func (a *adapter) rest(r *row.Row) value.Value {
	ms := append(make([]value.Member, 0, r.Rest.Len()+len(a.extra)), r.Rest.Members()...)
	for _, slot := range a.extra {
		if v := r.Col(slot); v.Present() {
			ms = append(ms, value.Member{Name: a.bound.Cols[slot].Name, Val: v})
		}
	}
	return value.OfObject(ms)
}

// fold fills absent columns from keys that differ in case only.
func (a *adapter) fold(cols []value.Value, rest value.Value) {
	for k, c := range a.in.Want.Cols {
		if cols[k].Present() {
			continue
		}
		for _, m := range rest.Members() {
			if strings.EqualFold(m.Name, c.Name) {
				cols[k] = m.Val
				break
			}
		}
	}
}
