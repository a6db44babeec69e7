package exec

import (
	"container/heap"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Dedup is the operator of dedup_trigger: overlapping requests for stretches of
// time become slices that do not overlap. A result waits until time has reached
// the end it asks for; its column then has the parts of [start, end] that no
// result before it was given, NULL if there are none.
type Dedup struct {
	column int
	held   requests
	given  []stretch // in order, apart from each other
	now    int64
	schema *row.Schema
	order  int64 // requests so far
}

// stretch is a stretch of time in ms, both ends included.
type stretch struct{ from, to int64 }

// request is a result that waits.
type request struct {
	row    row.Row
	span   stretch
	number int64 // in order of arrival
}

// requests is a heap by the end that is asked for.
type requests []request

func (r requests) Len() int      { return len(r) }
func (r requests) Swap(i, k int) { r[i], r[k] = r[k], r[i] }
func (r *requests) Push(x any)   { *r = append(*r, x.(request)) }
func (r requests) Less(i, k int) bool {
	return r[i].span.to < r[k].span.to || r[i].span.to == r[k].span.to && r[i].number < r[k].number
}

func (r *requests) Pop() any {
	last := (*r)[len(*r)-1]
	(*r)[len(*r)-1] = request{}
	*r = (*r)[:len(*r)-1]
	return last
}

// NewDedup makes the operator for results of a schema.
func NewDedup(n *plan.Dedup, out *row.Schema) *Dedup { return &Dedup{column: n.Column, schema: out} }

// Push implements Operator. Column has [start, end, now, expire] of each row.
func (d *Dedup) Push(b row.Batch, out Emitter) error {
	for i := range b.Rows {
		r := Keep(&b.Rows[i])
		asked := r.Cols[d.column].Ints()
		start, end, now, expire := asked[0], asked[1], asked[2], asked[3]
		d.order++
		heap.Push(&d.held, request{r, stretch{max(start, now-expire), end}, d.order})
		d.now = max(d.now, r.TS, now)
	}
	return d.release(out)
}

// Advance implements Operator.
func (d *Dedup) Advance(now int64, out Emitter) error {
	d.now = max(d.now, now)
	return d.release(out)
}

// Flush gives what waits because the input has ended.
func (d *Dedup) Flush(out Emitter) error { return d.Advance(EndOfTime, out) }

// NextWake implements Waker.
func (d *Dedup) NextWake() (int64, bool) {
	if len(d.held) == 0 {
		return 0, false
	}
	return d.held[0].span.to, true
}

func (d *Dedup) release(out Emitter) error {
	for len(d.held) > 0 && d.held[0].span.to <= d.now {
		q := heap.Pop(&d.held).(request)
		q.row.Cols[d.column] = timeSlices(d.take(q.span))
		if err := out.Emit(row.Batch{Schema: d.schema, Rows: []row.Row{q.row}}); err != nil {
			return err
		}
	}
	return nil
}

// take returns the parts of a stretch that were not given yet and gives them.
func (d *Dedup) take(s stretch) (parts []stretch) {
	at := s.from
	i := 0
	for i < len(d.given) && d.given[i].to < s.from {
		i++
	}
	first := i
	merged := s
	for ; i < len(d.given) && d.given[i].from <= s.to; i++ {
		if g := d.given[i]; g.from > at {
			parts = append(parts, stretch{at, g.from - 1})
		}
		at = max(at, d.given[i].to+1)
		merged = stretch{min(merged.from, d.given[i].from), max(merged.to, d.given[i].to)}
	}
	if at <= s.to {
		parts = append(parts, stretch{at, s.to})
	}
	if merged.from <= merged.to {
		d.given = slices.Replace(d.given, first, i, merged)
	}
	return parts
}

func timeSlices(parts []stretch) value.Value {
	if len(parts) == 0 {
		return value.Value{}
	}
	vs := make([]value.Value, len(parts))
	for i, p := range parts {
		vs[i] = value.OfSorted([]value.Member{{Name: "end_key", Val: value.OfInt(p.to)}, {Name: "start_key", Val: value.OfInt(p.from)}})
	}
	return value.OfArray(vs)
}

// Save implements state.Stateful.
func (d *Dedup) Save(w *state.Writer) error {
	w.Int(d.now)
	w.Int(d.order)
	w.Int(int64(len(d.given)))
	for _, g := range d.given {
		w.Int(g.from)
		w.Int(g.to)
	}
	w.Int(int64(len(d.held)))
	for i := range d.held {
		w.Row(&d.held[i].row)
		w.Int(d.held[i].span.from)
		w.Int(d.held[i].number)
	}
	return nil
}

// Load implements state.Stateful.
func (d *Dedup) Load(r *state.Reader) error {
	d.now, d.order = r.Int(), r.Int()
	d.given = make([]stretch, r.Len())
	for i := range d.given {
		d.given[i] = stretch{r.Int(), r.Int()}
	}
	d.held = make(requests, r.Len())
	for i := range d.held {
		q := request{row: r.Row()}
		q.span.from, q.number = r.Int(), r.Int()
		if r.Err() != nil {
			return r.Err()
		}
		if d.column >= len(q.row.Cols) || q.row.Cols[d.column].Kind() != value.Ints || q.row.Cols[d.column].Len() != 4 {
			r.Fail("snapshot: a held result has no stretch of time")
			return r.Err()
		}
		q.span.to = q.row.Cols[d.column].Ints()[1]
		d.held[i] = q
	}
	return r.Err()
}
