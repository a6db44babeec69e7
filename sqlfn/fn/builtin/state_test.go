package builtin_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// restored is what a crash leaves: a new state that loads what s saves.
func restored[T state.Stateful](t *testing.T, s T, fresh func() T) T {
	t.Helper()
	var w state.Writer
	if err := s.Save(&w); err != nil {
		t.Fatal(err)
	}
	out := fresh()
	if err := out.Load(state.NewReader(w.Bytes())); err != nil {
		t.Fatal(err)
	}
	return out
}

func aggregateArgs(f *fn.Func, x value.Value) []value.Value {
	args := []value.Value{x}
	switch f.Name {
	case "percentile_cont", "percentile_disc":
		args = append(args, value.OfFloat(0.4))
	case "last_value", "deduplicate":
		args = append(args, value.True)
	case "last_agg_hit_count", "last_agg_hit_time":
		args = nil
	}
	if f.RowArg {
		args = append(args, value.OfObject([]value.Member{{Name: "x", Val: x}}))
	}
	return args
}

// randomInputs fit an aggregate: numbers and NULLs, or objects for merge_agg.
func randomInputs(f *fn.Func, r *rand.Rand, n int) []value.Value {
	vs := make([]value.Value, n)
	for i := range vs {
		switch v := value.OfFloat(float64(r.IntN(1000)) / 10); {
		case r.IntN(6) == 0:
			vs[i] = value.ExplicitNull
		case f.Name == "merge_agg":
			vs[i] = value.OfObject([]value.Member{{Name: fmt.Sprint(r.IntN(5)), Val: v}})
		case r.IntN(3) == 0:
			vs[i] = value.OfInt(int64(r.IntN(100)))
		default:
			vs[i] = v
		}
	}
	return vs
}

// resultOf feeds a fresh aggregate.
func resultOf(t *testing.T, f *fn.Func, inputs []value.Value) string {
	t.Helper()
	return show(filled(t, f, f.NewAggregate, inputs).Result(newEvaluator().ctx))
}

