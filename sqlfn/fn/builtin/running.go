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
	of := func(name, sig, en, zh, total, ranged, skipping string, result func(*acc) value.Value) *fn.Func {
		return &fn.Func{Name: name, Sig: sig, Mark: 'B',
			Doc: param.T(en+" over all events so far; with begin and reset from each event where begin is true to the next where reset is true, else 0.",
				zh+"；给出 begin 和 reset 时，从 begin 为真的事件累计到 reset 为真的事件，其余时间为 0。"),
			Examples: []fn.Example{on(b, name+"(b)", total), on(b, name+"(b, b > 1, b > 3)", ranged), on(withNull, name+"(b)", skipping)},
			Check: func(args []value.Value) error {
				if len(args) == 2 {
					return errors.New("begin and reset of an acc function are given together")
				}
				return nil
			},
			NewAnalytic: func() fn.Analytic { return &acc{name: name, result: result} }}
	}
	const number = "(x number, begin? bool, reset? bool) -> number"
	return []*fn.Func{
		of("acc_sum", number, "The sum of x", "到目前为止 x 的累计和", "15", "5", "4", (*acc).total),
		of("acc_avg", number, "The mean of x", "到目前为止 x 的累计平均值", "3", "5", "2", (*acc).average),
		of("acc_min", number, "The smallest x", "到目前为止 x 的最小值", "1", "5", "1", func(a *acc) value.Value { return a.low }),
		of("acc_max", number, "The largest x", "到目前为止 x 的最大值", "5", "5", "3", func(a *acc) value.Value { return a.high }),
		of("acc_count", "(x any, begin? bool, reset? bool) -> int", "How many x are not NULL", "到目前为止 x 非空的个数", "5", "1", "2", func(a *acc) value.Value { return value.OfInt(a.n) }),
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

// runnings are the inc_ forms of aggregates: their value over all events so
// far, without a window.
func runnings(aggregates ...*fn.Func) []*fn.Func {
	var fs []*fn.Func
	for _, f := range aggregates {
		switch f.Name {
		case "count", "sum", "avg", "min", "max", "collect", "merge_agg", "last_value":
			fs = append(fs, runningForm(f))
		}
	}
	return fs
}

func runningForm(f *fn.Func) *fn.Func {
	inc := &fn.Func{Name: "inc_" + f.Name, Sig: f.Sig, Mark: 'C', StarArg: f.StarArg, StarMark: f.StarMark,
		Doc:         param.T("Over all events so far, without a window: "+f.Doc.En, "无窗口，针对截至当前的所有事件："+f.Doc.Zh),
		NewAnalytic: func() fn.Analytic { return running{f.NewAggregate()} }}
	for _, e := range f.Examples {
		inc.Examples = append(inc.Examples, on(e.Rows, "inc_"+e.Expr, e.Want))
	}
	return inc
}

// running gives the value of an aggregate after each event.
type running struct{ fn.Aggregate }

func (a running) Eval(c *fn.Ctx, args []value.Value) (value.Value, error) {
	if err := a.Add(c, args); err != nil {
		return null, err
	}
	return a.Result(c)
}
