package exec

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Layout tells which slots belong to which input.
type Layout struct {
	Width  int
	Inputs []Slots
}

// Slots is a range of slots, To excluded.
type Slots struct{ From, To int }

// Join joins the rows of the inputs in each window, from left to right.
type Join struct {
	Timeless
	ctx    *Ctx
	layout Layout
	steps  []joinStep
}

type joinStep struct {
	kind  ast.JoinKind
	right int32
	on    expr.Func // nil: every pair
}

// NewJoin makes the operator.
func NewJoin(n *plan.Join, layout Layout, ctx *Ctx) (*Join, error) {
	j := &Join{ctx: ctx, layout: layout}
	for _, k := range n.Joins {
		s := joinStep{kind: k.Kind, right: int32(k.Right)}
		if k.On != nil {
			var err error
			if s.on, err = expr.Compile(k.On); err != nil {
				return nil, err
			}
		}
		j.steps = append(j.steps, s)
	}
	return j, nil
}

// Push implements Operator.
func (j *Join) Push(b row.Batch, out Emitter) error {
	left := of(b.Rows, 0)
	for _, s := range j.steps {
		var err error
		if left, err = j.join(left, of(b.Rows, s.right), s); err != nil {
			out.Fail(fmt.Errorf("run Join error: %w", err))
			return nil
		}
	}
	if len(left) == 0 {
		return nil
	}
	b.Rows = left
	return out.Emit(b)
}

func of(rows []row.Row, input int32) []row.Row {
	var out []row.Row
	for i := range rows {
		if rows[i].In == input {
			out = append(out, rows[i])
		}
	}
	return out
}

func (j *Join) join(left, right []row.Row, s joinStep) ([]row.Row, error) {
	var out []row.Row
	matched := make([]bool, len(right))
	for i := range left {
		hit := false
		for k := range right {
			pair := j.pair(&left[i], &right[k], s.right)
			ok := s.on == nil
			if !ok {
				var err error
				if ok, err = expr.True(s.on, j.ctx, &pair); err != nil {
					return nil, err
				}
			}
			if ok {
				hit, matched[k] = true, true
				out = append(out, pair)
			}
		}
		if !hit && (s.kind == ast.LeftJoin || s.kind == ast.FullJoin) {
			out = append(out, left[i])
		}
	}
	if s.kind != ast.RightJoin && s.kind != ast.FullJoin {
		return out, nil
	}
	for k := range right {
		if !matched[k] {
			out = append(out, right[k])
		}
	}
	return out, nil
}

// pair puts the right row's columns beside the left row's.
func (j *Join) pair(l, r *row.Row, right int32) row.Row {
	out := *l
	out.Cols = make([]value.Value, j.layout.Width)
	copy(out.Cols, l.Cols)
	for i := j.layout.Inputs[right].From; i < j.layout.Inputs[right].To; i++ {
		out.Cols[i] = r.Col(i)
	}
	if r.Rest.Len() > 0 {
		out.Rest = value.OfObject(append(append([]value.Member(nil), r.Rest.Members()...), l.Rest.Members()...))
	}
	return out
}
