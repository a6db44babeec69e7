package window

import (
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// timeWindow is a tumbling or hopping window; its content is rows or panes of
// aggregates.
type timeWindow struct {
	admit   filter
	ticks   *ticks
	content content
}

// content is what a time window remembers.
type content interface {
	// add takes a row that belongs before the tick next.
	add(r *row.Row, t *ticks, out exec.Emitter)
	// fire emits the window that ends at the tick and forgets what no later
	// window needs.
	fire(t *ticks, out exec.Emitter) error
	empty() bool
	state.Stateful
}

// Push implements exec.Operator.
func (w *timeWindow) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.ticks.running {
			w.ticks.start(r.TS)
		}
		if r.TS >= w.ticks.next {
			if err := w.Advance(r.TS, out); err != nil {
				return err
			}
		}
		if w.admit.cond == nil || w.admit.admits(r, out) {
			w.content.add(r, w.ticks, out)
		}
	}
	return nil
}

// Advance implements exec.Operator.
func (w *timeWindow) Advance(now int64, out exec.Emitter) error {
	for w.ticks.running && w.ticks.next <= now {
		if w.content.empty() {
			w.ticks.skip(now)
		}
		if err := w.content.fire(w.ticks, out); err != nil {
			return err
		}
		w.ticks.step()
	}
	return nil
}

// Flush implements Operator.
func (w *timeWindow) Flush(out exec.Emitter) error {
	for w.ticks.running && !w.content.empty() {
		if err := w.Advance(w.ticks.next, out); err != nil {
			return err
		}
	}
	return nil
}

// NextWake implements exec.Waker.
func (w *timeWindow) NextWake() (int64, bool) { return w.ticks.next, w.ticks.running }

// Save implements state.Stateful.
func (w *timeWindow) Save(sw *state.Writer) error {
	w.ticks.save(sw)
	return w.content.Save(sw)
}

// Load implements state.Stateful.
func (w *timeWindow) Load(r *state.Reader) error {
	w.ticks.load(r)
	return w.content.Load(r)
}

// rowContent keeps the rows themselves.
type rowContent struct {
	rows   []row.Row
	sparse bool // see plan.Window
}

func (c *rowContent) add(r *row.Row, t *ticks, _ exec.Emitter) {
	k := exec.Keep(r)
	k.TS = max(k.TS, t.next-t.distance) // waited in front of the rule past a tick
	c.rows = append(c.rows, k)
}

func (c *rowContent) fire(t *ticks, out exec.Emitter) error {
	c.drop(t.next - t.length)
	if c.sparse && len(c.rows) == 0 {
		return nil
	}
	if err := out.Emit(row.Batch{Rows: c.rows, Span: span(t.from(), t.next, t.next)}); err != nil {
		return err
	}
	c.drop(t.next - t.length + t.distance)
	return nil
}

// drop forgets rows before a time; rows are in time order.
func (c *rowContent) drop(before int64) {
	n := 0
	for n < len(c.rows) && c.rows[n].TS < before {
		n++
	}
	c.rows = forget(c.rows, n)
}

// forget removes the first n rows and lets go of what they point to.
func forget(rows []row.Row, n int) []row.Row {
	if n == 0 {
		return rows
	}
	kept := copy(rows, rows[n:])
	clear(rows[kept:])
	if cap(rows) > 1024 && kept < cap(rows)/8 {
		return append(make([]row.Row, 0, 2*kept), rows[:kept]...)
	}
	return rows[:kept]
}

func (c *rowContent) empty() bool { return len(c.rows) == 0 }

// Save implements state.Stateful.
func (c *rowContent) Save(w *state.Writer) error {
	saveRows(w, c.rows)
	return nil
}

// Load implements state.Stateful.
func (c *rowContent) Load(r *state.Reader) error {
	c.rows = loadRows(r)
	return r.Err()
}
