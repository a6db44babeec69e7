package rules

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/edgesluice/sluice/sources"
)

// A delivery that a hub runs itself must be quick. One in timeVisits is
// measured; a rule that took longer than slowVisit works in its own goroutine
// from then on.
const (
	slowVisit  = 200 * time.Microsecond
	timeVisits = 64
	neverAgain = -1
)

// direct runs the rule on one delivery in the goroutine of a hub, under the
// inbox's turn. It returns false if the rule's own goroutine is to do it: a
// sink has no room, the rule is ending, or it is too slow to hold up others.
func (r *run) direct(d *sources.Delivery) bool {
	if r.ctx == nil || r.verdict != nil || r.visits == neverAgain || r.loading > 0 {
		return false
	}
	if r.crowded { // since the last emission
		if r.crowded = !r.roomy(); r.crowded {
			return false
		}
	}
	r.visits++
	if r.visits%timeVisits != 0 {
		r.verdict = r.guarded(d)
	} else {
		begin := r.clock.Now()
		r.verdict = r.guarded(d)
		if r.clock.Now().Sub(begin) > slowVisit {
			r.visits = neverAgain
		}
	}
	if r.verdict != nil || r.next() != r.armed {
		r.in.Wake() // its goroutine ends the run, or sets the timer
	}
	return true
}

// guarded is take with a panic turned into a failure of this rule.
func (r *run) guarded(d *sources.Delivery) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = r.panicked(x)
		}
	}()
	if err := r.take(*d); err != nil {
		return r.cut(err)
	}
	return nil
}

// panicked logs a panic with its stack and makes it a failure of the rule.
func (r *run) panicked(x any) error {
	stack := debug.Stack()
	r.log.Error("rule panicked", "panic", x, "stack", string(stack))
	return fmt.Errorf("panic: %v\n%s", x, stack)
}

// roomy tells whether the sinks can take some rows without a wait.
func (r *run) roomy() bool {
	for _, o := range r.outs {
		if !o.Roomy() {
			return false
		}
	}
	return true
}
