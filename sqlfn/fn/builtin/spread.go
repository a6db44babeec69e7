package builtin

import (
	"math"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const fourInts = `[{"i":1},{"i":2},{"i":2},{"i":5},{"i":null}]`

func spreads() []*fn.Func {
	of := func(name string, root bool, sample int64, en, zh, want string) *fn.Func {
		return &fn.Func{Name: name, Sig: "(x number) -> float", Mark: 'B', Doc: param.T(en, zh),
			Examples:     []fn.Example{on(fourInts, name+"(i)", want), on(fourInts, name+"(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &spread{name: name, root: root, sample: sample} }}
	}
	return []*fn.Func{
		of("stddev", true, 0, "The standard deviation of x, all rows being the population.", "x 的总体标准差。", "1.5"),
		of("var", false, 0, "The variance of x, all rows being the population.", "x 的总体方差。", "2.25"),
		of("stddevs", true, 1, "The standard deviation of x, the rows being a sample.", "x 的样本标准差。", "1.7320508075688772"),
		of("vars", false, 1, "The variance of x, the rows being a sample.", "x 的样本方差。", "3"),
	}
}

// spread keeps the sums of the numbers and of their squares with twice the
// digits of a float64: the difference between them stays right where the mean
// is large and the spread small, also after values were taken back.
type spread struct {
	name    string
	root    bool  // the deviation rather than the variance
	sample  int64 // 1 divides by n-1
	n       int64
	sum     double
	squares double
	odd     int64 // numbers without a finite square
}

func (a *spread) Add(_ *fn.Ctx, args []value.Value) error     { return a.weigh(args[0], 1) }
func (a *spread) Retract(_ *fn.Ctx, args []value.Value) error { return a.weigh(args[0], -1) }

func (a *spread) weigh(v value.Value, sign int64) error {
	x, ok := v.AsFloat()
	if !ok {
		return skipNull(a.name, v)
	}
	a.n += sign
	square := x * x
	if math.IsNaN(square) || math.IsInf(square, 0) {
		a.odd += sign
		return nil
	}
	s := float64(sign)
	a.sum.add(s * x)
	a.squares.add(s * square)
	a.squares.add(s * math.FMA(x, x, -square)) // what rounding cut off the square
	return nil
}

func skipNull(name string, v value.Value) error {
	if v.IsNull() {
		return nil
	}
	return invalidArg(name, v)
}

func (a *spread) Merge(other fn.Aggregate) error {
	b := other.(*spread)
	a.n += b.n
	a.odd += b.odd
	a.sum.add(b.sum.hi)
	a.sum.add(b.sum.lo)
	a.squares.add(b.squares.hi)
	a.squares.add(b.squares.lo)
	return nil
}

func (a *spread) Result(*fn.Ctx) (value.Value, error) {
	if a.n == 0 {
		return null, nil
	}
	v := math.NaN() // also of a sample of one, which has no spread
	if a.odd == 0 && a.n > a.sample {
		v = a.squares.less(a.sum.squareOver(float64(a.n))) / float64(a.n-a.sample)
	}
	if a.root {
		v = math.Sqrt(v)
	}
	return value.OfFloat(v), nil
}

func (a *spread) Save(w *state.Writer) error {
	w.Int(a.n)
	w.Int(a.odd)
	for _, f := range []float64{a.sum.hi, a.sum.lo, a.squares.hi, a.squares.lo} {
		w.Float(f)
	}
	return nil
}

func (a *spread) Load(r *state.Reader) error {
	a.n, a.odd = r.Int(), r.Int()
	for _, f := range []*float64{&a.sum.hi, &a.sum.lo, &a.squares.hi, &a.squares.lo} {
		*f = r.Float()
	}
	return r.Err()
}
