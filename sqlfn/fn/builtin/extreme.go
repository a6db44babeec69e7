package builtin

import (
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func extremes() []*fn.Func {
	const rows = `[{"i":2,"s":"b"},{"i":null,"s":"c"},{"i":5,"s":"a"}]`
	return []*fn.Func{
		{Name: "min", Sig: "(x any) -> any", Mark: 'A',
			Doc:          param.T("The smallest number, text or time of x.", "x 中最小的数、文本或时间。"),
			Examples:     []fn.Example{on(rows, "min(i)", "2"), on(rows, "min(s)", `"a"`), on(rows, "min(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &extreme{name: "min", sign: -1} },
			NewSliding:   func() fn.Aggregate { return &slidingExtreme{name: "min", sign: -1} }},
		{Name: "max", Sig: "(x any) -> any", Mark: 'A',
			Doc:          param.T("The largest number, text or time of x.", "x 中最大的数、文本或时间。"),
			Examples:     []fn.Example{on(rows, "max(i)", "5"), on(rows, "max(s)", `"c"`), on(rows, "max(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return &extreme{name: "max", sign: 1} },
			NewSliding:   func() fn.Aggregate { return &slidingExtreme{name: "max", sign: 1} }},
	}
}

// extreme keeps the value that is furthest in the direction of sign.
type extreme struct {
	name string
	sign int
	best value.Value
}

func (a *extreme) Add(_ *fn.Ctx, args []value.Value) error {
	better, err := beats(a.name, a.sign, args[0], a.best)
	if better {
		a.best = args[0].Clone()
	}
	return err
}

// beats tells whether v is strictly better than best; a NULL never is. NaN is
// passed over like NULL, for it has no place in the order.
func beats(name string, sign int, v, best value.Value) (bool, error) {
	if v.IsNull() || v.Kind() == value.Float && v.Float() != v.Float() {
		return false, nil
	}
	first := best.IsNull()
	if first {
		best = v // is it comparable at all?
	}
	c, ok := value.Compare(v, best)
	if !ok {
		return false, invalidArg(name, v)
	}
	return first || c*sign > 0, nil
}

func (a *extreme) Merge(other fn.Aggregate) error {
	return a.Add(nil, []value.Value{other.(*extreme).best})
}

func (a *extreme) Result(*fn.Ctx) (value.Value, error) { return a.best, nil }

func (a *extreme) Save(w *state.Writer) error {
	w.Value(a.best)
	return nil
}

func (a *extreme) Load(r *state.Reader) error {
	a.best = r.Value()
	return r.Err()
}

// slidingExtreme is extreme for windows that take rows back, oldest first. It
// keeps only values that can still become the best: each one is worse than, or
// equal to, the one before it.
type slidingExtreme struct {
	name  string
	sign  int
	queue []value.Value
}

func (a *slidingExtreme) Add(_ *fn.Ctx, args []value.Value) error {
	v := args[0]
	if ok, err := beats(a.name, a.sign, v, null); !ok {
		return err
	}
	for n := len(a.queue); n > 0; n-- {
		better, err := beats(a.name, a.sign, v, a.queue[n-1])
		if err != nil {
			return err
		}
		if !better {
			break
		}
		a.queue = a.queue[:n-1]
	}
	a.queue = append(a.queue, v.Clone())
	return nil
}

func (a *slidingExtreme) Retract(_ *fn.Ctx, args []value.Value) error {
	if len(a.queue) > 0 && !args[0].IsNull() && value.Equal(a.queue[0], args[0]) {
		a.queue = a.queue[1:]
	}
	return nil
}

func (a *slidingExtreme) Result(*fn.Ctx) (value.Value, error) {
	if len(a.queue) == 0 {
		return null, nil
	}
	return a.queue[0], nil
}

func (a *slidingExtreme) Save(w *state.Writer) error {
	w.Value(value.OfArray(a.queue))
	return nil
}

func (a *slidingExtreme) Load(r *state.Reader) error {
	a.queue = append([]value.Value(nil), r.Value().Values()...)
	return r.Err()
}
