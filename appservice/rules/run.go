package rules

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// Pipeline is what a run asks of a compiled SELECT; *sqlfn.Pipeline is one.
type Pipeline interface {
	Inputs() []sqlfn.Input
	Push(input int, b row.Batch, out exec.Emitter) error
	Advance(now int64, out exec.Emitter) error
	NextWake() (at int64, ok bool)
	End(input int, out exec.Emitter) error
	Save(*state.Writer) error
	Load(*state.Reader) error
	Output() *row.Schema
	Explain() string
	Stages() []sqlfn.Stage
}

// The ends of a run that are no failures.
var (
	errExhausted = errors.New("all sources are exhausted")
	errTimeUp    = errors.New("duration terminated")
	errStopped   = errors.New("canceled manually")
	errShutdown  = errors.New("service is stopping")
	errDropped   = errors.New("rule is dropped")
)

// run is one start of a rule: from sources through the pipeline to outlets. The
// goroutine that calls loop owns everything but the counters.
type run struct {
	rule  *Rule
	pipe  Pipeline
	in    *sources.Inbox
	side  *sources.Inbox // for the rows of tables; nil: there are none
	feeds []*feed        // by input; nil: a lookup table
	outs  []outlet
	// tables are the lookup tables, by name.
	tables map[string]*lookup
	mocks  map[string]sources.Source // in place of streams' own, in trials

	clock clock.Clock
	log   *slog.Logger
	store state.Store // nil: no checkpoints

	ctx     context.Context
	open    int   // stream inputs that are not exhausted
	loading int   // tables that are being read
	loadBy  int64 // ms; 0: no longer waited for
	stopAt  int64 // ms; 0: never
	nextCP  int64 // ms of the next checkpoint
	epoch   uint64
	plan    string // fingerprint of the definition
	torn    bool   // the pipeline was left in the middle of a batch
	armed   int64  // ms for which tick is set; 0: not set
	tick    <-chan time.Time
	disarm  func()

	cutShort bool // a lookup was given up because ctx has ended

	// Whoever runs the pipeline, this goroutine or a hub's (see direct), holds
	// the inbox's turn; it guards all of the run.
	verdict error // why the loop is to end
	visits  int
	crowded bool // a sink may have no room for more

	settling *settling // acknowledgement of the delivery being pushed, if it asks for one
	errors   sampler
}

// loop runs the rule until ctx ends, its time is up, its sources are exhausted
// or it fails. A panic is a failure of this rule.
func (r *run) loop(ctx context.Context) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = r.panicked(x)
		}
		if r.disarm != nil {
			r.disarm()
		}
	}()
	r.in.Direct(r.direct)
	defer r.in.Direct(nil)
	r.in.Enter()
	defer r.in.Leave()
	r.ctx = ctx
	if r.store != nil {
		r.nextCP = r.now() + r.rule.Options.CheckpointInterval.Milliseconds()
	}
	if r.loading > 0 {
		r.loadBy = r.now() + loadTimeout.Milliseconds()
	}
	for r.verdict == nil {
		r.arm()
		r.in.Leave()
		ticked, err := r.wait(ctx)
		r.in.Enter()
		if err != nil {
			return err
		}
		if ticked {
			r.armed, r.tick, r.disarm = 0, nil, nil
		}
		if r.verdict == nil {
			r.verdict = r.step()
		}
	}
	return r.verdict
}

// wait returns when something has arrived, or is due.
func (r *run) wait(ctx context.Context) (ticked bool, err error) {
	var side <-chan struct{}
	if r.side != nil {
		side = r.side.Ready()
	}
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case <-r.in.Ready():
		return false, nil
	case <-side:
		return false, nil
	case <-r.tick:
		return true, nil
	}
}

// step takes what has arrived, then does what is due.
func (r *run) step() error {
	if r.side != nil {
		if err := r.takeAll(r.side.Take()); err != nil {
			return err
		}
	}
	if !r.waitsForTables() {
		if err := r.takeAll(r.in.Take()); err != nil {
			return err
		}
	}
	now := r.now()
	if at, ok := r.pipe.NextWake(); ok && at <= now {
		if err := r.pipe.Advance(now, r); err != nil {
			return r.cut(err)
		}
	}
	if r.nextCP > 0 && r.nextCP <= now {
		r.timedCheckpoint()
		r.nextCP = r.now() + r.rule.Options.CheckpointInterval.Milliseconds()
	}
	if r.stopAt > 0 && r.stopAt <= now {
		return errTimeUp
	}
	if r.open == 0 {
		return errExhausted
	}
	return nil
}

// takeAll hands deliveries to the pipeline.
func (r *run) takeAll(ds []sources.Delivery) error {
	for i := range ds {
		if err := context.Cause(r.ctx); err != nil {
			refuse(ds[i:], err)
			return err
		}
		if err := r.take(ds[i]); err != nil {
			refuse(ds[i+1:], err)
			return r.cut(err)
		}
	}
	return nil
}

// loadTimeout bounds how long streams wait for the tables they are joined with.
const loadTimeout = 10 * time.Second

// waitsForTables tells whether events are to wait in the inbox: one that is
// joined with a table that is half read would be lost.
func (r *run) waitsForTables() bool {
	switch {
	case r.loading == 0 || r.loadBy == 0:
		return false
	case r.now() >= r.loadBy:
		r.log.Warn("tables are not read yet, the rule goes on without their rows", "tables", r.loading)
		r.loadBy = 0
		return false
	}
	return true
}

