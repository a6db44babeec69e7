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

// Grouping is a compiled GROUP BY: the dimensions and the aggregates.
type Grouping struct {
	ctx   *Ctx
	width int
	dims  []expr.Func
	aggs  []aggCall
}

type aggCall struct {
	slot    int
	name    string
	fresh   func() fn.Aggregate
	args    []expr.Func
	scratch []value.Value
}

// NewGrouping compiles a Group node; width is the number of slots of the rule.
func NewGrouping(n *plan.Group, width int, ctx *Ctx) (*Grouping, error) {
	g := &Grouping{ctx: ctx, width: width}
	var err error
	if g.dims, err = expr.CompileAll(n.Dims); err != nil {
		return nil, err
	}
	for _, a := range n.Aggs {
		call := aggCall{slot: a.Slot.Index, name: a.Func.Name, fresh: a.Func.NewAggregate, scratch: make([]value.Value, len(a.Args))}
		if a.Distinct {
			call.fresh = fn.Distinct(a.Func.NewAggregate)
		}
		if call.args, err = expr.CompileAll(a.Args); err != nil {
			return nil, err
		}
		g.aggs = append(g.aggs, call)
	}
	return g, nil
}

// Mergeable tells whether results of parts of a window can be put together.
func (g *Grouping) Mergeable() bool {
	for _, a := range g.aggs {
		if _, ok := a.fresh().(fn.Merger); !ok {
			return false
		}
	}
	return true
}

// Groups accumulates rows by key, in the order in which keys appear.
type Groups struct {
	by    *Grouping
	byKey map[string]*group
	order []*group
	key   []byte
	err   error // the first error: it stands for the window
}

type group struct {
	key   string
	first row.Row
	aggs  []fn.Aggregate
}

// New returns empty groups.
func (g *Grouping) New() *Groups { return &Groups{by: g, byKey: map[string]*group{}} }

// Len returns the number of groups.
func (g *Groups) Len() int { return len(g.order) }

// Reset forgets all groups and keeps the memory.
func (g *Groups) Reset() {
	clear(g.byKey)
	clear(g.order)
	g.order, g.err = g.order[:0], nil
}

// Add puts a row into its group. An error is kept for Rows. keep says that the
// groups outlive the batch: their first row is copied out of it.
func (g *Groups) Add(r *row.Row, keep bool) {
	if g.err != nil {
		return
	}
	grp, err := g.find(r, keep)
	if err == nil {
		err = g.accumulate(grp, r)
	}
	g.err = err
}

func (g *Groups) find(r *row.Row, keep bool) (*group, error) {
	if len(g.by.dims) == 0 && len(g.order) == 1 {
		return g.order[0], nil
	}
	g.key = g.key[:0]
	for _, f := range g.by.dims {
		v, err := f(g.by.ctx, r)
		if err != nil {
			return nil, fmt.Errorf("run Group By error: %w", err)
		}
		g.key = value.AppendKey(g.key, v)
	}
	if grp := g.byKey[string(g.key)]; grp != nil {
		return grp, nil
	}
	grp := &group{key: string(g.key), first: *r}
	if keep {
		grp.first = Keep(r)
	}
	g.insert(grp)
	return grp, nil
}

func (g *Groups) insert(grp *group) {
	if grp.aggs == nil {
		grp.aggs = make([]fn.Aggregate, len(g.by.aggs))
		for i, a := range g.by.aggs {
			grp.aggs[i] = a.fresh()
		}
	}
	g.byKey[grp.key] = grp
	g.order = append(g.order, grp)
}

// Keep returns a copy of a row that does not pin the message it came from.
func Keep(r *row.Row) row.Row {
	out := *r
	out.Cols = make([]value.Value, len(r.Cols))
	for i, v := range r.Cols {
		out.Cols[i] = v.Clone()
	}
	out.Rest = r.Rest.Clone()
	return out
}

