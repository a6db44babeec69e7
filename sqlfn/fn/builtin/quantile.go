package builtin

import (
	"fmt"
	"math"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func quantiles() []*fn.Func {
	return []*fn.Func{
		{Name: "median", Sig: "(x number) -> float", Mark: 'B',
			Doc:          param.T("The middle value of x, or the mean of the two middle ones.", "x 的中位数。"),
			Examples:     []fn.Example{on(fourInts, "median(i)", "2"), on(fourInts, "median(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &quantile{name: "median", of: median} }},
		{Name: "percentile_cont", Sig: "(x number, p number) -> float", Mark: 'C',
			Doc: param.T("The value below which the part p (0..1) of x lies, between two values their mean.", "连续百分位数，p 取 0 到 1；落在两值之间时取平均。"),
			Examples: []fn.Example{on(fourInts, "percentile_cont(i, 0.5)", "2"), on(fourInts, "percentile_cont(i, 0.25)", "1"),
				on(fourInts, "percentile_cont(nothing, 0.5)", "null"), on(fourInts, "percentile_cont(i, 2)", "error: percentile 2 is not in the range 0..1")},
			NewAggregate: func() fn.Aggregate { return &quantile{name: "percentile_cont", of: continuous} }},
		{Name: "percentile_disc", Sig: "(x number, p number) -> float", Mark: 'C',
			Doc: param.T("The smallest x that is not below the part p (0..1) of all x.", "离散百分位数，p 取 0 到 1，结果为 x 中的某个值。"),
			Examples: []fn.Example{on(fourInts, "percentile_disc(i, 0.5)", "2"), on(fourInts, "percentile_disc(i, 1)", "5"),
				on(fourInts, "percentile_disc(nothing, 1)", "null")},
			NewAggregate: func() fn.Aggregate { return &quantile{name: "percentile_disc", of: discrete} }},
	}
}

// quantile keeps all numbers, in order of arrival so that the oldest can be
// taken back.
type quantile struct {
	name    string
	of      func(sorted []float64, p float64) float64
	xs      []float64
	p       float64
	scratch []float64 // reused for sorting
}

func (a *quantile) Add(_ *fn.Ctx, args []value.Value) error {
	if len(args) > 1 && !args[1].IsNull() {
		p, err := fn.ToFloat(args[1])
		if err != nil {
			return err
		}
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("percentile %v is not in the range 0..1", p)
		}
		a.p = p
	}
	x, ok := args[0].AsFloat()
	if !ok {
		return skipNull(a.name, args[0])
	}
	a.xs = append(a.xs, x)
	return nil
}

func (a *quantile) Retract(_ *fn.Ctx, args []value.Value) error {
	if !args[0].IsNull() && len(a.xs) > 0 {
		a.xs = a.xs[1:]
	}
	return nil
}

func (a *quantile) Merge(other fn.Aggregate) error {
	if b := other.(*quantile); len(b.xs) > 0 {
		a.xs, a.p = append(a.xs, b.xs...), b.p
	}
	return nil
}

func (a *quantile) Result(*fn.Ctx) (value.Value, error) {
	if len(a.xs) == 0 {
		return null, nil
	}
	a.scratch = append(a.scratch[:0], a.xs...)
	slices.Sort(a.scratch)
	return value.OfFloat(a.of(a.scratch, a.p)), nil
}

func median(s []float64, _ float64) float64 {
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// continuous takes the p*n-th value, counted from 1, or the mean of the two
// around it.
func continuous(s []float64, p float64) float64 {
	at := p * float64(len(s))
	i := int(at)
	switch {
	case i == 0:
		return s[0]
	case at == math.Trunc(at):
		return s[i-1]
	}
	return (s[i-1] + s[i]) / 2
}

// discrete takes the nearest rank.
func discrete(s []float64, p float64) float64 {
	return s[max(0, int(math.Ceil(p*float64(len(s))))-1)]
}

func (a *quantile) Save(w *state.Writer) error {
	w.Float(a.p)
	w.Value(value.OfFloats(a.xs))
	return nil
}

func (a *quantile) Load(r *state.Reader) error {
	a.p = r.Float()
	a.xs = nil
	for _, v := range r.Value().Values() {
		x, _ := v.AsFloat()
		a.xs = append(a.xs, x)
	}
	return r.Err()
}
