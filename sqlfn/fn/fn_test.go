package fn_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func clamp() *fn.Func {
	return &fn.Func{Name: "clamp", Aliases: []string{"limit_to"}, Sig: "(x number, lo number, hi number) -> float",
		Eval: fn.Strict3(func(x, lo, hi float64) float64 { return min(max(x, lo), hi) })}
}

func TestNamesAreFoundInAnyCaseUnlessTheyAreExact(t *testing.T) {
	c, e := clamp(), &fn.Func{Name: "countPlusOne", Exact: true, Sig: "() -> int"}
	r := fn.NewRegistry(c, e)
	for name, want := range map[string]*fn.Func{"clamp": c, "CLAMP": c, "Limit_To": c, "countPlusOne": e, "countplusone": nil, "nosuch": nil} {
		if got := r.Lookup(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got := strings.Join(r.Names(), " "); got != "clamp countPlusOne limit_to" {
		t.Errorf("got names %s", got)
	}
	if err := r.Unknown("clmp", 3); err.Error() != `function clmp not found, did you mean "clamp"?` {
		t.Errorf("got %v", err)
	}
}

func TestMistakesInDeclarationsPanic(t *testing.T) {
	for name, fs := range map[string][]*fn.Func{
		"twice":          {clamp(), clamp()},
		"no result":      {{Name: "f", Sig: "(x int)"}},
		"unknown type":   {{Name: "f", Sig: "(x text) -> int"}},
		"no type":        {{Name: "f", Sig: "(x) -> int"}},
		"unknown result": {{Name: "f", Sig: "() -> text"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			fn.NewRegistry(fs...)
		})
	}
}

func TestCallsAreCheckedAgainstTheSignature(t *testing.T) {
	f := &fn.Func{Name: "f", Sig: "(x number, name? string literal, rest any...) -> int",
		Check: func(args []value.Value) error {
			if len(args) == 3 {
				return errors.New("three is refused by the check")
			}
			return nil
		}}
	fn.NewRegistry(f)
	one, text := value.OfInt(1), value.OfString("a")
	for _, c := range []struct {
		lits    []value.Value
		literal []bool
		want    string
	}{
		{nil, nil, "Expect at least 1 arguments but found 0."},
		{[]value.Value{one}, []bool{true}, ""},
		{[]value.Value{text}, []bool{true}, "Expect number type for parameter 1."},
		{[]value.Value{{}}, []bool{false}, ""},
		{[]value.Value{one, one}, []bool{true, true}, "Expect string type for parameter 2."},
		{[]value.Value{one, {}}, []bool{true, false}, "Expect a literal for parameter 2."},
		{[]value.Value{one, text, one}, []bool{true, true, true}, "three is refused by the check"},
		{[]value.Value{one, text, one, text}, []bool{true, true, true, true}, ""},
	} {
		err := f.CheckCall(c.lits, c.literal)
		if got := errText(err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.lits, got, c.want)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestBindAppliesTheNullRule(t *testing.T) {
	f := &fn.Func{Name: "f", Sig: "(x int, y int) -> int", OnNull: value.OfInt(-1), Eval: fn.Strict2(func(x, y int64) int64 { return x + y })}
	fn.NewRegistry(f)
	call := f.Bind()
	for _, c := range []struct {
		args []value.Value
		want int64
	}{
		{[]value.Value{value.OfInt(1), value.OfFloat(2)}, 3},
		{[]value.Value{value.OfInt(1), {}}, -1},
		{[]value.Value{value.ExplicitNull, value.OfInt(1)}, -1},
	} {
		if got, err := call(nil, c.args); err != nil || got.Int() != c.want {
			t.Errorf("%v: got %v, %v, want %d", c.args, got, err, c.want)
		}
	}
}

func TestEachCallSiteHasItsOwnPreparedCode(t *testing.T) {
	made := 0
	f := &fn.Func{Name: "f", Sig: "(x int) -> int", NewEval: func() fn.EvalFunc {
		made++
		calls := int64(0)
		return func(*fn.Ctx, []value.Value) (value.Value, error) { calls++; return value.OfInt(calls), nil }
	}}
	fn.NewRegistry(f)
	arg := []value.Value{value.OfInt(0)}
	first, second := f.Bind(), f.Bind()
	_, _ = first(nil, arg)
	if got, _ := first(nil, arg); got.Int() != 2 {
		t.Errorf("the first site made %v calls, want 2", got)
	}
	if got, _ := second(nil, arg); got.Int() != 1 {
		t.Errorf("the second site made %v calls, want 1", got)
	}
	if got, _ := f.Eval(nil, arg); got.Int() != 1 || made != 3 {
		t.Errorf("Eval alone: call %v, %d sites", got, made)
	}
}

func TestTypedFunctionsConvertAsColumnsAre(t *testing.T) {
	text := fn.Strict1(func(s string) string { return "<" + s + ">" })
	whole := fn.Try1(func(i int64) (int64, error) { return i * 2, nil })
	truth := fn.Strict1(func(b bool) bool { return !b })
	number := fn.Try2(func(x, y float64) (float64, error) { return x / y, nil })
	any := fn.Strict1(func(v value.Value) value.Value { return v })
	for _, c := range []struct {
		f    fn.EvalFunc
		args []value.Value
		want string // of value.Describe, or the error
	}{
		{text, []value.Value{value.OfInt(5)}, "string(<5>)"},
		{text, []value.Value{value.True}, "string(<true>)"},
		{whole, []value.Value{value.OfFloat(2)}, "int64(4)"},
		{whole, []value.Value{value.OfFloat(2.5)}, "expect int type but got float64(2.5)"},
		{whole, []value.Value{value.OfString("2")}, "expect int type but got string(2)"},
		{truth, []value.Value{value.False}, "bool(true)"},
		{truth, []value.Value{value.OfInt(1)}, "expect bool type but got int64(1)"},
		{number, []value.Value{value.OfInt(1), value.OfUint(math.MaxUint64)}, "float64(0.00000000000000000005421010862427522)"},
		{number, []value.Value{value.OfInt(1), value.OfString("2")}, "only float64 & int type are supported"},
		{any, []value.Value{value.OfInts([]int64{1})}, "[]interface {}([1])"},
	} {
		v, err := c.f(nil, c.args)
		got := value.Describe(v)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%v: got %s, want %s", c.args, got, c.want)
		}
	}
}

func TestTypedFunctionsDoNotAllocateForNumbers(t *testing.T) {
	f := clamp()
	fn.NewRegistry(f)
	call, args := f.Bind(), []value.Value{value.OfFloat(12), value.OfInt(0), value.OfInt(10)}
	got := testing.AllocsPerRun(100, func() {
		if v, err := call(nil, args); err != nil || v.Float() != 10 {
			t.Fatal(v, err)
		}
	})
	if got != 0 {
		t.Errorf("a call allocates %v times", got)
	}
}
