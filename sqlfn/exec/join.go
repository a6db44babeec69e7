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

// Slots are those of an input: its columns, from slot From on.
type Slots struct {
	From  int
	Want  *row.Schema
	Table *Table // nil: a stream, or a table that is asked by key
}

// Join joins rows with those of other inputs, from left to right: the rows of a
// window, or each event by itself with tables.
type Join struct {
	Timeless
	ctx    *Ctx
	layout Layout
	each   bool
	steps  []joinStep
}

type joinStep struct {
	kind   ast.JoinKind
	right  int32
	on     expr.Func // nil: every pair
	equal  *equality // nil: each row is tried with each
	lookup *lookup   // nil: the rows are there
}

// NewJoin makes the operator; ask answers for lookup tables.
func NewJoin(n *plan.Join, layout Layout, ask Lookup, ctx *Ctx) (*Join, error) {
	j := &Join{ctx: ctx, layout: layout, each: n.Each}
	for _, k := range n.Joins {
		s := joinStep{kind: k.Kind, right: int32(k.Right)}
		var err error
		if k.On != nil {
			if s.on, err = expr.Compile(k.On); err != nil {
				return nil, err
			}
		}
		switch {
		case k.Lookup != nil:
			s.lookup, err = newLookup(k.Lookup, layout.Inputs[k.Right], ask)
		case k.Equal != nil:
			s.equal, err = newEquality(k.Equal)
		}
		if err != nil {
			return nil, err
		}
		j.steps = append(j.steps, s)
	}
	return j, nil
}

// Push implements Operator.
func (j *Join) Push(b row.Batch, out Emitter) error {
	if !j.each {
		return j.emit(b, b.Rows, out)
	}
	for i := range b.Rows {
		if err := j.emit(b, b.Rows[i:i+1], out); err != nil {
			return err
		}
	}
	return nil
}

// emit joins some rows and hands on what comes of them. What comes of one event
// by itself is a list if it has several matches, as the content of a window is.
func (j *Join) emit(b row.Batch, rows []row.Row, out Emitter) error {
	joined := j.rows(rows, 0)
	for i := range j.steps {
		var err error
		if joined, err = j.join(joined, rows, &j.steps[i]); err != nil {
			out.Fail(fmt.Errorf("run Join error: %w", err))
			return nil
		}
	}
	if len(joined) == 0 {
		return nil
	}
	if j.each && len(joined) > 1 {
		ts := rows[0].TS
		b.Span = row.Span{Start: ts, End: ts, Trigger: ts, Set: true}
	}
	b.Rows = joined
	return out.Emit(b)
}

// rows returns those of an input.
func (j *Join) rows(rows []row.Row, input int32) []row.Row {
	if t := j.layout.Inputs[input].Table; t != nil {
		return t.rows
	}
	if j.each {
		return rows
	}
	var out []row.Row
	for i := range rows {
		if rows[i].In == input {
			out = append(out, rows[i])
		}
	}
	return out
}

func (j *Join) join(left, rows []row.Row, s *joinStep) ([]row.Row, error) {
	if s.lookup != nil {
		return j.ask(left, s)
	}
	right := j.rows(rows, s.right)
	candidates, err := j.candidates(left, right, s)
	if err != nil {
		return nil, err
	}
	var out []row.Row
	matched := make([]bool, len(right))
	for i := range left {
		hit := false
		for k := range candidates.of(i) {
			pair := j.pair(&left[i], &right[k], s.right)
			ok, err := j.holds(s, &pair)
			if err != nil {
				return nil, err
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

// ask joins rows with the answers of a lookup table.
func (j *Join) ask(left []row.Row, s *joinStep) ([]row.Row, error) {
	var out []row.Row
	for i := range left {
		right, err := s.lookup.rows(j.ctx, &left[i])
		if err != nil {
			return nil, err
		}
		hit := false
		for k := range right {
			pair := j.pair(&left[i], &right[k], s.right)
			ok, err := j.holds(s, &pair)
			if err != nil {
				return nil, err
			}
			if ok {
				hit = true
				out = append(out, pair)
			}
		}
		if !hit && s.kind == ast.LeftJoin {
			out = append(out, left[i])
		}
	}
	return out, nil
}

func (j *Join) holds(s *joinStep, pair *row.Row) (bool, error) {
	if s.on == nil {
		return true, nil
	}
	return expr.True(s.on, j.ctx, pair)
}

// pair puts the right row's columns beside the left row's.
func (j *Join) pair(l, r *row.Row, right int32) row.Row {
	out := *l
	out.Cols = make([]value.Value, j.layout.Width)
	copy(out.Cols, l.Cols)
	in := j.layout.Inputs[right]
	for i := in.From; i < in.From+len(in.Want.Cols); i++ {
		out.Cols[i] = r.Col(i)
	}
	if r.Rest.Len() > 0 {
		out.Rest = value.OfObject(append(append([]value.Member(nil), r.Rest.Members()...), l.Rest.Members()...))
	}
	return out
}
