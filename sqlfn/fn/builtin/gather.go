package builtin

import (
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func gathers() []*fn.Func {
	const maps = `[{"o":{"x":1}},{"o":{"y":1}},{"o":null},{"o":{"x":2}},{"o":{"z":1}}]`
	return []*fn.Func{
		{Name: "collect", Sig: "(x any) -> array", Mark: 'A', StarArg: true,
			Doc:          param.T("An array of all values of x, NULL included; collect(*) has the whole rows.", "由 x 的所有值（包括 NULL）组成的数组；collect(*) 收集整行。"),
			Examples:     []fn.Example{on(fourRows, "collect(f)", "[1.5,null,3.5,null]"), on(`[{"a":1},{"a":2}]`, "collect(*)", `[{"a":1},{"a":2}]`)},
			NewAggregate: func() fn.Aggregate { return new(collect) }},
		{Name: "last_value", Sig: "(x any, ignoreNull bool) -> any", Mark: 'A', StarArg: true,
			Doc:          param.T("The last value of x; with TRUE the last that is not NULL.", "x 的最后一个值；第二个参数为 TRUE 时忽略 NULL。"),
			Examples:     []fn.Example{on(fourRows, "last_value(f, true)", "3.5"), on(fourRows, "last_value(f, false)", "null")},
			NewAggregate: func() fn.Aggregate { return new(lastValue) }},
		{Name: "merge_agg", Sig: "(x object) -> object", Mark: 'B', StarArg: true,
			Doc:          param.T("All objects x merged into one; of equal keys the latest stays.", "将所有对象 x 合并为一个；相同的键取最后的值。"),
			Examples:     []fn.Example{on(maps, "merge_agg(o)", `{"x":2,"y":1,"z":1}`), on(maps, "merge_agg(nothing)", "null")},
			NewAggregate: func() fn.Aggregate { return new(mergeAgg) }},
		{Name: "deduplicate", Sig: "(x any, all bool) -> any", Mark: 'B', RowArg: true,
			Doc: param.T("With TRUE the first row of each distinct x; with FALSE the latest row if its x was not in the window before.",
				"TRUE：x 的每个不同值的第一行；FALSE：若最新一行的 x 在窗口内未出现过则返回该行。"),
			Examples: []fn.Example{
				on(`[{"i":1},{"i":2},{"i":2},{"i":5}]`, "deduplicate(i, true)", `[{"i":1},{"i":2},{"i":5}]`),
				on(`[{"i":1},{"i":2},{"i":2},{"i":5}]`, "deduplicate(i, false)->i", "5"),
				on(`[{"i":null},{"i":null}]`, "deduplicate(i, false)", "null")},
			NewAggregate: func() fn.Aggregate { return &deduplicate{seen: map[string]struct{}{}} }},
	}
}

// collect keeps every value. Results share its memory: elements that were
// handed out are never written again.
type collect struct{ vs []value.Value }

func (a *collect) Add(_ *fn.Ctx, args []value.Value) error {
	v := args[0]
	if v.IsNull() {
		v = value.ExplicitNull
	}
	a.vs = append(a.vs, v)
	return nil
}

func (a *collect) Retract(*fn.Ctx, []value.Value) error {
	if len(a.vs) > 0 {
		a.vs = a.vs[1:]
	}
	return nil
}

func (a *collect) Merge(other fn.Aggregate) error {
	a.vs = append(a.vs, other.(*collect).vs...)
	return nil
}

func (a *collect) Result(*fn.Ctx) (value.Value, error) {
	if len(a.vs) == 0 {
		return value.ExplicitNull, nil
	}
	return value.OfArray(a.vs), nil
}

func (a *collect) Save(w *state.Writer) error {
	w.Value(value.OfArray(a.vs))
	return nil
}

func (a *collect) Load(r *state.Reader) error {
	a.vs = r.Value().Values()
	return r.Err()
}

// lastValue keeps one value.
type lastValue struct {
	last  value.Value
	added bool
}

func (a *lastValue) Add(_ *fn.Ctx, args []value.Value) error {
	if args[1].IsTrue() && args[0].IsNull() {
		return nil
	}
	a.last, a.added = args[0].Clone(), true
	return nil
}

func (a *lastValue) Merge(other fn.Aggregate) error {
	if b := other.(*lastValue); b.added {
		*a = *b
	}
	return nil
}

func (a *lastValue) Result(*fn.Ctx) (value.Value, error) {
	if a.last.IsNull() {
		return null, nil
	}
	return a.last, nil
}

func (a *lastValue) Save(w *state.Writer) error {
	w.Value(a.last)
	w.Bool(a.added)
	return nil
}

func (a *lastValue) Load(r *state.Reader) error {
	a.last, a.added = r.Value(), r.Bool()
	return r.Err()
}

// mergeAgg merges objects.
type mergeAgg struct {
	merged map[string]value.Value
}

func (a *mergeAgg) Add(_ *fn.Ctx, args []value.Value) error {
	a.take(args[0])
	return nil
}

func (a *mergeAgg) take(v value.Value) {
	if v.Kind() == value.Object && a.merged == nil {
		a.merged = map[string]value.Value{}
	}
	for _, m := range v.Members() {
		a.merged[m.Name] = m.Val
	}
}

func (a *mergeAgg) Merge(other fn.Aggregate) error {
	v, err := other.Result(nil)
	a.take(v)
	return err
}

func (a *mergeAgg) Result(*fn.Ctx) (value.Value, error) {
	if a.merged == nil {
		return null, nil
	}
	ms := make([]value.Member, 0, len(a.merged))
	for k, v := range a.merged {
		ms = append(ms, value.Member{Name: k, Val: v})
	}
	return value.OfObject(ms), nil
}

func (a *mergeAgg) Save(w *state.Writer) error {
	v, err := a.Result(nil)
	w.Value(v)
	return err
}

func (a *mergeAgg) Load(r *state.Reader) error {
	a.merged = nil
	a.take(r.Value())
	return r.Err()
}

// deduplicate keeps the first row of each value.
type deduplicate struct {
	all    bool
	seen   map[string]struct{}
	rows   []value.Value // kept only for all
	latest value.Value   // the last row, NULL if its value was seen before
	key    []byte        // reused
}

func (a *deduplicate) Add(_ *fn.Ctx, args []value.Value) error {
	row := args[len(args)-1]
	a.all = args[1].IsTrue()
	a.key = value.AppendKey(a.key[:0], args[0])
	a.latest = null
	if _, ok := a.seen[string(a.key)]; ok {
		return nil
	}
	a.seen[string(a.key)] = struct{}{}
	if a.all {
		a.rows = append(a.rows, row)
	} else {
		a.latest = row
	}
	return nil
}

func (a *deduplicate) Result(*fn.Ctx) (value.Value, error) {
	if !a.all || len(a.rows) == 0 {
		return a.latest, nil
	}
	return value.OfArray(a.rows), nil
}

func (a *deduplicate) Save(w *state.Writer) error {
	w.Bool(a.all)
	w.Int(int64(len(a.seen)))
	for k := range a.seen {
		w.String(k)
	}
	w.Value(value.OfArray(a.rows))
	w.Value(a.latest)
	return nil
}

func (a *deduplicate) Load(r *state.Reader) error {
	a.all = r.Bool()
	a.seen = map[string]struct{}{}
	for range r.Len() {
		a.seen[r.String()] = struct{}{}
	}
	a.rows, a.latest = r.Value().Values(), r.Value()
	return r.Err()
}
