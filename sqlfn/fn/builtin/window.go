package builtin

import (
	"errors"
	"fmt"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func windowBounds() []*fn.Func {
	edge := func(name string, mark byte, of func(row.Span) int64, en, zh, want string) *fn.Func {
		return &fn.Func{Name: name, Sig: "() -> int", Mark: mark, Volatile: true, Doc: param.T(en, zh),
			Examples: []fn.Example{eg(name+"()", want)},
			Eval: func(c *fn.Ctx, _ []value.Value) (value.Value, error) {
				if !c.Span.Set {
					return null, nil
				}
				return value.OfInt(of(c.Span)), nil
			}}
	}
	return []*fn.Func{
		edge("window_start", 'A', func(s row.Span) int64 { return s.Start },
			"When the window begins, in epoch ms; NULL without a window.", "窗口的起始时间（毫秒）；没有窗口时为 NULL。", "1577934240000"),
		edge("window_end", 'A', func(s row.Span) int64 { return s.End },
			"When the window ends, in epoch ms; NULL without a window.", "窗口的结束时间（毫秒）；没有窗口时为 NULL。", "1577934250000"),
		edge("window_trigger", 'C', func(s row.Span) int64 { return s.Trigger },
			"When the window was fired, in epoch ms; NULL without a window.", "窗口的触发时间（毫秒）；没有窗口时为 NULL。", "1577934250001"),
		{Name: "event_time", Sig: "() -> int", Mark: 'B', Volatile: true,
			Doc:      param.T("The event's time in epoch ms: its timestamp, or when it arrived.", "事件的时间（毫秒）：事件时间戳，或到达时间。"),
			Examples: []fn.Example{on(`[{}]`, "event_time()", "1577934245123")},
			Eval: func(c *fn.Ctx, _ []value.Value) (value.Value, error) {
				if c.Row == nil {
					return null, nil
				}
				return value.OfInt(c.Row.TS), nil
			}},
		{Name: "row_number", Sig: "() -> int", Mark: 'C',
			Doc: param.T("The number of the row in its window, from 1, in order of arrival; with PARTITION BY in its partition.",
				"行在窗口内按到达顺序的序号，从 1 开始；有 PARTITION BY 时在分区内编号。"),
			Examples:    []fn.Example{on(`[{},{},{}]`, "row_number()", "3")},
			NewAnalytic: func() fn.Analytic { return new(rowNumber) }},
	}
}

// rowNumber counts the rows of one partition in a window. It knows a new
// window by its span, or by numbers that start over.
type rowNumber struct {
	span row.Span
	last int64 // number of the last row in the whole window
	n    int64
}

func (a *rowNumber) Eval(c *fn.Ctx, _ []value.Value) (value.Value, error) {
	if !c.Span.Set {
		return value.OfInt(1), nil
	}
	if c.Span != a.span || c.RowNumber <= a.last {
		a.span, a.n = c.Span, 0
	}
	a.last = c.RowNumber
	a.n++
	return value.OfInt(a.n), nil
}

// Save writes nothing: no window lasts over a checkpoint while it is emitted.
func (a *rowNumber) Save(*state.Writer) error { return nil }

func (a *rowNumber) Load(*state.Reader) error {
	*a = rowNumber{}
	return nil
}

// dedupTrigger checks what it is given; the planner's Dedup does the work.
func dedupTrigger(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	ints := make([]int64, len(args))
	for i, name := range []string{"start", "end", "now", "expire"} {
		n, ok := args[i].AsInt()
		if !ok {
			return null, fmt.Errorf("the %s of dedup_trigger should be bigint, but found %s", name, value.Describe(args[i]))
		}
		ints[i] = n
	}
	if ints[0] >= ints[1] {
		return null, errors.New("the start of dedup_trigger should be less than its end")
	}
	return value.OfInts(ints), nil
}

func rowMakers() []*fn.Func {
	return []*fn.Func{
		{Name: "dedup_trigger", Sig: "(start int, end int, now int, expire int literal) -> array", Mark: 'C', Nulls: fn.SeesNull, Category: "window",
			Doc: param.T("Turns requests for stretches of time, which may overlap, into slices that do not: the result waits until time has reached end; the column then has the parts of start..end, not older than now - expire, that no result before it was given: [{start_key, end_key}], NULL if there are none. All are ms. Only in SELECT, once.",
				"把可能重叠的时间段请求变成互不重叠的切片：结果等到时间到达 end 才输出，该列为 start..end 中（不早于 now - expire）此前未给出的部分：[{start_key, end_key}]，没有则为 NULL。单位均为毫秒。只能在 SELECT 中使用一次。"),
			Examples: []fn.Example{on(`[{"s":1000,"e":2000}]`, "dedup_trigger(s, e, 1500, 10000)", "[1000,2000,1500,10000]"),
				on(`[{"s":null,"e":2000}]`, "dedup_trigger(s, e, 1500, 10000)", "error: the start of dedup_trigger should be bigint, but found <nil>(<nil>)"),
				on(`[{"s":2000,"e":2000}]`, "dedup_trigger(s, e, 1500, 10000)", "error: the start of dedup_trigger should be less than its end")},
			Eval: dedupTrigger},
		{Name: "unnest", Sig: "(x array) -> array", Mark: 'B', Nulls: fn.SeesNull,
			Doc: param.T("One result row for each element of x; an object's members become columns.", "x 的每个元素输出一行；对象元素的成员展开为列。"),
			Examples: []fn.Example{on(`[{"x":[1,2]}]`, "unnest(x)", "[1,2]"), on(`[{"x":null}]`, "unnest(x)", "null"),
				on(`[{"x":5}]`, "unnest(x)", "error: the argument for the unnest function should be array")},
			Rows: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				if !args[0].IsArray() && !args[0].IsNull() {
					return null, errors.New("the argument for the unnest function should be array")
				}
				return args[0], nil
			}},
		{Name: "extract", Sig: "(x object) -> array", Mark: 'C', Nulls: fn.SeesNull,
			Doc: param.T("The members of x become columns.", "将 x 的成员展开为列。"),
			Examples: []fn.Example{on(`[{"x":{"a":1}}]`, "extract(x)", `[{"a":1}]`), on(`[{"x":null}]`, "extract(x)", "null"),
				on(`[{"x":5}]`, "extract(x)", "error: the argument for the extract function should be map")},
			Rows: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				switch args[0].Kind() {
				case value.Null:
					return null, nil
				case value.Object:
					return value.OfArray([]value.Value{args[0]}), nil
				}
				return null, errors.New("the argument for the extract function should be map")
			}},
	}
}
