package window

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// sliding emits, for every row (or every row for which WHEN holds), the rows of
// the last length ms; with a delay also those of the next delay ms.
type sliding struct {
	admit         filter
	when          expr.Func
	length, delay int64
	rows          []row.Row
	pending       []int64 // times of rows that wait for their delay
}

func newSliding(n *plan.Window, admit filter, cfg Config) (*sliding, error) {
	w := &sliding{admit: admit, length: n.Size * unitMS[n.Unit], delay: n.Second * unitMS[n.Unit]}
	var err error
	if n.When != nil {
		w.when, err = expr.Compile(n.When)
	}
	return w, err
}

// Push implements exec.Operator.
func (w *sliding) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.admit.admits(r, out) {
			continue
		}
		if err := w.fire(r.TS-1, out); err != nil {
			return err
		}
		w.drop(r.TS - w.length - w.delay)
		w.rows = append(w.rows, exec.Keep(r))
		if !w.triggers(r, out) {
			continue
		}
		if w.delay > 0 {
			w.pending = append(w.pending, r.TS)
			continue
		}
		if err := w.emit(r.TS, out); err != nil {
			return err
		}
	}
	return nil
}

func (w *sliding) triggers(r *row.Row, out exec.Emitter) bool {
	if w.when == nil {
		return true
	}
	ok, err := expr.True(w.when, w.admit.ctx, r)
	if err != nil {
		out.Fail(fmt.Errorf("run When error: %w", err))
	}
	return ok && err == nil
}

// fire emits the windows whose delay has passed at now.
func (w *sliding) fire(now int64, out exec.Emitter) error {
	for len(w.pending) > 0 && w.pending[0]+w.delay <= now {
		at := w.pending[0]
		w.pending = w.pending[1:]
		if err := w.emit(at, out); err != nil {
			return err
		}
	}
	return nil
}

func (w *sliding) emit(at int64, out exec.Emitter) error {
	from, to := at-w.length, at+w.delay
	first := 0
	for first < len(w.rows) && w.rows[first].TS < from {
		first++
	}
	last := len(w.rows)
	for last > first && w.rows[last-1].TS > to {
		last--
	}
	return out.Emit(row.Batch{Rows: w.rows[first:last:last], Span: span(from, to, to)})
}

func (w *sliding) drop(before int64) {
	n := 0
	for n < len(w.rows) && w.rows[n].TS < before {
		n++
	}
	if n > len(w.rows)/2 { // amortised: each row is moved at most once
		w.rows = forget(w.rows, n)
	}
}

// Advance implements exec.Operator.
func (w *sliding) Advance(now int64, out exec.Emitter) error { return w.fire(now, out) }

// Flush implements Operator.
func (w *sliding) Flush(out exec.Emitter) error { return w.fire(exec.EndOfTime, out) }

// NextWake implements exec.Waker.
func (w *sliding) NextWake() (int64, bool) {
	if len(w.pending) == 0 {
		return 0, false
	}
	return w.pending[0] + w.delay, true
}

// Save implements state.Stateful.
func (w *sliding) Save(sw *state.Writer) error {
	saveRows(sw, w.rows)
	sw.Int(int64(len(w.pending)))
	for _, at := range w.pending {
		sw.Int(at)
	}
	return nil
}

// Load implements state.Stateful.
func (w *sliding) Load(r *state.Reader) error {
	w.rows = loadRows(r)
	w.pending = make([]int64, r.Len())
	for i := range w.pending {
		w.pending[i] = r.Int()
	}
	return r.Err()
}
