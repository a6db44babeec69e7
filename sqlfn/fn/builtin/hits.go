package builtin

import (
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// The functions about earlier results of the rule read counters that the
// pipeline keeps, so their own state is empty.

func hitAggregates() []*fn.Func {
	return []*fn.Func{
		{Name: "last_agg_hit_count", Sig: "() -> int", Mark: 'C',
			Doc:          param.T("How many results the rule gave before this window.", "该规则此前输出的次数（用于聚合查询）。"),
			Examples:     []fn.Example{on(`[{}]`, "last_agg_hit_count()", "2")},
			NewAggregate: func() fn.Aggregate { return hit{hitCount} }},
		{Name: "last_agg_hit_time", Sig: "() -> int", Mark: 'C',
			Doc:          param.T("When the rule gave its last result, in epoch ms; 0 before the first.", "该规则上次输出的时间（毫秒）；首次之前为 0（用于聚合查询）。"),
			Examples:     []fn.Example{on(`[{}]`, "last_agg_hit_time()", "1577934240000")},
			NewAggregate: func() fn.Aggregate { return hit{hitTime} }},
	}
}

func hits() []*fn.Func {
	return []*fn.Func{
		{Name: "last_hit_count", Sig: "() -> int", Mark: 'C',
			Doc:         param.T("How many results the rule gave before this event.", "该规则此前输出的次数。"),
			Examples:    []fn.Example{on(`[{}]`, "last_hit_count()", "2")},
			NewAnalytic: func() fn.Analytic { return hit{hitCount} }},
		{Name: "last_hit_time", Sig: "() -> int", Mark: 'C',
			Doc:         param.T("When the rule gave its last result, in epoch ms; 0 before the first.", "该规则上次输出的时间（毫秒）；首次之前为 0。"),
			Examples:    []fn.Example{on(`[{}]`, "last_hit_time()", "1577934240000")},
			NewAnalytic: func() fn.Analytic { return hit{hitTime} }},
	}
}

func hitCount(c *fn.Ctx) int64 { return c.Hits }
func hitTime(c *fn.Ctx) int64  { return c.LastHit }

// hit reads a counter of the pipeline.
type hit struct{ of func(*fn.Ctx) int64 }

func (h hit) Add(*fn.Ctx, []value.Value) error                     { return nil }
func (h hit) Retract(*fn.Ctx, []value.Value) error                 { return nil }
func (h hit) Merge(fn.Aggregate) error                             { return nil }
func (h hit) Result(c *fn.Ctx) (value.Value, error)                { return value.OfInt(h.of(c)), nil }
func (h hit) Eval(c *fn.Ctx, _ []value.Value) (value.Value, error) { return h.Result(c) }
func (h hit) Save(*state.Writer) error                             { return nil }
func (h hit) Load(*state.Reader) error                             { return nil }
