package window

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// trigger says when a sliding window emits: at every row, or every row for
// which WHEN holds, and then a delay later.
type trigger struct {
	admit         filter
	when          expr.Func
	length, delay int64
	pending       []int64 // times of rows that wait for their delay
	// emit emits the window of a row at a time.
	emit func(at int64, out exec.Emitter) error
}

func newTrigger(n *plan.Window, admit filter) (trigger, error) {
	t := trigger{admit: admit, length: n.Size * unitMS[n.Unit], delay: n.Second * unitMS[n.Unit]}
	var err error
	if n.When != nil {
		t.when, err = expr.Compile(n.When)
	}
	return t, err
}

// arrived emits for a row that is in the content now, or notes to do so.
func (t *trigger) arrived(r *row.Row, out exec.Emitter) error {
	if t.when != nil {
		ok, err := expr.True(t.when, t.admit.ctx, r)
		if err != nil {
			out.Fail(fmt.Errorf("run When error: %w", err))
		}
		if !ok || err != nil {
			return nil
		}
	}
	if t.delay > 0 {
		t.pending = append(t.pending, r.TS)
		return nil
	}
	return t.emit(r.TS, out)
}

// fire emits the windows whose delay has passed at now.
func (t *trigger) fire(now int64, out exec.Emitter) error {
	for len(t.pending) > 0 && t.pending[0]+t.delay <= now {
		at := t.pending[0]
		t.pending = t.pending[1:]
		if err := t.emit(at, out); err != nil {
			return err
		}
	}
	return nil
}

// Advance implements exec.Operator.
func (t *trigger) Advance(now int64, out exec.Emitter) error { return t.fire(now, out) }

// Flush implements Operator.
func (t *trigger) Flush(out exec.Emitter) error { return t.fire(exec.EndOfTime, out) }

// NextWake implements exec.Waker.
func (t *trigger) NextWake() (int64, bool) {
	if len(t.pending) == 0 {
		return 0, false
	}
	return t.pending[0] + t.delay, true
}

func (t *trigger) save(w *state.Writer) {
	w.Int(int64(len(t.pending)))
	for _, at := range t.pending {
		w.Int(at)
	}
}

func (t *trigger) load(r *state.Reader) {
	t.pending = make([]int64, r.Len())
	for i := range t.pending {
		t.pending[i] = r.Int()
	}
}

// sliding emits the rows of the last length ms; with a delay also those of the
// next delay ms.
type sliding struct {
	trigger
	rows []row.Row
}

func newSliding(n *plan.Window, admit filter) (*sliding, error) {
	t, err := newTrigger(n, admit)
	w := &sliding{trigger: t}
	w.emit = w.content
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
		if err := w.arrived(r, out); err != nil {
			return err
		}
	}
	return nil
}

func (w *sliding) content(at int64, out exec.Emitter) error {
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

// Save implements state.Stateful.
func (w *sliding) Save(sw *state.Writer) error {
	saveRows(sw, w.rows)
	w.trigger.save(sw)
	return nil
}

// Load implements state.Stateful.
func (w *sliding) Load(r *state.Reader) error {
	w.rows = loadRows(r)
	w.trigger.load(r)
	return r.Err()
}
