// Package window cuts rows into windows. Each kind is an exec.Operator that
// keeps the same rules for both times: rows come in time order, Advance says
// how far time has come, and a row at time t first closes every window that
// ends at or before t. Under event time a Watermark in front puts the rows in
// order and supplies the time; under processing time rows carry their time of
// arrival and the clock supplies it.
//
// Tumbling and hopping windows that are grouped keep one aggregate a key and
// pane (Panes), sliding ones one a key and the arguments of its rows
// (exec.Moving); all other windows keep rows.
package window

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// Operator is a window with what it must remember over a restart.
type Operator interface {
	exec.Operator
	exec.Waker
	state.Stateful
	// Flush closes what is open because the input has ended.
	Flush(out exec.Emitter) error
}

// Config is what a window needs beside its definition.
type Config struct {
	Ctx       *exec.Ctx
	EventTime bool
	Start     int64 // ms; processing time: when the rule started
}

// New makes the operator of a window that keeps rows.
func New(n *plan.Window, cfg Config) (Operator, error) {
	admit, err := newFilter(n, cfg.Ctx)
	if err != nil {
		return nil, err
	}
	switch n.Kind {
	case ast.Tumbling, ast.Hopping:
		return &timeWindow{admit: admit, ticks: newTicks(n, cfg), content: &rowContent{sparse: n.Sparse}}, nil
	case ast.Sliding:
		return newSliding(n, admit)
	case ast.Session:
		return newSession(n, admit, cfg), nil
	case ast.Count:
		return newCount(n, admit), nil
	case ast.State:
		return newState(n, admit, cfg)
	}
	return nil, fmt.Errorf("unknown window %s", n.Kind)
}

// filter is FILTER(WHERE ..): what fails it never enters the window.
type filter struct {
	ctx  *exec.Ctx
	cond expr.Func // nil: everything enters
}

func newFilter(n *plan.Window, ctx *exec.Ctx) (filter, error) {
	f := filter{ctx: ctx}
	var err error
	if n.Filter != nil {
		f.cond, err = expr.Compile(n.Filter)
	}
	return f, err
}

func (f filter) admits(r *row.Row, out exec.Emitter) bool {
	if f.cond == nil {
		return true
	}
	ok, err := expr.True(f.cond, f.ctx, r)
	if err != nil {
		out.Fail(fmt.Errorf("run Filter error: %w", err))
	}
	return ok && err == nil
}

func span(start, end, trigger int64) row.Span {
	return row.Span{Start: start, End: end, Trigger: trigger, Set: true}
}

func saveRows(w *state.Writer, rows []row.Row) {
	w.Int(int64(len(rows)))
	for i := range rows {
		w.Row(&rows[i])
	}
}

func loadRows(r *state.Reader) []row.Row {
	rows := make([]row.Row, r.Len())
	for i := range rows {
		rows[i] = r.Row()
	}
	return rows
}
