package plan

import (
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// check refuses what the grammar allows and the language does not.
func (b *builder) check() error {
	sel := b.sel
	if len(sel.Dims) > 0 && sel.Window == nil {
		return diag.At(diag.Plan, sel.Dims[0].Offset(), "select stmt group by should be used with window").
			WithHint("add a window: GROUP BY .., TUMBLINGWINDOW(ss, 10)")
	}
	for _, d := range sel.Dims {
		if b.containsAggregate(d) {
			return diag.At(diag.Plan, d.Offset(), "Not allowed to call aggregate functions in GROUP BY clause: %s", d)
		}
	}
	if sel.Where != nil && b.containsAggregate(sel.Where) {
		return diag.At(diag.Plan, sel.Where.Offset(), "Not allowed to call aggregate functions in WHERE clause: %s", sel.Where).
			WithHint("use HAVING")
	}
	if err := b.checkHaving(); err != nil {
		return err
	}
	return b.checkJoins()
}

// checkHaving refuses functions that have nothing to do with the groups.
func (b *builder) checkHaving() error {
	var err error
	if b.sel.Having == nil {
		return nil
	}
	ast.Walk(b.sel.Having, func(e ast.Expr) bool {
		call, ok := e.(*ast.Call)
		if !ok {
			return true
		}
		f := b.cfg.Functions.Lookup(call.Name)
		if f == nil || f.IsAggregate() || isWindowFunc(f) {
			return false
		}
		if err == nil && !b.isLate(call) {
			err = diag.At(diag.Plan, call.Offset(), "Not allowed to call non-aggregate functions in HAVING clause: %s", b.sel.Having)
		}
		return true
	})
	return err
}

func (b *builder) containsAggregate(e ast.Expr) bool {
	found := false
	ast.Walk(e, func(e ast.Expr) bool {
		if call, ok := e.(*ast.Call); ok {
			f := b.cfg.Functions.Lookup(call.Name)
			found = found || f != nil && f.IsAggregate()
		}
		return !found
	})
	return found
}

// aggregateCalls returns the SELECT fields and conditions with aggregates.
func (b *builder) aggregateCalls() []ast.Expr {
	var out []ast.Expr
	for _, f := range b.sel.Fields {
		if b.containsAggregate(f.X) {
			out = append(out, f.X)
		}
	}
	if b.sel.Having != nil && b.containsAggregate(b.sel.Having) {
		out = append(out, b.sel.Having)
	}
	return out
}
