package window

import (
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// count emits the last size rows every interval rows.
type count struct {
	exec.Timeless
	admit          filter
	size, interval int
	rows           []row.Row
	since          int // rows since the last time an emission was due
}

func newCount(n *plan.Window, admit filter) *count {
	w := &count{admit: admit, size: int(n.Size), interval: int(n.Size)}
	if n.HasSecond {
		w.interval = int(n.Second)
	}
	return w
}

// Push implements exec.Operator.
func (w *count) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.admit.admits(r, out) {
			continue
		}
		w.rows = append(w.rows, exec.Keep(r))
		w.since++
		if w.since < w.interval {
			continue
		}
		w.since = 0
		if err := w.emit(out); err != nil {
			return err
		}
	}
	return nil
}

func (w *count) emit(out exec.Emitter) error {
	if len(w.rows) < w.size {
		return nil
	}
	w.rows = forget(w.rows, len(w.rows)-w.size)
	end := w.rows[w.size-1].TS
	err := out.Emit(row.Batch{Rows: w.rows, Span: span(w.rows[0].TS, end, end)})
	w.rows = forget(w.rows, min(w.interval, len(w.rows)))
	return err
}

// Flush implements Operator: an unfinished count stays without a result.
func (w *count) Flush(exec.Emitter) error { return nil }

// NextWake implements exec.Waker.
func (w *count) NextWake() (int64, bool) { return 0, false }

// Save implements state.Stateful.
func (w *count) Save(sw *state.Writer) error {
	sw.Int(int64(w.since))
	saveRows(sw, w.rows)
	return nil
}

// Load implements state.Stateful.
func (w *count) Load(r *state.Reader) error {
	w.since, w.rows = int(r.Int()), loadRows(r)
	return r.Err()
}
