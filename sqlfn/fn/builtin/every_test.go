package builtin_test

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// of returns a literal that an argument of a type takes, and one that it does
// not take; ok is false if it takes everything.
func of(typ string) (good, bad value.Value, ok bool) {
	switch typ {
	case "int", "float", "number":
		return value.OfInt(1), value.OfString("x"), true
	case "string":
		return value.OfString("x"), value.OfInt(1), true
	case "bool":
		return value.True, value.OfInt(1), true
	}
	return value.OfString("x"), value.Value{}, false
}

// TestEveryFunctionRefusesWrongCallsWhenTheRuleIsMade calls each function with
// too few and too many arguments, and with literals of a wrong type.
func TestEveryFunctionRefusesWrongCallsWhenTheRuleIsMade(t *testing.T) {
	types := 0
	for _, f := range builtin.Registry().All() {
		check := func(args []value.Value, literal bool) error {
			is := make([]bool, len(args))
			for i := range is {
				is[i] = literal
			}
			return f.CheckCall(args, is)
		}
		least, most := f.Arity()
		if least > 0 && check(make([]value.Value, least-1), false) == nil {
			t.Errorf("%s takes %d arguments", f.Name, least-1)
		}
		if most >= 0 && check(make([]value.Value, most+1), false) == nil {
			t.Errorf("%s takes %d arguments", f.Name, most+1)
		}
		for i, a := range f.Args() {
			_, bad, typed := of(a.Type)
			if !typed || i >= least && most < 0 {
				continue
			}
			types++
			args, is := make([]value.Value, max(least, i+1)), make([]bool, max(least, i+1))
			for k := range args {
				args[k], _, _ = of(f.Args()[k].Type)
				is[k] = f.Args()[k].Literal
			}
			args[i], is[i] = bad, true
			if f.CheckCall(args, is) == nil {
				t.Errorf("%s takes %s as argument %d, a %s", f.Name, value.Describe(bad), i+1, a.Type)
			}
		}
	}
	if types < 100 {
		t.Errorf("only %d typed arguments were tried", types)
	}
}

// BenchmarkScalars calls every scalar function with the arguments of its first
// example.
func BenchmarkScalars(b *testing.B) {
	for _, f := range builtin.Registry().All() {
		if f.IsAggregate() || f.IsAnalytic() || f.Rows != nil || len(f.Examples) == 0 || f.Name == "delay" {
			continue
		}
		ex := f.Examples[0]
		x, err := parse.Expr(ex.Expr)
		if err != nil {
			b.Fatal(err)
		}
		if call, ok := x.(*ast.Call); !ok || builtin.Registry().Lookup(call.Name) != f || ex.Rows != "" {
			continue
		}
		b.Run(ex.Expr, func(b *testing.B) {
			call := bound(b, ex.Expr)
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
