package window

import (
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// movingSliding is a sliding window whose aggregates move with it: a row costs
// the same however long the window is.
type movingSliding struct {
	trigger
	ctx     *exec.Ctx
	content *exec.Moving
}

// NewMovingSliding makes a sliding window over content.
func NewMovingSliding(n *plan.Window, content *exec.Moving, cfg Config) (Operator, error) {
	admit, err := newFilter(n, cfg.Ctx)
	if err != nil {
		return nil, err
	}
	t, err := newTrigger(n, admit)
	if err != nil {
		return nil, err
	}
	w := &movingSliding{trigger: t, ctx: cfg.Ctx, content: content}
	w.emit = w.rows
	return w, nil
}

// Push implements exec.Operator.
func (w *movingSliding) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.admit.admits(r, out) {
			continue
		}
		if err := w.fire(r.TS-1, out); err != nil {
			return err
		}
		w.content.DropBefore(r.TS - w.length - w.delay)
		w.content.Add(r)
		if err := w.arrived(r, out); err != nil {
			return err
		}
	}
	return nil
}

func (w *movingSliding) rows(at int64, out exec.Emitter) error {
	from, to := at-w.length, at+w.delay
	w.content.DropBefore(from)
	w.ctx.Span = span(from, to, to)
	rows, err := w.content.Rows()
	if err != nil {
		out.Fail(err)
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	return out.Emit(row.Batch{Rows: rows, Span: w.ctx.Span})
}

// Save implements state.Stateful.
func (w *movingSliding) Save(sw *state.Writer) error {
	w.trigger.save(sw)
	return w.content.Save(sw)
}

// Load implements state.Stateful.
func (w *movingSliding) Load(r *state.Reader) error {
	w.trigger.load(r)
	return w.content.Load(r)
}
