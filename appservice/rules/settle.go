package rules

import (
	"sync"
	"sync/atomic"

	"github.com/edgesluice/sluice/sources"
)

// settling acknowledges a delivery when the pipeline is through with it and
// every outlet has its results safely. A nil settling asks for nothing.
type settling struct {
	d       sources.Delivery
	pending atomic.Int32
	mu      sync.Mutex
	err     error
}

// newSettling returns nil if nobody waits for the acknowledgement.
func newSettling(d sources.Delivery) *settling {
	if !d.Asks() {
		return nil
	}
	s := &settling{d: d}
	s.pending.Store(1)
	return s
}

// hold returns a function to be called when one outlet has one batch safely.
func (s *settling) hold() func(error) {
	if s == nil {
		return nil
	}
	s.pending.Add(1)
	return s.release
}

// release takes back one hold; the last one acknowledges.
func (s *settling) release(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	if s.pending.Add(-1) == 0 {
		s.d.Done(s.err)
	}
}
