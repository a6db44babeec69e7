package window

import (
	"time"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// session opens with a row and closes when none has come for timeout, or at a
// mark of max while rows go on coming.
type session struct {
	admit   filter
	unit    string
	max     int64 // units
	timeout int64 // ms
	loc     *time.Location
	rows    []row.Row
	cut     int64 // the mark at which the open session is cut
}

func newSession(n *plan.Window, admit filter, cfg Config) *session {
	return &session{admit: admit, unit: n.Unit, max: n.Size, timeout: n.Second * unitMS[n.Unit], loc: cfg.Ctx.Loc}
}

// Push implements exec.Operator.
func (w *session) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if err := w.Advance(r.TS, out); err != nil {
			return err
		}
		if !w.admit.admits(r, out) {
			continue
		}
		if len(w.rows) == 0 {
			w.cut = NextMark(r.TS, w.unit, w.max, w.loc)
		}
		w.rows = append(w.rows, exec.Keep(r))
	}
	return nil
}

// Advance implements exec.Operator.
func (w *session) Advance(now int64, out exec.Emitter) error {
	if len(w.rows) == 0 {
		return nil
	}
	if end := w.silence(); now >= end {
		return w.close(end, out)
	}
	if now >= w.cut {
		return w.close(w.cut, out)
	}
	return nil
}

// silence is when the session ends if nothing more comes.
func (w *session) silence() int64 { return w.rows[len(w.rows)-1].TS + w.timeout }

func (w *session) close(end int64, out exec.Emitter) error {
	rows := w.rows
	w.rows = nil
	return out.Emit(row.Batch{Rows: rows, Span: span(rows[0].TS, end, end)})
}

// Flush implements Operator.
func (w *session) Flush(out exec.Emitter) error {
	if len(w.rows) == 0 {
		return nil
	}
	return w.close(w.silence(), out)
}

// NextWake implements exec.Waker.
func (w *session) NextWake() (int64, bool) {
	if len(w.rows) == 0 {
		return 0, false
	}
	return min(w.silence(), w.cut), true
}

// Save implements state.Stateful.
func (w *session) Save(sw *state.Writer) error {
	sw.Int(w.cut)
	saveRows(sw, w.rows)
	return nil
}

// Load implements state.Stateful.
func (w *session) Load(r *state.Reader) error {
	w.cut, w.rows = r.Int(), loadRows(r)
	return r.Err()
}
