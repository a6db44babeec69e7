package exec

import (
	"errors"

	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// entries is a queue of what Moving keeps of rows. They are numbered as they
// come.
type entries struct {
	width int // values of each
	first int64
	head  int // of the oldest in list
	list  []entry
	vals  []value.Value
}

type entry struct {
	ts    int64
	group *movingGroup // nil: the row fails the window
	next  int64        // number of the next one of the group
}

func (q *entries) len() int          { return len(q.list) - q.head }
func (q *entries) last() int64       { return q.first + int64(q.len()) - 1 }
func (q *entries) oldest() *entry    { return &q.list[q.head] }
func (q *entries) index(n int64) int { return q.head + int(n-q.first) }

func (q *entries) at(number int64) *entry { return &q.list[q.index(number)] }

func (q *entries) values(number int64) []value.Value {
	i := q.index(number) * q.width
	return q.vals[i : i+q.width : i+q.width]
}

// push adds an entry and returns its values.
func (q *entries) push(ts int64) []value.Value {
	q.list = append(q.list, entry{ts: ts})
	for range q.width {
		q.vals = append(q.vals, value.Value{})
	}
	return q.values(q.last())
}

// drop removes the oldest entry. The room is used again when half is empty: an
// entry is moved once on average.
func (q *entries) drop() {
	clear(q.values(q.first))
	q.list[q.head] = entry{}
	q.head++
	q.first++
	if q.head*2 <= len(q.list) {
		return
	}
	kept := copy(q.list, q.list[q.head:])
	copy(q.vals, q.vals[q.head*q.width:])
	clear(q.list[kept:])
	clear(q.vals[kept*q.width:])
	q.list, q.vals, q.head = q.list[:kept], q.vals[:kept*q.width], 0
	if cap(q.list) > 1024 && kept < cap(q.list)/8 {
		q.list = append(make([]entry, 0, 2*kept), q.list...)
		q.vals = append(make([]value.Value, 0, 2*kept*q.width), q.vals...)
	}
}

// Save implements state.Stateful.
func (m *Moving) Save(w *state.Writer) error {
	m.sort()
	index := map[*movingGroup]int64{}
	w.Int(int64(len(m.order)))
	for i, g := range m.order {
		index[g] = int64(i)
		w.String(g.key)
		for _, v := range g.fixed {
			w.Value(v)
		}
	}
	w.Int(int64(m.entries.len()))
	for n := m.entries.first; n <= m.entries.last(); n++ {
		e := m.entries.at(n)
		w.Int(e.ts)
		if e.group == nil {
			w.Int(-1)
			w.String(m.errs[n].Error())
			continue
		}
		w.Int(index[e.group])
		for _, v := range m.entries.values(n) {
			w.Value(v)
		}
	}
	return nil
}

// Load implements state.Stateful. The aggregates are computed anew.
func (m *Moving) Load(r *state.Reader) error {
	groups := make([]*movingGroup, r.Len())
	for i := range groups {
		groups[i] = m.open(r.String())
		for k := range groups[i].fixed {
			groups[i].fixed[k] = r.Value()
		}
	}
	for range r.Len() {
		vals := m.entries.push(r.Int())
		i := r.Int()
		if i < 0 {
			m.spoil(errors.New(r.String()))
			continue
		}
		for k := range vals {
			vals[k] = r.Value()
		}
		if r.Err() != nil || i >= int64(len(groups)) {
			r.Fail("snapshot: group %d of %d", i, len(groups))
			break
		}
		m.join(groups[i], vals)
	}
	return r.Err()
}
