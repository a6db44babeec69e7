package exec

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Project makes the result rows of the SELECT list.
type Project struct {
	Timeless
	ctx     *Ctx
	node    *plan.Project
	star    []expr.Func
	fields  []outField
	sendNil bool
	rows    []row.Row
	seen    map[string]bool // for DISTINCT
	key     []byte
}

type outField struct {
	plan.OutField
	eval expr.Func
}

// NewProject makes the operator; sendNil shows NULL columns and aliases as
// null instead of leaving them out.
func NewProject(n *plan.Project, sendNil bool, ctx *Ctx) (*Project, error) {
	p := &Project{ctx: ctx, node: n, sendNil: sendNil}
	for _, s := range n.Star {
		p.star = append(p.star, expr.Column(s))
	}
	for _, f := range n.Fields {
		eval, err := expr.Compile(f.X)
		if err != nil {
			return nil, err
		}
		p.fields = append(p.fields, outField{f, eval})
	}
	if n.Distinct {
		p.seen = map[string]bool{}
	}
	return p, nil
}

// Push implements Operator.
func (p *Project) Push(b row.Batch, out Emitter) error {
	width := len(p.star) + len(p.fields)
	slab := make([]value.Value, len(b.Rows)*width)
	rows := p.rows[:0]
	for i := range b.Rows {
		cols := slab[:width:width]
		slab = slab[width:]
		r, err := p.project(&b.Rows[i], cols)
		if err != nil {
			out.Fail(err)
			if b.Span.Set {
				return nil // the error stands for the whole window
			}
			continue
		}
		rows = append(rows, r)
	}
	p.rows = rows
	if len(rows) == 0 && len(b.Rows) > 0 {
		return nil
	}
	b.Schema = p.node.Out
	b.Rows = rows
	if p.seen != nil {
		b.Rows = p.distinct(rows)
	}
	if p.node.Rows >= 0 {
		return p.unnest(b, out)
	}
	return out.Emit(b)
}

func (p *Project) project(in *row.Row, cols []value.Value) (row.Row, error) {
	r := row.Row{Cols: cols, TS: in.TS, Meta: in.Meta}
	for i, column := range p.star {
		cols[i], _ = column(p.ctx, in) // reading a column cannot fail
		if p.sendNil && !cols[i].Present() {
			cols[i] = value.ExplicitNull
		}
	}
	n := len(p.star)
	for i := range p.fields {
		f := &p.fields[i]
		v, err := f.eval(p.ctx, in)
		if err != nil {
			return r, fmt.Errorf("run Select error: alias: %s expr: %s meet error, err:%w", f.Name, f.X, err)
		}
		if v.IsNull() && !f.Bare {
			v = value.Value{}
		}
		if p.sendNil && f.Named && v.IsNull() {
			v = value.ExplicitNull
		}
		cols[n+i] = v
	}
	if p.node.Rest {
		r.Rest = in.Rest
	}
	for _, i := range p.node.Spread {
		p.spread(&r, i)
	}
	return r, nil
}

// spread moves the members of the object in column i to the row.
func (p *Project) spread(r *row.Row, i int) {
	obj := r.Cols[i]
	r.Cols[i] = value.Value{}
	for _, m := range obj.Members() {
		p.set(r, m)
	}
}

func (p *Project) set(r *row.Row, m value.Member) {
	if slot := p.node.Out.Slot(m.Name); slot >= 0 {
		r.Cols[slot] = m.Val
		return
	}
	r.Rest = value.OfObject(append(append([]value.Member(nil), r.Rest.Members()...), m))
}

// unnest emits each element of the multi-row column as a result of its own:
// the members of an object become columns, anything else stays in the column.
func (p *Project) unnest(b row.Batch, out Emitter) error {
	i := p.node.Rows
	name := p.node.Out.Cols[i].Name
	for _, r := range b.Rows {
		list := r.Cols[i]
		if list.IsNull() {
			out.Fail(fmt.Errorf("can't find the result from the %s function", name))
			continue
		}
		if !list.IsArray() {
			out.Fail(fmt.Errorf("the argument for the %s function should be array", name))
			continue
		}
		for k := range list.Len() {
			one := r
			one.Cols = append([]value.Value(nil), r.Cols...)
			one.Cols[i] = list.At(k)
			if one.Cols[i].Kind() == value.Object {
				p.spread(&one, i)
			}
			if err := out.Emit(row.Batch{Schema: b.Schema, Rows: []row.Row{one}, Span: b.Span}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Project) distinct(rows []row.Row) []row.Row {
	clear(p.seen)
	kept := rows[:0]
	for i := range rows {
		p.key = value.AppendKey(p.key[:0], rows[i].Rest)
		for _, v := range rows[i].Cols {
			p.key = value.AppendKey(p.key, v)
		}
		if !p.seen[string(p.key)] {
			p.seen[string(p.key)] = true
			kept = append(kept, rows[i])
		}
	}
	return kept
}
