package sources

import "time"

// Direct lets hubs run the rule on a few rows in their own goroutine, while the
// rule's goroutine sleeps: with hundreds of rules on a stream of lone messages,
// waking each of them would cost more than what they do. run is called under
// the inbox's turn; it returns false if it has not touched the delivery, which
// then goes into the queue. It must neither block nor panic; the Delivery and
// its Batch.Rows are the hub's again when it returns. nil ends it: when Direct has returned, run is
// not running and will not be called again.
//
// A rule that calls Direct encloses what its own goroutine does with the
// pipeline in Enter and Leave.
func (in *Inbox) Direct(run func(*Delivery) bool) {
	in.turn.Lock()
	in.direct = run
	in.turn.Unlock()
}

// Enter waits for the rule's turn and keeps hubs from running it.
func (in *Inbox) Enter() { in.turn.Lock() }

// Leave ends what Enter began.
func (in *Inbox) Leave() { in.turn.Unlock() }

// run has the rule take a parcel at once; false if the parcel must be queued:
// the rule is at work, is behind, or does not want it. d is the hub's: it stays
// in the cache from one rule to the next.
func (in *Inbox) run(t *Tap, p *parcel, d *Delivery) bool {
	if !in.turn.TryLock() {
		return false
	}
	defer in.turn.Unlock()
	if in.direct == nil {
		return false
	}
	in.mu.Lock()
	free := len(in.queue) == 0 && !t.detached
	in.mu.Unlock()
	if !free {
		return false
	}
	d.Input, d.Batch, d.Offset, d.acks = t.input, p.batch, p.offset, nil
	if p.ack != nil {
		d.acks = []func(error){p.ack}
	}
	return in.direct(d)
}

// throttle decides whether a hub runs rules itself. It does so while that
// leaves it idle half of the time; a hub that is busier queues instead: then
// rules run beside it and on whole batches.
type throttle struct {
	since time.Time // begin of the period that is measured
	busy  time.Duration
	until time.Time // queue until then
}

// The period is long enough that a goroutine kept off its core for some
// milliseconds, on a machine that does other things, does not look busy.
const (
	throttlePeriod = 50 * time.Millisecond
	throttlePause  = 50 * time.Millisecond
)

// open tells whether rules may be run now.
func (th *throttle) open(now time.Time) bool {
	if now.Before(th.until) {
		return false
	}
	if th.since.IsZero() {
		th.since = now
	}
	return true
}

// spent adds the time that a message took.
func (th *throttle) spent(from, to time.Time) {
	th.busy += to.Sub(from)
	if period := to.Sub(th.since); period >= throttlePeriod {
		if th.busy > period/2 {
			th.until = to.Add(throttlePause)
		}
		th.since, th.busy = time.Time{}, 0
	}
}
