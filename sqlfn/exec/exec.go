// Package exec holds the operators of a rule: filter, project, group, sort ...
// An Operator takes batches and hands results to an Emitter by direct calls.
// One goroutine owns all operators of a rule, so none of them locks.
package exec

import (
	"math"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Ctx is what expressions may ask beside the row; the operators of a rule
// share one.
type Ctx = fn.Ctx

// Emitter takes what an operator produces.
type Emitter interface {
	// Emit hands a batch on. An error means that nothing can be taken any more
	// (the rule is stopping); the operator returns it.
	Emit(b row.Batch) error
	// Fail reports that one row, or one window, could not be evaluated. It is
	// counted, sampled in the log and sent on if the rule says sendError; the
	// operator goes on with the next row.
	Fail(err error)
}

// Operator turns batches into batches.
type Operator interface {
	Push(b row.Batch, out Emitter) error
	// Advance tells that time has reached now (ms): the watermark under event
	// time, the clock under processing time; the operator cannot tell which.
	Advance(now int64, out Emitter) error
}

// Waker is an Operator that wants Advance at a certain time.
type Waker interface{ NextWake() (at int64, ok bool) }

// EndOfTime is passed to Advance when a finite source has ended under event
// time: everything that is held is released.
const EndOfTime = math.MaxInt64

// Timeless is embedded by operators to which time means nothing.
type Timeless struct{}

// Advance implements Operator.
func (Timeless) Advance(int64, Emitter) error { return nil }
