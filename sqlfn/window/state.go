package window

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// stateWindow opens at a row for which begin holds and closes at one for which
// emit holds; with one condition each such row closes the window before it and
// opens the next. There is one window for each value of PARTITION BY.
type stateWindow struct {
	exec.Timeless
	admit       filter
	begin, emit expr.Func // emit nil: one condition
	partition   []expr.Func
	open        map[string]*openState
	key         []byte
}

type openState struct{ rows []row.Row } // without rows: not open

func newState(n *plan.Window, admit filter, cfg Config) (*stateWindow, error) {
	w := &stateWindow{admit: admit, open: map[string]*openState{}}
	var err error
	if w.begin, err = expr.Compile(n.Begin); err != nil {
		return nil, err
	}
	if n.Emit != nil {
		if w.emit, err = expr.Compile(n.Emit); err != nil {
			return nil, err
		}
	}
	w.partition, err = expr.CompileAll(n.Partition)
	return w, err
}

// Push implements exec.Operator.
func (w *stateWindow) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.admit.admits(r, out) {
			continue
		}
		if err := w.take(r, out); err != nil {
			return err
		}
	}
	return nil
}

func (w *stateWindow) take(r *row.Row, out exec.Emitter) error {
	s, err := w.find(r)
	if err != nil {
		out.Fail(err)
		return nil
	}
	opened := len(s.rows) > 0
	cond := w.begin
	if opened && w.emit != nil {
		cond = w.emit
	}
	hit, err := expr.True(cond, w.admit.ctx, r)
	if err != nil {
		out.Fail(fmt.Errorf("run window condition error: %w", err))
		return nil
	}
	switch {
	case !opened && hit, opened && !hit:
		s.rows = append(s.rows, exec.Keep(r))
	case opened && w.emit != nil: // closes, inclusive
		rows := append(s.rows, exec.Keep(r))
		s.rows = nil
		return send(rows, out)
	case opened: // closes the window before it and opens the next
		rows := s.rows
		s.rows = []row.Row{exec.Keep(r)}
		return send(rows, out)
	}
	return nil
}

func send(rows []row.Row, out exec.Emitter) error {
	end := rows[len(rows)-1].TS
	return out.Emit(row.Batch{Rows: rows, Span: span(rows[0].TS, end, end)})
}

func (w *stateWindow) find(r *row.Row) (*openState, error) {
	w.key = w.key[:0]
	for _, f := range w.partition {
		v, err := f(w.admit.ctx, r)
		if err != nil {
			return nil, fmt.Errorf("run Partition By error: %w", err)
		}
		w.key = value.AppendKey(w.key, v)
	}
	s := w.open[string(w.key)]
	if s == nil {
		s = &openState{}
		w.open[string(w.key)] = s
	}
	return s, nil
}

// Flush implements Operator: an open state stays without a result.
func (w *stateWindow) Flush(exec.Emitter) error { return nil }

// NextWake implements exec.Waker.
func (w *stateWindow) NextWake() (int64, bool) { return 0, false }

// Save implements state.Stateful.
func (w *stateWindow) Save(sw *state.Writer) error {
	sw.Int(int64(len(w.open)))
	for key, s := range w.open {
		sw.String(key)
		saveRows(sw, s.rows)
	}
	return nil
}

// Load implements state.Stateful.
func (w *stateWindow) Load(r *state.Reader) error {
	w.open = map[string]*openState{}
	for range r.Len() {
		key := r.String()
		w.open[key] = &openState{rows: loadRows(r)}
	}
	return r.Err()
}
