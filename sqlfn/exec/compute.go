package exec

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Compute fills slots: aliases that are used more than once, and analytic
// functions with what they remember.
type Compute struct {
	Timeless
	ctx   *Ctx
	width int
	cols  []assign
	rows  []row.Row
}

type assign struct {
	slot     int
	name     string
	eval     expr.Func
	analytic *analytic // nil for a plain expression
}

// NewCompute makes the operator; width is the number of slots of the rule.
func NewCompute(n *plan.Compute, width int, ctx *Ctx) (*Compute, error) {
	c := &Compute{ctx: ctx, width: width}
	for _, col := range n.Cols {
		a := assign{slot: col.Slot.Index, name: col.Slot.Name}
		var err error
		if ap, ok := col.X.(*plan.Apply); ok && ap.Func.IsAnalytic() {
			if a.analytic, err = newAnalytic(ap); err == nil {
				a.eval = a.analytic.eval
			}
		} else {
			a.eval, err = expr.Compile(col.X)
		}
		if err != nil {
			return nil, err
		}
		c.cols = append(c.cols, a)
	}
	return c, nil
}

// Push implements Operator.
func (c *Compute) Push(b row.Batch, out Emitter) error {
	if len(b.Rows) == 0 {
		return out.Emit(b)
	}
	slab := make([]value.Value, len(b.Rows)*c.width)
	rows := c.rows[:0]
	for i := range b.Rows {
		r := b.Rows[i]
		wide := slab[:c.width:c.width]
		slab = slab[c.width:]
		copy(wide, r.Cols)
		r.Cols = wide
		c.ctx.RowNumber = 1
		if b.Span.Set {
			c.ctx.RowNumber = int64(i + 1)
		}
		if err := c.fill(&r); err != nil {
			out.Fail(err)
			continue
		}
		rows = append(rows, r)
	}
	c.rows = rows
	if len(rows) == 0 {
		return nil
	}
	b.Rows = rows
	return out.Emit(b)
}

func (c *Compute) fill(r *row.Row) error {
	for _, a := range c.cols {
		v, err := a.eval(c.ctx, r)
		if err != nil {
			return fmt.Errorf("run Select error: alias: %s meet error, err:%w", a.name, err)
		}
		r.Cols[a.slot] = v
	}
	return nil
}

// Save implements state.Stateful.
func (c *Compute) Save(w *state.Writer) error {
	for _, a := range c.cols {
		if a.analytic != nil {
			if err := a.analytic.Save(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load implements state.Stateful.
func (c *Compute) Load(r *state.Reader) error {
	for _, a := range c.cols {
		if a.analytic != nil {
			if err := a.analytic.Load(r); err != nil {
				return err
			}
		}
	}
	return r.Err()
}

// analytic is one call of an analytic function with its state by partition.
type analytic struct {
	apply     *plan.Apply
	args      []expr.Func
	partition []expr.Func
	when      expr.Func
	states    map[string]*partition
	scratch   []value.Value
	key       []byte
}

type partition struct {
	state fn.Analytic
	last  value.Value // repeated while WHEN is false
}

func newAnalytic(ap *plan.Apply) (*analytic, error) {
	a := &analytic{apply: ap, states: map[string]*partition{}, scratch: make([]value.Value, len(ap.Args))}
	var err error
	if a.args, err = expr.CompileAll(ap.Args); err != nil || ap.Over == nil {
		return a, err
	}
	if a.partition, err = expr.CompileAll(ap.Over.Partition); err != nil {
		return nil, err
	}
	if ap.Over.When != nil {
		a.when, err = expr.Compile(ap.Over.When)
	}
	return a, err
}

func (a *analytic) eval(c *Ctx, r *row.Row) (value.Value, error) {
	p, err := a.find(c, r)
	if err != nil {
		return value.Value{}, err
	}
	if a.when != nil {
		ok, err := expr.True(a.when, c, r)
		if err != nil || !ok {
			return p.last, err
		}
	}
	for i, f := range a.args {
		if a.scratch[i], err = f(c, r); err != nil {
			return value.Value{}, err
		}
	}
	c.Row = r
	v, err := p.state.Eval(c, a.scratch)
	if err != nil {
		return value.Value{}, fmt.Errorf("call func %s error: %w", a.apply.Func.Name, err)
	}
	p.last = v
	return v, nil
}

func (a *analytic) find(c *Ctx, r *row.Row) (*partition, error) {
	a.key = a.key[:0]
	for _, f := range a.partition {
		v, err := f(c, r)
		if err != nil {
			return nil, err
		}
		a.key = value.AppendKey(a.key, v)
	}
	p := a.states[string(a.key)]
	if p == nil {
		p = a.fresh()
		a.states[string(a.key)] = p
	}
	return p, nil
}

func (a *analytic) fresh() *partition {
	if a.apply.Func.Columns != nil {
		return &partition{state: a.apply.Func.Columns(a.apply.Names)}
	}
	return &partition{state: a.apply.Func.NewAnalytic()}
}

// Save implements state.Stateful.
func (a *analytic) Save(w *state.Writer) error {
	w.Int(int64(len(a.states)))
	for key, p := range a.states {
		w.String(key)
		w.Value(p.last)
		if err := p.state.Save(w); err != nil {
			return err
		}
	}
	return nil
}

// Load implements state.Stateful.
func (a *analytic) Load(r *state.Reader) error {
	a.states = map[string]*partition{}
	for range r.Len() {
		key, p := r.String(), a.fresh()
		p.last = r.Value()
		if err := p.state.Load(r); err != nil {
			return err
		}
		a.states[key] = p
	}
	return r.Err()
}
