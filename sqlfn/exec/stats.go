package exec

import "sync/atomic"

// Stats are the counters of one operator, source or sink. Any goroutine may
// read them.
type Stats struct {
	In, Out, Errors atomic.Int64
	Late            atomic.Int64 // rows behind the watermark, dropped
	LatencyUS       atomic.Int64 // of the last invocation that was timed
	LastInvocation  atomic.Int64 // ms since 1970
	Buffered        atomic.Int64 // rows waiting in front of it, or held by it
	lastError       atomic.Pointer[Failure]
}

// Failure is the last error of an operator.
type Failure struct {
	Text string
	At   int64 // ms since 1970
}

// Failed counts an error.
func (s *Stats) Failed(err error, at int64) {
	s.Errors.Add(1)
	s.lastError.Store(&Failure{err.Error(), at})
}

// LastError returns the latest error, nil if there was none.
func (s *Stats) LastError() *Failure { return s.lastError.Load() }
