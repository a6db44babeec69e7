package builtin

import (
	"errors"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func accumulators() []*fn.Func {
	const b = `[{"b":1},{"b":2},{"b":3},{"b":4},{"b":5}]`
	const withNull = `[{"b":1},{"b":null},{"b":3}]`
	of := func(name, sig, en, zh string, total, ranged, skipping string, result func(*acc) value.Value) *fn.Func {
		return &fn.Func{Name: name, Sig: "(x " + sig + ", begin? bool, reset? bool) -> " + map[bool]string{true: "int", false: "number"}[name == "acc_count"], Mark: 'B',
			Doc: param.T(en+" over all events so far; with begin and reset from each event where begin is true to the next where reset is true, else 0.",
				zh+";给出 begin 和 reset 时,从 begin 为真的事件累计到 reset 为真的事件,其余时间为 0。"),
			Examples: []fn.Example{on(b, name+"(b)", total), on(b, name+"(b, b > 1, b > 3)", ranged), on(withNull, name+"(b)", skipping)},
			Check: func(args []value.Value) error {
				if len(args) == 2 {
					return errors.New("begin and reset of an acc function are given together")
				}
				return nil
			},
			NewAnalytic: func() fn.Analytic { return &acc{name: name, result: result} }}
	}
	return []*fn.Func{
		of("acc_sum", "number", "The sum of x", "到目前为止 x 的累计和", "15", "5", "4", (*acc).total),
		of("acc_avg", "number", "The mean of x", "到目前为止 x 的累计平均值", "3", "5", "2", (*acc).average),
		of("acc_min", "number", "The smallest x", "到目前为止 x 的最小值", "1", "5", "1", func(a *acc) value.Value { return a.low }),
		of("acc_max", "number", "The largest x", "到目前为止 x 的最大值", "5", "5", "3", func(a *acc) value.Value { return a.high }),
		of("acc_count", "any", "How many x are not NULL", "到目前为止 x 非空的个数", "5", "1", "2", func(a *acc) value.Value { return value.OfInt(a.n) }),
	}
}

// acc is what the acc functions remember.
type acc struct {
	name      string
	result    func(*acc) value.Value
	open      bool // between begin and reset
	n         int64
	sum       sum
	low, high value.Value
}

func (a *acc) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	ranged := len(args) == 3
	if ranged && !a.open {
		if !args[1].IsTrue() {
			return value.OfInt(0), nil
		}
		*a = acc{name: a.name, result: a.result, open: true}
	}
	if err := a.add(args[0]); err != nil {
		return null, err
	}
	if ranged && args[2].IsTrue() {
		a.open = false
	}
	return a.result(a), nil
}

func (a *acc) add(v value.Value) error {
	if v.IsNull() {
		return nil
	}
	a.n++
	if a.name == "acc_count" {
		return nil
	}
	a.sum.name = a.name
	if err := a.sum.weigh(v, 1); err != nil {
		return err
	}
	if c, ok := value.Compare(v, a.low); ok && c < 0 || a.low.IsNull() {
		a.low = v
	}
	if c, ok := value.Compare(v, a.high); ok && c > 0 || a.high.IsNull() {
		a.high = v
	}
	return nil
}

func (a *acc) total() value.Value {
	if v, _ := a.sum.Result(nil); !v.IsNull() {
		return v
	}
	return value.OfInt(0)
}

func (a *acc) average() value.Value {
	if a.n == 0 {
		return null
	}
	return value.OfFloat(a.sum.total() / float64(a.n))
}

func (a *acc) Save(w *state.Writer) error {
	w.Bool(a.open)
	w.Int(a.n)
	w.Value(a.low)
	w.Value(a.high)
	return a.sum.Save(w)
}

func (a *acc) Load(r *state.Reader) error {
	a.open, a.n = r.Bool(), r.Int()
	a.low, a.high = r.Value(), r.Value()
	return a.sum.Load(r)
}

// runnings are aggregates over all events so far, without a window.
func runnings() []*fn.Func {
	of := func(name, sig, result, en, zh string, inner func() fn.Aggregate, examples ...fn.Example) *fn.Func {
		return &fn.Func{Name: "inc_" + name, Sig: "(" + sig + ") -> " + result, Mark: 'C', StarArg: name == "count" || name == "collect" || name == "merge_agg" || name == "last_value",
			StarMark: name == "count", Doc: param.T(name+" over all events so far: "+en, "截至当前事件的 "+name+":"+zh), Examples: examples,
			NewAnalytic: func() fn.Analytic { return running{inner()} }}
	}
	const maps = `[{"o":{"x":1}},{"o":{"y":1}},{"o":null}]`
	return []*fn.Func{
		of("count", "x any", "int", "the events with a value of x.", "x 非空的事件数。", func() fn.Aggregate { return new(count) }, on(fourRows, "inc_count(f)", "2"), on(fourRows, "inc_count(nothing)", "0")),
		of("sum", "x number", "number", "the sum of x.", "x 的总和。", func() fn.Aggregate { return &sum{name: "inc_sum"} }, on(fourRows, "inc_sum(i)", "10"), on(fourRows, "inc_sum(nothing)", "null")),
		of("avg", "x number", "number", "the mean of x.", "x 的平均值。", func() fn.Aggregate { return &avg{sum{name: "inc_avg"}} }, on(fourRows, "inc_avg(f)", "2.5"), on(fourRows, "inc_avg(nothing)", "null")),
		of("min", "x any", "any", "the smallest x.", "x 的最小值。", func() fn.Aggregate { return &extreme{name: "inc_min", sign: -1} }, on(fourRows, "inc_min(f)", "1.5"), on(fourRows, "inc_min(nothing)", "null")),
		of("max", "x any", "any", "the largest x.", "x 的最大值。", func() fn.Aggregate { return &extreme{name: "inc_max", sign: 1} }, on(fourRows, "inc_max(f)", "3.5"), on(fourRows, "inc_max(nothing)", "null")),
		of("collect", "x any", "array", "all values of x.", "x 的所有值。", func() fn.Aggregate { return new(collect) }, on(fourRows, "inc_collect(i)", "[1,2,2,5]"), on(fourRows, "inc_collect(f)", "[1.5,null,3.5,null]")),
		of("merge_agg", "x object", "object", "the objects x merged.", "合并所有对象 x。", func() fn.Aggregate { return new(mergeAgg) }, on(maps, "inc_merge_agg(o)", `{"x":1,"y":1}`), on(maps, "inc_merge_agg(nothing)", "null")),
		of("last_value", "x any, ignoreNull bool", "any", "the last x.", "x 的最后一个值。", func() fn.Aggregate { return new(lastValue) }, on(fourRows, "inc_last_value(f, true)", "3.5"), on(fourRows, "inc_last_value(f, false)", "null")),
	}
}

// running gives the value of an aggregate after each event.
type running struct{ fn.Aggregate }

func (a running) Eval(c *fn.Ctx, args []value.Value) (value.Value, error) {
	if err := a.Add(c, args); err != nil {
		return null, err
	}
	return a.Result(c)
}
