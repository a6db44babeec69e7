package rules

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// entry is one rule with what became of it.
type entry struct {
	id string

	// op is held while the rule is created, started, stopped, replaced or
	// deleted. It guards the next three.
	op     sync.Mutex
	held   *suspension // nil: it is not suspended
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the rule's goroutine has ended; nil: never started

	mu     sync.Mutex // guards the rest
	rule   *Rule      // nil: the stored text cannot be read
	text   []byte
	status Status // without Nodes
	last   *run   // the current or the last run
}

func newEntry(r *Rule) *entry {
	return &entry{id: r.ID, rule: r, text: r.Text, status: Status{State: Stopped}}
}

func (e *entry) definition() *Rule {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rule
}

func (e *entry) replace(r *Rule) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rule, e.text = r, r.Text
}

// snapshot returns the status with the nodes of the last run.
func (e *entry) snapshot() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := e.status
	if e.last != nil {
		st.Nodes = e.last.nodes()
	}
	return st
}

func (e *entry) change(f func(st *Status)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.status)
}

// alive tells whether the rule's goroutine runs; e.op is held.
func (e *entry) alive() bool {
	if e.done == nil {
		return false
	}
	select {
	case <-e.done:
		return false
	default:
		return true
	}
}

// start starts the rule's goroutine unless there is one, and returns when its
// status tells how it went. first is a prepared run, or nil. e.op is held.
func (s *Set) start(e *entry, first *run) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed || e.alive() {
		first.discard()
		return
	}
	var ctx context.Context
	ctx, e.cancel = context.WithCancelCause(context.Background())
	e.done = make(chan struct{})
	settled := make(chan struct{})
	go s.supervise(ctx, e, first, e.done, sync.OnceFunc(func() { close(settled) }))
	<-settled
}

// stop ends the rule's goroutine and waits for it. e.op is held.
func (s *Set) stop(e *entry, cause error) {
	if e.alive() {
		e.change(func(st *Status) { st.State = Stopping })
		e.cancel(cause)
		<-e.done
		return
	}
	e.change(func(st *Status) { st.State, st.Message, st.NextStart = Stopped, cause.Error(), 0 })
}

// supervise runs a rule as often as its schedule and its restart strategy say.
func (s *Set) supervise(ctx context.Context, e *entry, next *run, done chan struct{}, settled func()) {
	defer close(done)
	defer settled()
	defer func() { next.discard() }()
	o := e.definition().Options
	for failures := 0; ; {
		var until time.Time
		if o.scheduled() {
			on, change := o.active(s.cfg.Clock.Now())
			if !on {
				next.discard() // its clock has started already
				next = nil
				if s.await(ctx, e, change, settled) {
					continue
				}
				return
			}
			until = change
		}
		began := s.cfg.Clock.Now()
		err := s.runOnce(ctx, e, next, until, settled)
		next = nil
		ended := s.cfg.Clock.Now()
		switch {
		case ctx.Err() != nil:
			e.ended(Stopped, context.Cause(ctx).Error(), ended)
			return
		case errors.Is(err, errTimeUp) && o.scheduled():
			continue
		case errors.Is(err, errTimeUp):
			e.ended(Stopped, errTimeUp.Error(), ended)
			return
		case errors.Is(err, errExhausted):
			e.ended(Stopped, "", ended)
			if o.scheduled() && s.await(ctx, e, until, settled) {
				continue
			}
			return
		}
		s.cfg.Log.Error("rule failed", "rule", e.id, "error", err)
		e.ended(Failed, err.Error(), ended)
		settled()
		if ended.Sub(began) > o.Restart.MaxDelay {
			failures = 0
		}
		if failures >= o.Restart.Attempts || !s.sleep(ctx, o.Restart.wait(failures, rand.Float64())) {
			return
		}
		failures++
	}
}

// await waits until a scheduled rule may run; false: it was stopped meanwhile,
// or never will.
func (s *Set) await(ctx context.Context, e *entry, at time.Time, settled func()) bool {
	if at.IsZero() {
		e.ended(Stopped, errTimeUp.Error(), s.cfg.Clock.Now())
		return false
	}
	e.change(func(st *Status) { st.State, st.Message, st.NextStart = Waiting, "", clock.MS(at) })
	settled()
	if s.sleep(ctx, at.Sub(s.cfg.Clock.Now())) {
		return true
	}
	e.ended(Stopped, context.Cause(ctx).Error(), s.cfg.Clock.Now())
	return false
}

// sleep is false when ctx ends meanwhile.
func (s *Set) sleep(ctx context.Context, d time.Duration) bool {
	tick, stop := s.cfg.Clock.After(d)
	defer stop()
	select {
	case <-tick:
		return true
	case <-ctx.Done():
		return false
	}
}

// runOnce runs the rule once. When it returns, sources and sinks are closed and
// what was emitted is written.
func (s *Set) runOnce(ctx context.Context, e *entry, r *run, until time.Time, settled func()) (err error) {
	if r == nil {
		if r, err = s.prepare(e.definition()); err != nil {
			return err
		}
	}
	if err := s.open(ctx, r); err != nil {
		r.finish(err)
		return err
	}
	r.stopAt = stopTime(s.cfg.Clock.Now(), until, &r.rule.Options)
	e.began(r, s.cfg.Clock.Now())
	settled()
	r.log.Info("rule started")
	err = r.loop(ctx)
	r.finish(err)
	if isEnd(err) {
		r.log.Info("rule stopped", "reason", err)
	}
	return err
}

// stopTime is when a run has to end, in ms; 0 is never.
func stopTime(now, until time.Time, o *Options) int64 {
	if o.Cron == "" && o.Duration > 0 {
		until = earlier(until, now.Add(o.Duration))
	}
	if until.IsZero() {
		return 0
	}
	return clock.MS(until)
}

func (e *entry) began(r *run, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = r
	e.status.State, e.status.Message = Running, ""
	e.status.LastStart, e.status.NextStart = clock.MS(at), 0
}

func (e *entry) ended(state State, message string, at time.Time) {
	e.change(func(st *Status) {
		st.State, st.Message, st.LastStop, st.NextStart = state, message, clock.MS(at), 0
	})
}
