package builtin_test

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestAnalyticFunctionsFollowTheSequence(t *testing.T) {
	const rows = `[{"a":1,"b":1},{"a":1,"b":2},{"a":null,"b":3},{"b":4},{"a":2,"b":5}]`
	for expr, want := range map[string]string{
		"lag(a)":                         "[null,1,1,1,1]",
		"lag(a, 1, 9)":                   "[9,1,1,1,1]",
		"lag(a, 2)":                      "[null,null,1,1,1]",
		"lag(a, 1, 9, false)":            "[9,1,1,null,null]",
		"lag(b, 3, 0)":                   "[0,0,0,1,2]",
		"latest(a)":                      "[1,1,1,1,2]",
		"latest(c, 7)":                   "[7,7,7,7,7]",
		"changed_col(true, a)":           "[1,null,null,null,2]",
		"changed_col(false, a)":          "[1,null,null,null,2]",
		"had_changed(true, a)":           "[true,false,false,false,true]",
		"had_changed(false, a)":          "[true,false,true,false,true]",
		"had_changed(true, a, b)":        "[true,true,true,true,true]",
		"had_changed(true, *)":           "[true,true,true,true,true]",
		"acc_sum(b, b > 1, b > 3)":       "[0,2,5,9,5]",
		"acc_count(b, b > 1, b > 3)":     "[0,1,2,3,1]",
		"acc_avg(b)":                     "[1,1.5,2,2.5,3]",
		"acc_sum(a)":                     "[1,2,2,2,4]",
		"acc_min(a)":                     "[1,1,1,1,1]",
		"acc_max(c)":                     "[null,null,null,null,null]",
		"acc_sum(c)":                     "[0,0,0,0,0]",
		"inc_count(a)":                   "[1,2,2,2,3]",
		"inc_last_value(a, false)":       "[1,1,null,null,2]",
		"row_number()":                   "[1,2,3,4,5]",
		`changed_cols("p_", true, a, b)`: `[{"p_a":1,"p_b":1},{"p_b":2},{"p_b":3},{"p_b":4},{"p_a":2,"p_b":5}]`,
		`changed_cols("", false, a)`:     `[{"a":1},null,{"a":null},null,{"a":2}]`,
		`changed_cols("", false, *)`:     `[{"a":1,"b":1},{"b":2},{"a":null,"b":3},{"b":4},{"a":2,"b":5}]`,
	} {
		for _, restart := range []bool{false, true} {
			if got := sequence(t, expr, rows, restart); got != want {
				t.Errorf("%s, restarts %v: got %s, want %s", expr, restart, got, want)
			}
		}
	}
}

// sequence is the results for all rows; with restart the state is saved and
// loaded behind each.
func sequence(t *testing.T, expr, rows string, restart bool) string {
	t.Helper()
	x, err := parse.Expr(expr)
	if err != nil {
		t.Fatal(err)
	}
	all, err := value.ParseJSON([]byte(rows), value.JSONOptions{IntWhole: true})
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator()
	var out []value.Value
	for i, obj := range all.Values() {
		e.row(i, obj)
		v, err := e.eval(x)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		out = append(out, v)
		for call, a := range e.analytic {
			f := e.reg.Lookup(call.Name)
			if restart && f.NewAnalytic != nil && f.Name != "row_number" {
				e.analytic[call] = restored(t, a, f.NewAnalytic)
			}
			if restart && f.Columns != nil {
				names := make([]string, len(call.Args))
				for i, a := range call.Args {
					names[i] = a.String()
				}
				e.analytic[call] = restored(t, a, func() fn.Analytic { return f.Columns(names) })
			}
		}
	}
	return show(value.OfArray(out), nil)
}

func TestRowNumbersStartOverInEachWindowAndPartition(t *testing.T) {
	e := newEvaluator()
	even, odd := e.reg.Lookup("row_number").NewAnalytic(), e.reg.Lookup("row_number").NewAnalytic()
	for window := range 2 {
		e.ctx.Span.End += int64(window)
		for i := range 6 {
			e.ctx.RowNumber = int64(i + 1)
			a := even
			if i%2 == 1 {
				a = odd
			}
			v, err := a.Eval(e.ctx, nil)
			if err != nil || v.Int() != int64(i/2+1) {
				t.Errorf("window %d, row %d: got %v, %v", window, i, v, err)
			}
		}
	}
	e.ctx.Span.Set = false
	if v, _ := even.Eval(e.ctx, nil); v.Int() != 1 {
		t.Errorf("without a window: got %v, want 1", v)
	}
}
