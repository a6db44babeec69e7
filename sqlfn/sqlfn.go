// Package sqlfn runs SQL over rows: Compile turns a SELECT into a Pipeline,
// which takes batches of rows and emits batches of results. It knows nothing
// of EdgeX, files, networks or the time of day.
//
//	sel, err := parse.Select("SELECT avg(t) FROM demo GROUP BY TUMBLINGWINDOW(ss, 5)")
//	p, err := sqlfn.Compile(sel, catalog, sqlfn.Options{Rule: "r1", Clock: clock.Wall})
//	err = p.Push(0, batch, emitter)
//
// One goroutine owns a Pipeline.
package sqlfn

import (
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Stream is what the compiler must know of a stream or table of FROM.
type Stream struct {
	Name            string
	Table           bool
	Lookup          bool        // table that is asked by key rather than scanned
	Schema          *row.Schema // declared columns; Open and without columns: schemaless
	Timestamp       string      // TIMESTAMP option: column of the event time
	TimestampFormat string
	Timed           bool // rows have an event time of their own where there is no TIMESTAMP
	Strict          bool // STRICT_VALIDATION
	RetainSize      int  // rows kept of a scan table, 0: all
}

// Catalog finds streams and tables by name.
type Catalog interface {
	Stream(name string) (*Stream, error)
}

// Retain returns how many rows of a scan table are kept, 0 for all, given its
// TYPE and RETAIN_SIZE options.
func Retain(typ, size string) int {
	if n, err := strconv.Atoi(size); err == nil && n > 0 {
		return n
	}
	if typ == "" || strings.EqualFold(typ, "file") { // a file is a table as a whole
		return 0
	}
	return 1
}

// Options are the rule's settings that matter to the pipeline.
type Options struct {
	Rule          string
	EventTime     bool
	LateTolerance time.Duration
	IdleTimeout   time.Duration // event time: how long a silent stream is waited for, 0: for ever
	SendNil       bool          // sendNilField
	SendMeta      bool          // sendMetaToSink
	IgnoreCase    bool          // basic.ignoreCase: column names match in any case
	Clock         clock.Clock
	Loc           *time.Location // time zone of windows and datetime functions
	Functions     *fn.Registry   // nil: the built-in ones
	Lookup        exec.Lookup    // answers for lookup tables; nil: they fail

	// Late is given each late row of a stream, under event time; nil: they are
	// only counted.
	Late func(stream string, b row.Batch)
}

// Input is one stream of the query and the columns that are needed of it.
type Input struct {
	Stream string
	Table  bool
	Lookup bool        // nothing is pushed: the table is asked through Options.Lookup
	Want   *row.Schema // Open: keys without a column are wanted too
	Meta   bool        // rows must carry Meta
}

// Stage is one operator of a pipeline, for status and EXPLAIN.
type Stage struct {
	Name  string // 2_filter, 3_window, 4_aggregate, 5_having, 6_order, 7_project
	Info  string
	Stats *exec.Stats
}