func filled(t *testing.T, f *fn.Func, fresh func() fn.Aggregate, inputs []value.Value) fn.Aggregate {
	t.Helper()
	a := fresh()
	for _, v := range inputs {
		if err := a.Add(newEvaluator().ctx, aggregateArgs(f, v)); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func aggregates() []*fn.Func {
	var fs []*fn.Func
	for _, f := range builtin.Registry().All() {
		if f.IsAggregate() {
			fs = append(fs, f)
		}
	}
	return fs
}

func TestAnAggregateGoesOnAfterARestart(t *testing.T) {
	for _, f := range aggregates() {
		for _, fresh := range []func() fn.Aggregate{f.NewAggregate, f.NewSliding} {
			if fresh == nil {
				continue
			}
			inputs := randomInputs(f, rand.New(rand.NewPCG(1, 2)), 40)
			for _, cut := range []int{0, 1, 17, 40} {
				a := restored(t, filled(t, f, fresh, inputs[:cut]), fresh)
				for _, v := range inputs[cut:] {
					if err := a.Add(newEvaluator().ctx, aggregateArgs(f, v)); err != nil {
						t.Fatal(err)
					}
				}
				if got, want := show(a.Result(newEvaluator().ctx)), resultOf(t, f, inputs); got != want {
					t.Errorf("%s restarted after %d rows: got %s, want %s", f.Name, cut, got, want)
				}
			}
		}
	}
}

func TestTakingBackTheOldestLeavesTheAggregateOfTheRest(t *testing.T) {
	tested := 0
	for _, f := range aggregates() {
		fresh := f.NewAggregate
		if f.NewSliding != nil {
			fresh = f.NewSliding
		}
		if _, ok := fresh().(fn.Retracter); !ok {
			continue
		}
		tested++
		inputs := randomInputs(f, rand.New(rand.NewPCG(3, 4)), 300)
		a := fresh()
		const width = 7
		for i := range inputs {
			if err := a.Add(nil, aggregateArgs(f, inputs[i])); err != nil {
				t.Fatal(err)
			}
			if i >= width {
				if err := a.(fn.Retracter).Retract(nil, aggregateArgs(f, inputs[i-width])); err != nil {
					t.Fatal(err)
				}
			}
			if i == 150 {
				a = restored(t, a, fresh)
			}
			got, want := show(a.Result(newEvaluator().ctx)), resultOf(t, f, inputs[max(0, i-width+1):i+1])
			if got != want {
				t.Fatalf("%s after row %d: got %s, want %s", f.Name, i, got, want)
			}
		}
	}
	if tested < 12 {
		t.Errorf("only %d aggregates can take rows back", tested)
	}
}

func TestAValueThatIsNotFiniteLeavesNothingBehind(t *testing.T) {
	for _, name := range []string{"sum", "avg", "stddev", "var"} {
		f := builtin.Registry().Lookup(name)
		a := f.NewAggregate()
		odd := []value.Value{nan, inf, minusInf, value.OfFloat(1e300)}
		for _, v := range append([]value.Value{value.OfFloat(0.1), value.OfFloat(0.2)}, odd...) {
			if err := a.Add(nil, []value.Value{v}); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range odd[:3] {
			if err := a.(fn.Retracter).Retract(nil, []value.Value{v}); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := a.Result(nil); err != nil || name == "sum" && got.Float() != 1e300 {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
		if err := a.(fn.Retracter).Retract(nil, odd[3:]); err != nil {
			t.Fatal(err)
		}
		got := show(a.Result(nil))
		want := resultOf(t, f, []value.Value{value.OfFloat(0.1), value.OfFloat(0.2)})
		if name != "sum" && name != "avg" && got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestMergingPanesGivesTheAggregateOfAllRows(t *testing.T) {
	tested := 0
	for _, f := range aggregates() {
		if _, ok := f.NewAggregate().(fn.Merger); !ok {
			continue
		}
		tested++
		inputs := randomInputs(f, rand.New(rand.NewPCG(5, 6)), 60)
		for _, cut := range []int{0, 13, 60} {
			a := filled(t, f, f.NewAggregate, inputs[:cut])
			if err := a.(fn.Merger).Merge(filled(t, f, f.NewAggregate, inputs[cut:])); err != nil {
				t.Fatal(err)
			}
			if got, want := show(a.Result(newEvaluator().ctx)), resultOf(t, f, inputs); got != want {
				t.Errorf("%s merged at %d: got %s, want %s", f.Name, cut, got, want)
			}
		}
	}
	if tested < 12 {
		t.Errorf("only %d aggregates can be merged", tested)
	}
}

func TestAGroupThatNeverHadARowHasNoResult(t *testing.T) {
	for _, f := range aggregates() {
		if f.Name == "last_agg_hit_count" || f.Name == "last_agg_hit_time" {
			continue
		}
		v, err := f.NewAggregate().Result(nil)
		if err != nil || !v.IsNull() || v.Present() != (f.Name == "collect") {
			t.Errorf("%s: got %v, %v", f.Name, v, err)
		}
	}
}

func TestDistinctFeedsEachValueOnceAlsoAfterARestart(t *testing.T) {
	fresh := fn.Distinct(builtin.Registry().Lookup("count").NewAggregate)
	a := fresh()
	for i := range 100 {
		v := value.OfInt(int64(i % 7))
		if i%2 == 0 {
			v = value.OfFloat(float64(i % 7)) // equal to the int
		}
		if i == 50 {
			a = restored(t, a, fresh)
		}
		if err := a.Add(nil, []value.Value{v}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Add(nil, []value.Value{{}}); err != nil {
		t.Fatal(err)
	}
	if got := show(a.Result(nil)); got != "7" {
		t.Errorf("got %s distinct values, want 7", got)
	}
}

// TestASnapshotThatEndsEarlyIsRefused also shows that no state panics on one.
func TestASnapshotThatEndsEarlyIsRefused(t *testing.T) {
	for _, f := range builtin.Registry().All() {
		for _, ex := range f.Examples {
			e := newEvaluator()
			_, _ = e.run(ex.Expr, ex.Rows)
			for call, a := range e.aggregate {
				loadPrefixes(t, call.String(), a, e.reg.Lookup(call.Name).NewAggregate())
			}
			for call, a := range e.analytic {
				if f := e.reg.Lookup(call.Name); f.NewAnalytic != nil {
					loadPrefixes(t, call.String(), a, f.NewAnalytic())
				}
			}
		}
	}
}

func loadPrefixes(t *testing.T, name string, from, into state.Stateful) {
	t.Helper()
	var w state.Writer
	if err := from.Save(&w); err != nil {
		t.Fatal(err)
	}
	for n := range len(w.Bytes()) {
		if err := into.Load(state.NewReader(w.Bytes()[:n])); err == nil {
			t.Errorf("%s: loaded %d of %d bytes without an error", name, n, len(w.Bytes()))
		}
	}
}

func BenchmarkAggregates(b *testing.B) {
	for _, f := range aggregates() {
		b.Run(f.Name, func(b *testing.B) {
			a, c := f.NewAggregate(), newEvaluator().ctx
			args := aggregateArgs(f, value.OfFloat(1.5))
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Add(c, args); f.Name != "merge_agg" && err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