// cut tells a stop that reached the pipeline through an outlet from a failure.
// Either way the pipeline was left in the middle of something: its state is not
// one to come back to.
func (r *run) cut(err error) error {
	r.torn = true
	if cause := context.Cause(r.ctx); cause != nil {
		return cause
	}
	return err
}

// refuse tells the sources of deliveries that will not be pushed.
func refuse(ds []sources.Delivery, err error) {
	for i := range ds {
		ds[i].Done(err)
	}
}

// take hands one delivery to the pipeline.
func (r *run) take(d sources.Delivery) error {
	f := r.feeds[d.Input]
	switch {
	case d.Err != nil:
		r.Fail(d.Err)
		d.Done(nil)
		return nil
	case d.End:
		return r.exhausted(d.Input)
	}
	r.settling = newSettling(d)
	err := r.pipe.Push(d.Input, d.Batch, r)
	if err == nil && r.cutShort { // an event was not joined because the run is ending
		err = context.Cause(r.ctx)
	}
	r.settling.release(err)
	r.settling = nil
	if err == nil && d.Offset != nil {
		f.offset = d.Offset
	}
	return err
}

// exhausted notes the end of a source. With the last stream the rule is at its
// end, whether its tables are or not.
func (r *run) exhausted(input int) error {
	f := r.feeds[input]
	if f.ended {
		return nil
	}
	f.ended = true
	if f.table {
		r.loading--
		return nil
	}
	r.open--
	return r.pipe.End(input, r)
}

// Emit implements exec.Emitter.
func (r *run) Emit(b row.Batch) error {
	r.crowded = true
	for _, o := range r.outs {
		if err := o.Send(r.ctx, b, r.settling.hold()); err != nil {
			return err
		}
	}
	return nil
}

// Fail implements exec.Emitter: the operator has counted the error.
func (r *run) Fail(err error) {
	if n, ok := r.errors.sample(r.now()); ok {
		r.log.Warn("row failed", "error", err, "like_it_before", n)
	}
	if !r.rule.Options.SendError {
		return
	}
	for _, o := range r.outs {
		if err := o.SendError(r.ctx, err); err != nil {
			return // the next emission tells that the rule is stopping
		}
	}
}

// arm sets the timer to the next moment at which something is due.
func (r *run) arm() {
	next := r.next()
	if next == r.armed {
		return
	}
	if r.disarm != nil {
		r.disarm()
	}
	r.armed, r.tick, r.disarm = next, nil, nil
	if next > 0 {
		r.tick, r.disarm = r.clock.After(time.UnixMilli(next).Sub(r.clock.Now()))
	}
}

// next is when something is due (ms), 0 if nothing is.
func (r *run) next() int64 {
	next := int64(0)
	soonest := func(at int64) {
		if at > 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if at, ok := r.pipe.NextWake(); ok {
		soonest(max(at, 1))
	}
	soonest(r.nextCP)
	soonest(r.stopAt)
	if r.loading > 0 {
		soonest(r.loadBy)
	}
	return next
}

func (r *run) now() int64 { return clock.MS(r.clock.Now()) }

// closeTimeout bounds how long a run waits for sources and sinks when it ends:
// the whole service has to be gone five seconds after SIGTERM.
const closeTimeout = 3 * time.Second

// finish ends a run: sources first, then a last checkpoint, then the sinks, to
// which everything emitted is written before, unless they are gone.
func (r *run) finish(cause error) {
	if errors.Is(cause, errExhausted) {
		r.flush(r.ctx) // a file was read: nothing hurries
	}
	ctx, cancel := r.limited()
	defer cancel()
	for _, f := range r.feeds {
		if f != nil {
			f.close(ctx)
		}
	}
	if r.store != nil && !r.torn && isEnd(cause) {
		r.checkpoint(ctx)
	}
	for _, o := range r.outs {
		if err := o.Close(ctx); err != nil {
			r.log.Warn("sink did not close", "error", err)
		}
	}
}

// isEnd tells whether a run ended as it should.
func isEnd(cause error) bool {
	return errors.Is(cause, errStopped) || errors.Is(cause, errShutdown) || errors.Is(cause, errTimeUp) || errors.Is(cause, errExhausted)
}

// flush waits until all sinks have what was emitted.
func (r *run) flush(ctx context.Context) error {
	for _, o := range r.outs {
		if err := o.Flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// limited returns a context that ends after closeTimeout.
func (r *run) limited() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	tick, stop := r.clock.After(closeTimeout)
	go func() {
		select {
		case <-tick:
			cancel()
		case <-ctx.Done():
		}
		stop()
	}()
	return ctx, cancel
}

// nodes returns the sources, operators and sinks for status.
func (r *run) nodes() []Node {
	var ns []Node
	for _, f := range r.feeds {
		if f != nil {
			ns = append(ns, f.node())
		}
	}
	for i, s := range r.pipe.Stages() {
		n := Node{Kind: "op", Name: s.Name, Stats: s.Stats}
		if i == 0 {
			n.Waiting = r.in.Len
		}
		ns = append(ns, n)
	}
	for _, o := range r.outs {
		ns = append(ns, o.nodes()...)
	}
	return ns
}
