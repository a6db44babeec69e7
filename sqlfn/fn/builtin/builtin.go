// Package builtin has the SQL functions that every pipeline knows, one file
// per family. Each is one declaration: name, signature, documentation in two
// languages, examples that run as tests, and the code.
//
//	reg := builtin.Registry()
//	reg.Lookup("ABS").Bind()(ctx, []value.Value{value.OfInt(-3)}) // 3
//
// The planner looks functions up and binds each call once; what a bound call
// returns belongs to the goroutine of its rule.
package builtin

import (
	"sync"
	"time"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var registry = sync.OnceValue(func() *fn.Registry { return fn.NewRegistry(Funcs()...) })

// Registry returns the built-in functions. It is the same for all callers and
// never changes; to add functions make a registry of Funcs and others.
func Registry() *fn.Registry { return registry() }

// Funcs returns new declarations of every built-in function.
func Funcs() []*fn.Func {
	var fs []*fn.Func
	add := func(category string, groups ...[]*fn.Func) {
		for _, g := range groups {
			for _, f := range g {
				f.Category = category
				fs = append(fs, f)
			}
		}
	}
	add("aggregate", sums(), extremes(), gathers(), spreads(), quantiles(), hitAggregates())
	add("analytic", lookbacks(), changes(), accumulators(), runnings(fs...), hits())
	add("multicolumn", columnChanges())
	add("multirow", rowMakers())
	add("window", windowBounds())
	add("math", rounding(), arithmetic(), powers(), trigonometry(), bits())
	add("string", joining(), casing(), affixes(), cutting(), regexps(), numberTexts())
	add("conversion", casts(), codings(), compressions())
	add("hash", hashes())
	add("json", jsonTexts(), jsonPaths())
	add("other", nulls(), identities(), eventMeta(), states())
	add("datetime", nows(), timeTexts(), timeShifts(), calendar(), clockFields(), epochs())
	add("array", elements(), arrayFigures(), arraySets(), arrayCuts(), arrayShapes(), arrayTexts(), generators())
	add("object", members(), objectMakers(), objectsOfPairs(), objectCuts())
	add("array", arrayMaps(fs))
	add("plugin", samples(), geohashes(), images())
	return fs
}

// eg is an example without columns.
func eg(expr, want string) fn.Example { return fn.Example{Expr: expr, Want: want} }

// on is an example over rows; the result is that after the last one.
func on(rows, expr, want string) fn.Example { return fn.Example{Expr: expr, Want: want, Rows: rows} }

// null is what a function returns that has no result.
var null value.Value

// location is the time zone of the rule.
func location(c *fn.Ctx) *time.Location {
	if c == nil || c.Loc == nil {
		return time.UTC
	}
	return c.Loc
}
