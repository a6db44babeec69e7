package builtin

import (
	"fmt"
	"math"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const fourRows = `[{"i":1,"f":1.5},{"i":2,"f":null},{"i":2,"f":3.5},{"i":5,"f":null}]`

func sums() []*fn.Func {
	return []*fn.Func{
		{Name: "count", Sig: "(x any) -> int", Mark: 'A', StarArg: true, StarMark: true,
			Doc: param.T("How many rows have a value of x; count(*) counts all rows. Nothing for an empty window.",
				"x 非空的行数；count(*) 统计所有行。空窗口没有结果。"),
			Examples:     []fn.Example{on(fourRows, "count(*)", "4"), on(fourRows, "count(f)", "2"), on(fourRows, "count(nothing)", "0")},
			NewAggregate: func() fn.Aggregate { return new(count) }},
		{Name: "sum", Sig: "(x number) -> number", Mark: 'A',
			Doc:          param.T("The sum of x: an integer if every x is one, else a float.", "x 的总和：全部为整数时结果为整数，否则为浮点数。"),
			Examples:     []fn.Example{on(fourRows, "sum(i)", "10"), on(fourRows, "sum(f)", "5"), on(fourRows, "sum(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &sum{name: "sum"} }},
		{Name: "avg", Sig: "(x number) -> number", Mark: 'A',
			Doc:          param.T("The mean of x; of integers it is an integer, cut off towards zero.", "x 的平均值；整数的平均值仍为整数（向零取整）。"),
			Examples:     []fn.Example{on(fourRows, "avg(f)", "2.5"), on(fourRows, "avg(i)", "2"), on(fourRows, "avg(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &avg{sum{name: "avg"}} }},
	}
}

// count counts values that are not NULL. The rows are counted too: a group
// that never had a row has no count at all.
type count struct{ rows, n int64 }

func (a *count) Add(_ *fn.Ctx, args []value.Value) error {
	a.rows++
	if !args[0].IsNull() {
		a.n++
	}
	return nil
}

func (a *count) Retract(_ *fn.Ctx, args []value.Value) error {
	a.rows--
	if !args[0].IsNull() {
		a.n--
	}
	return nil
}

// AnyOrder implements fn.AnyOrder.
func (a *count) AnyOrder() {}

func (a *count) Merge(other fn.Aggregate) error {
	b := other.(*count)
	a.rows += b.rows
	a.n += b.n
	return nil
}

func (a *count) Result(*fn.Ctx) (value.Value, error) {
	if a.rows == 0 {
		return null, nil
	}
	return value.OfInt(a.n), nil
}

func (a *count) Save(w *state.Writer) error {
	w.Int(a.rows)
	w.Int(a.n)
	return nil
}

func (a *count) Load(r *state.Reader) error {
	a.rows, a.n = r.Int(), r.Int()
	return r.Err()
}

// sum adds integers exactly (they wrap like every integer here) and floats
// with twice their digits, so that taking values back leaves no rounding
// residue behind. Values that are not finite are only counted, else one of
// them would stay in the sum after it was taken back.
type sum struct {
	name              string
	ints, floats      int64 // how many of each were added
	whole             int64
	part              double // sum of the floats
	nans, infs, minus int64  // floats that are NaN, +Inf, -Inf
}

func (a *sum) Add(_ *fn.Ctx, args []value.Value) error { return a.weigh(args[0], 1) }

func (a *sum) Retract(_ *fn.Ctx, args []value.Value) error { return a.weigh(args[0], -1) }

// AnyOrder implements fn.AnyOrder.
func (a *sum) AnyOrder() {}

// weigh adds v once, or takes it back with sign -1.
func (a *sum) weigh(v value.Value, sign int64) error {
	switch v.Kind() {
	case value.Null:
	case value.Int:
		a.ints += sign
		a.whole += sign * v.Int()
	case value.Float, value.Uint:
		f, _ := v.AsFloat()
		a.floats += sign
		a.float(f, sign)
	default:
		return invalidArg(a.name, v)
	}
	return nil
}

func (a *sum) float(f float64, sign int64) {
	switch {
	case math.IsNaN(f):
		a.nans += sign
	case math.IsInf(f, 1):
		a.infs += sign
	case math.IsInf(f, -1):
		a.minus += sign
	default:
		a.part.add(float64(sign) * f)
	}
	if a.floats == 0 {
		a.part = double{}
	}
}

func (a *sum) total() float64 {
	switch {
	case a.nans > 0 || a.infs > 0 && a.minus > 0:
		return math.NaN()
	case a.infs > 0:
		return math.Inf(1)
	case a.minus > 0:
		return math.Inf(-1)
	}
	t := a.part
	t.add(float64(a.whole))
	return t.float()
}

func (a *sum) Merge(other fn.Aggregate) error {
	a.merge(other.(*sum))
	return nil
}

func (a *sum) merge(b *sum) {
	a.ints += b.ints
	a.whole += b.whole
	a.floats += b.floats
	a.nans += b.nans
	a.infs += b.infs
	a.minus += b.minus
	if b.floats > 0 {
		a.part.add(b.part.hi)
		a.part.add(b.part.lo)
	}
}

func (a *sum) Result(*fn.Ctx) (value.Value, error) {
	switch {
	case a.floats > 0:
		return value.OfFloat(a.total()), nil
	case a.ints > 0:
		return value.OfInt(a.whole), nil
	}
	return null, nil
}

func (a *sum) Save(w *state.Writer) error {
	for _, n := range []int64{a.ints, a.floats, a.whole, a.nans, a.infs, a.minus} {
		w.Int(n)
	}
	w.Float(a.part.hi)
	w.Float(a.part.lo)
	return nil
}

func (a *sum) Load(r *state.Reader) error {
	for _, n := range []*int64{&a.ints, &a.floats, &a.whole, &a.nans, &a.infs, &a.minus} {
		*n = r.Int()
	}
	a.part.hi, a.part.lo = r.Float(), r.Float()
	return r.Err()
}

// avg is a sum that divides at the end.
type avg struct{ sum }

func (a *avg) Merge(other fn.Aggregate) error {
	a.merge(&other.(*avg).sum)
	return nil
}

func (a *avg) Result(*fn.Ctx) (value.Value, error) {
	switch {
	case a.floats > 0:
		return value.OfFloat(a.total() / float64(a.floats+a.ints)), nil
	case a.ints > 0:
		return value.OfInt(a.whole / a.ints), nil
	}
	return null, nil
}

func invalidArg(name string, v value.Value) error {
	return fmt.Errorf("run %s function error: found invalid arg %s", name, value.Describe(v))
}
