// Package expr compiles resolved expression trees to closures. The closures
// work on typed values without boxing; the common shapes, a column against a
// constant or another column, have closures of their own.
//
//	f, err := expr.Compile(tree)
//	v, err := f(ctx, &row)
//
// A closure may keep scratch memory: one goroutine uses it.
package expr

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Func is a compiled expression.
type Func func(c *fn.Ctx, r *row.Row) (value.Value, error)

// Compile makes the closure of a tree that the planner has resolved.
func Compile(e ast.Expr) (Func, error) {
	switch e := e.(type) {
	case *ast.Literal:
		return constant(e.Val), nil
	case *plan.Slot:
		return column(e.Index), nil
	case *plan.FirstOf:
		return Column(e), nil
	case *plan.RowObject:
		return rowObject(e), nil
	case *ast.Unary:
		return unary(e)
	case *ast.Binary:
		return binary(e)
	case *ast.Between:
		return between(e)
	case *ast.Like:
		return like(e)
	case *ast.In:
		return in(e)
	case *ast.IsNull:
		return isNull(e)
	case *ast.Index:
		return index(e)
	case *ast.Slice:
		return slice(e)
	case *ast.Deref:
		return deref(e)
	case *ast.Case:
		return caseOf(e)
	case *plan.Apply:
		return apply(e)
	}
	return nil, diag.At(diag.Plan, e.Offset(), "%s cannot be used here", e)
}

// CompileAll compiles a list.
func CompileAll(es []ast.Expr) ([]Func, error) {
	fs := make([]Func, len(es))
	for i, e := range es {
		f, err := Compile(e)
		if err != nil {
			return nil, err
		}
		fs[i] = f
	}
	return fs, nil
}

func compileBoth(a, b ast.Expr) (Func, Func, error) {
	fs, err := CompileAll([]ast.Expr{a, b})
	if err != nil {
		return nil, nil, err
	}
	return fs[0], fs[1], nil
}

// True evaluates a condition: NULL is false, anything but a boolean an error.
func True(f Func, c *fn.Ctx, r *row.Row) (bool, error) {
	v, err := f(c, r)
	if err != nil {
		return false, err
	}
	if v.Kind() == value.Bool {
		return v.Bool(), nil
	}
	if v.IsNull() {
		return false, nil
	}
	return false, fmt.Errorf("invalid condition that returns non-bool value %s", value.Describe(v))
}

func constant(v value.Value) Func {
	return func(*fn.Ctx, *row.Row) (value.Value, error) { return v, nil }
}

func column(slot int) Func {
	return func(_ *fn.Ctx, r *row.Row) (value.Value, error) {
		if slot < len(r.Cols) {
			return r.Cols[slot], nil
		}
		return value.Value{}, nil
	}
}

// Column reads the first of several columns that is present.
func Column(e *plan.FirstOf) Func {
	if len(e.Slots) == 1 {
		return column(e.Slots[0].Index)
	}
	return func(_ *fn.Ctx, r *row.Row) (value.Value, error) {
		for _, s := range e.Slots {
			if v := r.Col(s.Index); v.Present() {
				return v, nil
			}
		}
		return value.Value{}, nil
	}
}

func rowObject(e *plan.RowObject) Func {
	return func(_ *fn.Ctx, r *row.Row) (value.Value, error) {
		ms := make([]value.Member, 0, len(e.Slots)+r.Rest.Len())
		ms = append(ms, r.Rest.Members()...)
		for _, s := range e.Slots {
			if v := r.Col(s.Index); v.Present() {
				ms = append(ms, value.Member{Name: s.Name, Val: v})
			}
		}
		return value.OfObject(ms), nil
	}
}

// apply calls a scalar function.
func apply(e *plan.Apply) (Func, error) {
	args, err := CompileAll(e.Args)
	if err != nil {
		return nil, err
	}
	f := e.Func
	if f.Rows == nil && f.Eval == nil {
		return nil, diag.At(diag.Plan, e.Offset(), "function %s cannot be used here", f.Name)
	}
	eval := f.Rows
	if eval == nil {
		eval = f.Bind()
	}
	scratch := make([]value.Value, len(args))
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		for i, a := range args {
			v, err := a(c, r)
			if err != nil {
				return value.Value{}, err
			}
			scratch[i] = v
		}
		c.Row = r
		v, err := eval(c, scratch)
		if err != nil {
			return value.Value{}, fmt.Errorf("call func %s error: %w", f.Name, err)
		}
		return v, nil
	}, nil
}
