package exec

import (
	"fmt"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Moving is a GROUP BY over a content that rows enter at one end and leave at
// the other: what comes in is added to its group's aggregates, what goes out is
// taken back from them. Of a row it keeps the arguments of the aggregates and
// the columns that are read behind them.
type Moving struct {
	ctx     *Ctx
	width   int
	where   expr.Func // on the content; nil: everything counts
	dims    []expr.Func
	args    []expr.Func // the different arguments of all calls
	calls   []movingCall
	carried []carriedSlot // read behind the groups, in each row
	fixed   []carriedSlot // the same, equal in all rows of a group

	entries entries
	groups  map[string]*movingGroup
	order   []*movingGroup // by the first row of each, once it was sorted
	sorted  bool
	errs    map[int64]error // of rows that fail the window while they are in it
	key     []byte
}

type movingCall struct {
	slot  int
	name  string
	fresh func() fn.Aggregate
	args  []movingArg
	at    []value.Value // room for the arguments
}

// movingArg is a column of an entry, or a literal.
type movingArg struct {
	col int // -1: literal
	lit value.Value
}

type carriedSlot struct {
	slot int
	get  expr.Func
}

type movingGroup struct {
	key         string
	aggs        []fn.Aggregate
	fixed       []value.Value
	rows        int
	first, last int64 // numbers of its entries
}

// NewMoving makes a Moving of a Group node, of the WHERE in front of it (nil:
// none) and of what the nodes behind it read. ok is false if whole rows must be
// kept: an aggregate cannot take rows back, or more than columns is asked for.
func NewMoving(n *plan.Group, where ast.Expr, behind []plan.Node, width int, ctx *Ctx) (m *Moving, ok bool, err error) {
	reads, all := plan.Reads(behind)
	if inner, whole := plan.Reads([]plan.Node{n}); all || whole || !plan.Fixed(where) || !plan.Fixed(n.Dims...) || len(inner) > width {
		return nil, false, nil
	}
	m = &Moving{ctx: ctx, width: width, groups: map[string]*movingGroup{}, errs: map[int64]error{}}
	if where != nil {
		if m.where, err = expr.Compile(where); err != nil {
			return nil, false, err
		}
	}
	if m.dims, err = expr.CompileAll(n.Dims); err != nil {
		return nil, false, err
	}
	if ok, err := m.addCalls(n.Aggs); !ok || err != nil {
		return nil, false, err
	}
	if err := m.carry(reads, n); err != nil {
		return nil, false, err
	}
	m.entries.width = len(m.args) + len(m.carried)
	return m, true, nil
}

func (m *Moving) addCalls(aggs []plan.Agg) (ok bool, err error) {
	columns := map[ast.Expr]int{} // slots are shared, other expressions are not
	for _, a := range aggs {
		fresh := a.Func.NewSliding
		if fresh == nil {
			fresh = a.Func.NewAggregate
		}
		if a.Distinct {
			fresh = fn.Distinct(fresh)
		}
		if _, takes := fresh().(fn.Retracter); !takes || !plan.Fixed(a.Args...) {
			return false, nil
		}
		call := movingCall{slot: a.Slot.Index, name: a.Func.Name, fresh: fresh, at: make([]value.Value, len(a.Args))}
		for _, x := range a.Args {
			if lit, ok := x.(*ast.Literal); ok {
				call.args = append(call.args, movingArg{-1, lit.Val})
				continue
			}
			col, known := columns[x]
			if !known {
				f, err := expr.Compile(x)
				if err != nil {
					return false, err
				}
				col = len(m.args)
				columns[x] = col
				m.args = append(m.args, f)
			}
			call.args = append(call.args, movingArg{col: col})
		}
		m.calls = append(m.calls, call)
	}
	return true, nil
}

// carry notes the slots that are read behind the groups and not made there.
func (m *Moving) carry(reads []*plan.Slot, n *plan.Group) error {
	for _, s := range reads {
		if slices.ContainsFunc(n.Aggs, func(a plan.Agg) bool { return a.Slot == s }) {
			continue
		}
		get, err := expr.Compile(s)
		if err != nil {
			return err
		}
		c := carriedSlot{s.Index, get}
		if slices.Contains(n.Dims, ast.Expr(s)) {
			m.fixed = append(m.fixed, c)
		} else {
			m.carried = append(m.carried, c)
		}
	}
	return nil
}

// Add takes in a row, which comes behind all others.
func (m *Moving) Add(r *row.Row) {
	if m.where != nil {
		ok, err := expr.True(m.where, m.ctx, r)
		if err != nil {
			m.fail(r.TS, fmt.Errorf("run Where error: %w", err))
		}
		if !ok || err != nil {
			return
		}
	}
	m.key = m.key[:0]
	for _, f := range m.dims {
		v, err := f(m.ctx, r)
		if err != nil {
			m.fail(r.TS, fmt.Errorf("run Group By error: %w", err))
			return
		}
		m.key = value.AppendKey(m.key, v)
	}
	vals := m.entries.push(r.TS)
	if err := m.evaluate(r, vals); err != nil {
		m.spoil(fmt.Errorf("run Select error: %w", err))
		return
	}
	g := m.groups[string(m.key)]
	if g == nil {
		g = m.open(string(m.key))
		for i, c := range m.fixed {
			v, err := c.get(m.ctx, r)
			if err != nil {
				m.spoil(err)
				return
			}
			g.fixed[i] = v.Clone()
		}
	}
	m.ctx.Row = r
	m.join(g, vals)
}

// evaluate fills an entry's values.
func (m *Moving) evaluate(r *row.Row, vals []value.Value) error {
	for i, f := range m.args {
		v, err := f(m.ctx, r)
		if err != nil {
			return err
		}
		vals[i] = v.Clone()
	}
	for i, c := range m.carried {
		v, err := c.get(m.ctx, r)
		if err != nil {
			return err
		}
		vals[len(m.args)+i] = v.Clone()
	}
	return nil
}

func (m *Moving) open(key string) *movingGroup {
	g := &movingGroup{key: key, aggs: make([]fn.Aggregate, len(m.calls)), fixed: make([]value.Value, len(m.fixed))}
	for i := range m.calls {
		g.aggs[i] = m.calls[i].fresh()
	}
	return g
}

// join adds the newest entry to its group.
func (m *Moving) join(g *movingGroup, vals []value.Value) {
	for i := range m.calls {
		c := &m.calls[i]
		if err := g.aggs[i].Add(m.ctx, c.of(vals)); err != nil {
			for k := range i {
				m.retract(g, k, vals)
			}
			m.spoil(fmt.Errorf("run Select error: call func %s error: %w", c.name, err))
			return
		}
	}
	number := m.entries.last()
	if g.rows == 0 {
		g.first = number
		m.groups[g.key] = g
		m.order = append(m.order, g)
	} else {
		m.entries.at(g.last).next = number
	}
	g.last = number
	g.rows++
	m.entries.at(number).group = g
}

func (c *movingCall) of(vals []value.Value) []value.Value {
	for i, a := range c.args {
		if a.col < 0 {
			c.at[i] = a.lit
		} else {
			c.at[i] = vals[a.col]
		}
	}
	return c.at
}

func (m *Moving) retract(g *movingGroup, call int, vals []value.Value) {
	c := &m.calls[call]
	if err := g.aggs[call].(fn.Retracter).Retract(m.ctx, c.of(vals)); err != nil {
		panic(fmt.Sprintf("%s cannot take back what it took: %v", c.name, err)) // a mistake in the function
	}
}

// fail notes a row that makes the window fail as long as it is in it.
func (m *Moving) fail(ts int64, err error) {
	m.entries.push(ts)
	m.spoil(err)
}

// spoil makes the newest entry one that fails the window.
func (m *Moving) spoil(err error) { m.errs[m.entries.last()] = err }

// Len returns the number of rows in the content.
func (m *Moving) Len() int { return m.entries.len() }

// DropBefore lets go of the rows from before a time.
func (m *Moving) DropBefore(ts int64) {
	for m.entries.len() > 0 && m.entries.oldest().ts < ts {
		m.drop()
	}
}

// drop lets go of the oldest row.
func (m *Moving) drop() {
	number := m.entries.first
	e, vals := m.entries.oldest(), m.entries.values(number)
	if g := e.group; g == nil {
		delete(m.errs, number)
	} else {
		for i := range m.calls {
			m.retract(g, i, vals)
		}
		g.rows--
		g.first = e.next
		m.sorted = false
		if g.rows == 0 {
			delete(m.groups, g.key)
		}
	}
	m.entries.drop()
}

// Rows returns one row a group, in the order of their first rows; none if no
// row is in the content.
func (m *Moving) Rows() ([]row.Row, error) {
	if len(m.errs) > 0 {
		return nil, m.firstError()
	}
	m.sort()
	slab := make([]value.Value, len(m.order)*m.width)
	rows := make([]row.Row, len(m.order))
	for i, g := range m.order {
		cols := slab[i*m.width : (i+1)*m.width : (i+1)*m.width]
		for k, c := range m.fixed {
			cols[c.slot] = g.fixed[k]
		}
		vals := m.entries.values(g.first)
		for k, c := range m.carried {
			cols[c.slot] = vals[len(m.args)+k]
		}
		for k, a := range g.aggs {
			v, err := a.Result(m.ctx)
			if err != nil {
				return nil, fmt.Errorf("run Select error: call func %s error: %w", m.calls[k].name, err)
			}
			cols[m.calls[k].slot] = v
		}
		rows[i] = row.Row{Cols: cols, TS: m.entries.at(g.first).ts}
	}
	return rows, nil
}

func (m *Moving) firstError() error {
	first := int64(-1)
	for number := range m.errs {
		if first < 0 || number < first {
			first = number
		}
	}
	return m.errs[first]
}

// sort puts the groups in the order of their first rows.
func (m *Moving) sort() {
	if m.sorted {
		return
	}
	m.sorted = true
	m.order = slices.DeleteFunc(m.order, func(g *movingGroup) bool { return g.rows == 0 })
	slices.SortFunc(m.order, func(a, b *movingGroup) int { return int(min(max(a.first-b.first, -1), 1)) })
}
