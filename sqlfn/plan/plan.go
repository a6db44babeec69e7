// Package plan turns a parsed SELECT into a chain of logical nodes in which
// every name has become a column slot.
//
//	p, err := plan.Build(sel, plan.Config{Streams: find, Functions: registry})
//	fmt.Println(p.Explain())
//
// All rows of a rule share one layout: the columns it needs of each input,
// then the slots of derived values (analytic calls, aliases that are used more
// than once, aggregates). A node only ever fills further slots, so expressions
// read the same slot wherever they run.
package plan

import (
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Stream is what the planner must know of an input.
type Stream struct {
	Name            string
	Table           bool
	Lookup          bool
	Retain          int         // rows kept of a scan table, 0: all
	Schema          *row.Schema // Open: schemaless
	Timestamp       string
	TimestampFormat string
	Timed           bool // rows have an event time without a column for it
}

// Config is the surroundings of a query.
type Config struct {
	Stream     func(name string) (*Stream, error)
	Functions  *fn.Registry
	EventTime  bool
	SendMeta   bool // add __meta to the results
	IgnoreCase bool
	Whole      bool // every column of the streams is wanted, whether the query reads it or not
}

// Input is one stream of the query.
type Input struct {
	Stream *Stream
	Ref    string      // name or alias
	Want   *row.Schema // columns needed, in slot order from Base
	Base   int         // slot of its first column
	Meta   bool        // meta() and the like are used
	TS     *Slot       // the event time column, nil if none

	// FoldCase is set if a column that is absent is to be looked for in Rest
	// under its name in another case.
	FoldCase bool

	cols []*Slot
}

// Plan is the chain of nodes between the inputs and the results.
type Plan struct {
	Inputs []*Input
	Width  int // slots of the layout
	Nodes  []Node
	Out    *row.Schema

	// RowByRow is set if a row's result depends on what was emitted before it:
	// rows must not go through the nodes several at a time.
	RowByRow bool
}

// Node is one step: *Compute, *Filter, *Window, *Join, *Group, *Order, *Limit,
// *Project or *Unnest.
type Node interface {
	Op() string   // name in status: filter, window, aggregate ...
	Info() string // for EXPLAIN
}

// Compute fills slots, in order; later expressions may read earlier slots.
type Compute struct{ Cols []Assign }

// Assign is a slot and what goes into it.
type Assign struct {
	Slot *Slot
	X    ast.Expr
}

// Filter keeps rows for which X is true.
type Filter struct {
	X       ast.Expr
	Having  bool
	Content bool // the rows are the content of a window
}

// Window cuts the rows into windows.
type Window struct {
	*ast.Window      // expressions resolved
	Sparse      bool // a window without rows is not emitted: its rows come from a join
}

// Join joins the inputs' rows, from left to right.
type Join struct {
	Joins []JoinOn
	Each  bool // every event with tables, by itself; else the rows of a window
}

// JoinOn joins what is left of it with input Right.
type JoinOn struct {
	Kind   ast.JoinKind
	Right  int
	On     ast.Expr  // nil: every pair
	Equal  *Equality // a part of On; nil: there is none
	Lookup *Lookup   // input Right is asked by key; On is what its answers must meet besides
}

// Equality is Left = Right, Left of the rows so far and Right of the input
// that is joined.
type Equality struct{ Left, Right ast.Expr }

// Lookup is the question to a lookup table: the rows whose Keys have Values.
type Lookup struct {
	Table  string
	Keys   []*Slot
	Values []ast.Expr
}

// Group makes one row a group: the first row of the group plus its aggregates.
type Group struct {
	Dims   []ast.Expr
	Aggs   []Agg
	PerRow bool // no window: each row is a group of its own
}

// Agg is one aggregate call and its slot.
type Agg struct {
	Slot     *Slot
	Func     *fn.Func
	Distinct bool
	Args     []ast.Expr
	Text     string
}

// Order sorts the rows of a window.
type Order struct{ By []ast.Sort }

// Limit keeps the first N rows of a window.
type Limit struct{ N int64 }

// Project makes the result rows: Star columns, then Fields.
type Project struct {
	Fields   []OutField
	Star     []*FirstOf // input columns that * emits
	Rest     bool       // * on a schemaless stream: keys without a column are emitted too
	Out      *row.Schema
	Rows     int   // index into Out of the column that becomes rows (unnest), -1
	Spread   []int // indexes into Out of columns whose members become columns (changed_cols)
	Distinct bool
}

// Dedup holds each result until the time that its dedup_trigger says, and gives
// the column the slices of time that no result before it had.
type Dedup struct{ Column int }

// OutField is one result column.
type OutField struct {
	Name  string
	X     ast.Expr
	Bare  bool // a column without an alias, or an aggregate: an explicit null stays visible
	Named bool // a column or has an alias: shown as null with sendNilField
}

// Slot is a resolved column or derived value. It stands in expression trees
// where names stood.
type Slot struct {
	ast.Pos
	Index int
	Name  string
	Ref   string // the stream, if there are several
	Type  value.Type
}

// String prints the column's name.
func (s *Slot) String() string {
	if s.Ref != "" {
		return s.Ref + "." + s.Name
	}
	return s.Name
}

// FirstOf is an unqualified column of several schemaless streams: the first
// one that has it.
type FirstOf struct {
	ast.Pos
	Slots []*Slot
}

// String prints the column's name.
func (f *FirstOf) String() string { return f.Slots[0].Name }

// Apply is a call of a scalar or analytic function, resolved.
type Apply struct {
	ast.Pos
	Func  *fn.Func
	Args  []ast.Expr
	Names []string // of the arguments, for multi-column functions
	Over  *ast.Over
	Text  string
}

// String prints the call as it was written.
func (a *Apply) String() string { return a.Text }

// RowObject is * as an argument: the row as an Object.
type RowObject struct {
	ast.Pos
	Slots []*Slot
}

// String prints a star.
func (*RowObject) String() string { return "*" }