func (g *Groups) accumulate(grp *group, r *row.Row) error {
	c := g.by.ctx
	for i := range g.by.aggs {
		a := &g.by.aggs[i]
		for j, f := range a.args {
			v, err := f(c, r)
			if err != nil {
				return fmt.Errorf("run Select error: %w", err)
			}
			a.scratch[j] = v
		}
		c.Row = r
		if err := grp.aggs[i].Add(c, a.scratch); err != nil {
			return fmt.Errorf("run Select error: call func %s error: %w", a.name, err)
		}
	}
	return nil
}

// Merge takes in later groups, which must not be used afterwards if the keys
// are new here.
func (g *Groups) Merge(later *Groups) {
	if g.err == nil {
		g.err = later.err
	}
	for _, grp := range later.order {
		own := g.byKey[grp.key]
		if own == nil {
			own = &group{key: grp.key, first: grp.first}
			g.insert(own)
		}
		for i, a := range own.aggs {
			if err := a.(fn.Merger).Merge(grp.aggs[i]); err != nil && g.err == nil {
				g.err = err
			}
		}
	}
}

// Rows returns one row a group: its first row and its aggregates. Without
// dimensions there is always one, even of nothing.
func (g *Groups) Rows() ([]row.Row, error) {
	if g.err != nil {
		return nil, g.err
	}
	if len(g.order) == 0 && len(g.by.dims) == 0 {
		g.insert(&group{})
		defer g.Reset()
	}
	slab := make([]value.Value, len(g.order)*g.by.width)
	rows := make([]row.Row, len(g.order))
	for i, grp := range g.order {
		rows[i] = grp.first
		rows[i].Cols = slab[i*g.by.width : (i+1)*g.by.width : (i+1)*g.by.width]
		copy(rows[i].Cols, grp.first.Cols)
		for j, a := range g.by.aggs {
			v, err := grp.aggs[j].Result(g.by.ctx)
			if err != nil {
				return nil, fmt.Errorf("run Select error: call func %s error: %w", a.name, err)
			}
			rows[i].Cols[a.slot] = v
		}
	}
	return rows, nil
}

// Save implements state.Stateful.
func (g *Groups) Save(w *state.Writer) error {
	w.Bool(g.err != nil)
	if g.err != nil {
		w.String(g.err.Error())
	}
	w.Int(int64(len(g.order)))
	for _, grp := range g.order {
		w.String(grp.key)
		w.Row(&grp.first)
		for _, a := range grp.aggs {
			if err := a.Save(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load implements state.Stateful.
func (g *Groups) Load(r *state.Reader) error {
	g.Reset()
	if r.Bool() {
		g.err = fmt.Errorf("%s", r.String())
	}
	for range r.Len() {
		grp := &group{key: r.String(), first: r.Row()}
		g.insert(grp)
		for _, a := range grp.aggs {
			if err := a.Load(r); err != nil {
				return err
			}
		}
	}
	return r.Err()
}

// Group makes one row a group out of each batch.
type Group struct {
	Timeless
	by     *Grouping
	groups *Groups
	perRow bool
}

// NewGroup makes the operator; perRow: there is no window, each row is a group.
func NewGroup(by *Grouping, perRow bool) *Group {
	return &Group{by: by, groups: by.New(), perRow: perRow}
}

// Push implements Operator.
func (g *Group) Push(b row.Batch, out Emitter) error {
	if !g.perRow || b.Span.Set { // what an event was joined with is a group too
		return g.emit(b, b.Rows, out)
	}
	for i := range b.Rows {
		if err := g.emit(b, b.Rows[i:i+1], out); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) emit(b row.Batch, content []row.Row, out Emitter) error {
	g.groups.Reset()
	for i := range content {
		g.groups.Add(&content[i], false)
	}
	rows, err := g.groups.Rows()
	if err != nil {
		out.Fail(err)
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	b.Rows = rows
	return out.Emit(b)
}
