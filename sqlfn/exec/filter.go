package exec

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Filter hands on the rows for which a condition is true.
type Filter struct {
	Timeless
	ctx     *Ctx
	cond    expr.Func
	clause  string
	content bool // the batches are windows: an empty one is a tick and passes
	kept    []row.Row
}

// NewFilter makes the operator of WHERE or HAVING.
func NewFilter(n *plan.Filter, ctx *Ctx) (*Filter, error) {
	cond, err := expr.Compile(n.X)
	if err != nil {
		return nil, err
	}
	f := &Filter{ctx: ctx, cond: cond, clause: "Where", content: n.Content}
	if n.Having {
		f.clause = "Having"
	}
	return f, nil
}

// Push implements Operator.
func (f *Filter) Push(b row.Batch, out Emitter) error {
	if len(b.Rows) == 0 {
		if f.content {
			return out.Emit(b)
		}
		return nil
	}
	kept := f.kept[:0]
	for i := range b.Rows {
		ok, err := expr.True(f.cond, f.ctx, &b.Rows[i])
		if err != nil {
			out.Fail(fmt.Errorf("run %s error: %w", f.clause, err))
			if f.content {
				return nil // the error stands for the whole window
			}
			continue
		}
		if ok {
			kept = append(kept, b.Rows[i])
		}
	}
	f.kept = kept
	if len(kept) == 0 {
		return nil
	}
	b.Rows = kept
	return out.Emit(b)
}
