package builtin_test

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// bound is a call with its arguments, ready to be made again and again.
func bound(t testing.TB, expr string) func() {
	x, err := parse.Expr(expr)
	if err != nil {
		t.Fatal(err)
	}
	call := x.(*ast.Call)
	e := newEvaluator()
	rows, _ := value.ParseJSON([]byte(`{"i":-5,"f":2.5,"s":"temperature","t":"2020-01-02T03:04:05Z","ts":1577934245123,"a":[1,2,3],"o":{"k":{"l":1}}}`), value.JSONOptions{IntWhole: true})
	e.row(0, rows)
	args := make([]value.Value, len(call.Args))
	for i, a := range call.Args {
		if args[i], err = e.eval(a); err != nil {
			t.Fatal(err)
		}
	}
	f := e.reg.Lookup(call.Name)
	eval := fn.EvalFunc(nil)
	if f.NewAnalytic != nil {
		eval = f.NewAnalytic().Eval
	} else {
		eval = f.Bind()
	}
	return func() {
		if _, err := eval(e.ctx, args); err != nil {
			t.Fatal(err)
		}
	}
}

var measured = []struct {
	expr   string
	allocs float64 // of the result only
}{
	{"abs(i)", 0}, {"abs(f)", 0}, {"round(f)", 0}, {"round(f, 1)", 0}, {"mod(f, 2)", 0}, {"power(f, 2)", 0}, {"sqrt(f)", 0}, {"sin(f)", 0}, {"bitand(i, 3)", 0},
	{"length(s)", 0}, {"length(f)", 0}, {"startswith(s, \"temp\")", 0}, {"indexof(s, \"u\")", 0}, {"substring(s, 1, 3)", 0}, {"trim(s)", 0}, {"lower(s)", 0},
	{`regexp_matches(s, "^t.*e$")`, 0}, {`cast(i, "float")`, 0}, {`cast(s, "bytea")`, 0}, {"isNull(s)", 0}, {"coalesce(s, 1)", 0},
	{"hour(ts)", 0}, {"hour(t)", 0}, {"to_seconds(t)", 0}, {"tstamp()", 0}, {"array_contains(a, 3)", 0}, {"element_at(a, -1)", 0}, {"array_max(a)", 0}, {"cardinality(a)", 0},
	{`json_path_query(o, "$.k.l")`, 0}, {`meta("topic")`, 0}, {"event_time()", 0}, {"window_start()", 0},
	{"lag(f)", 0}, {"latest(f)", 0}, {"changed_col(true, f)", 0}, {"had_changed(true, f, i)", 0}, {"acc_sum(f)", 0},
	{"concat(s, i)", 1}, {"upper(s)", 1}, {`format_time(ts, "yyyy-MM-dd HH:mm:ss")`, 1}, {"md5(s)", 1}, {"sha256(s)", 1}, {`cast(f, "string")`, 1}, {"to_json(f)", 1}, {"keys(o)", 1},
}

func TestCallsAllocateOnlyTheirResult(t *testing.T) {
	for _, m := range measured {
		call := bound(t, m.expr)
		call()
		if got := testing.AllocsPerRun(100, call); got > m.allocs {
			t.Errorf("%s allocates %v times, want %v", m.expr, got, m.allocs)
		}
	}
}

func BenchmarkCalls(b *testing.B) {
	for _, m := range measured {
		b.Run(m.expr, func(b *testing.B) {
			call := bound(b, m.expr)
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
