package builtin

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// samples are the functions of Kuiper's sample plugins, which rules in the
// field call. As for all functions of plugins the case of their names counts.
func samples() []*fn.Func {
	const words = `[{"s":"one two"},{"s":null},{"s":"three"}]`
	return []*fn.Func{
		{Name: "echo", Sig: "(x any) -> any", Mark: 'C', Exact: true,
			Doc:      param.T("x as it is.", "原样返回 x。"),
			Examples: []fn.Example{eg(`echo("a")`, `"a"`), eg("echo(null)", "null")},
			Eval:     fn.Strict1(func(x value.Value) value.Value { return x })},
		{Name: "countPlusOne", Sig: "(x any) -> int", Mark: 'C', Exact: true, StarArg: true, StarMark: true,
			Doc:          param.T("One more than count(x).", "count(x) 加一。"),
			Examples:     []fn.Example{on(fourRows, "countPlusOne(i)", "5"), on(fourRows, "countPlusOne(nothing)", "1")},
			NewAggregate: func() fn.Aggregate { return new(countPlusOne) }},
		{Name: "accumulateWordCount", Sig: "(text string, separator string) -> int", Mark: 'C', Exact: true,
			Doc: param.T("How many pieces all texts so far have when they are cut at the separator; NULL has none.", "截至目前所有文本按分隔符切分的总段数；NULL 不计。"),
			Examples: []fn.Example{on(words, `accumulateWordCount(s, " ")`, "3"), eg(`accumulateWordCount("a:b", ":")`, "2"),
				eg(`accumulateWordCount(null, " ")`, "0")},
			NewAnalytic: func() fn.Analytic { return new(wordCount) }},
	}
}

// countPlusOne is a count that is one too many.
type countPlusOne struct{ count }

func (a *countPlusOne) Merge(other fn.Aggregate) error {
	return a.count.Merge(&other.(*countPlusOne).count)
}

func (a *countPlusOne) Result(c *fn.Ctx) (value.Value, error) {
	n, err := a.count.Result(c)
	if n.IsNull() {
		return null, err
	}
	return value.OfInt(n.Int() + 1), err
}

// wordCount counts words over all rows.
type wordCount struct{ n int64 }

func (a *wordCount) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	if !args[0].IsNull() && !args[1].IsNull() {
		a.n += int64(len(strings.Split(args[0].String(), args[1].String())))
	}
	return value.OfInt(a.n), nil
}

func (a *wordCount) Save(w *state.Writer) error {
	w.Int(a.n)
	return nil
}

func (a *wordCount) Load(r *state.Reader) error {
	a.n = r.Int()
	return r.Err()
}
