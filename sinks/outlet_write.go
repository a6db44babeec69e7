package sinks

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
)

// maxTake is how many items the sink's goroutine works on at a time: enough to
// make Flush and wake-ups cheap, few enough that the rule can go on meanwhile.
const maxTake = 256

// message is one call of the driver.
type message struct {
	payload Payload
	items   int         // in the queue that it settles
	rows    int         // weight of these
	done    func(error) // told when they are settled
	safe    bool        // nothing (more) to write: delivered, or a mark
	counted bool        // in the sink's records_in
	err     error       // why an asynchronous write failed
}

// courier is the part of an Outlet that belongs to the sink's goroutine. For an
// AsyncWriter the fields under mu are shared with its callbacks:
//
//	open[:told]      settled, unless broken
//	open[told:sent]  under way
//	open[sent:]      gathered, not yet handed over
type courier struct {
	join   joiner
	taken  []Item
	pauses pauses
	silent bool // the driver tells nothing about its link
	down   bool // ... and it is lost

	mu         sync.Mutex
	open       []message
	sent, told int
	settling   int  // calls that were told of a message and are not through with it
	broken     bool // a write under way failed: from firstBad on, told messages are kept
	firstBad   int
	waits      bool          // the sink's goroutine waits until nothing is under way
	signal     chan struct{} // receives when broken, and when nothing is under way, if it waits
}

// work is the sink's goroutine.
func (o *Outlet) work() {
	defer close(o.finished)
	defer o.release()
	if !o.connect() {
		return
	}
	for {
		more := o.gather()
		var ok bool
		if o.async != nil {
			ok = o.deliverAsync(!more)
		} else {
			if ok = o.deliver(o.open); ok {
				o.open = o.open[:0]
			}
		}
		if !more || !ok {
			return
		}
	}
}

// release closes the sink and tells those who still wait that they do so in
// vain.
func (o *Outlet) release() {
	if err := o.guard(o.sink.Close); err != nil {
		o.log.Warn("sink does not close well", "error", err)
	}
	reason := context.Cause(o.ctx)
	if reason == nil {
		reason = ErrClosed
	}
	o.queue.Close()
	o.mu.Lock()
	left := o.open
	o.mu.Unlock()
	if len(o.join.items) > 0 {
		left = append(left, o.joined())
	}
	for i := range left {
		if left[i].done != nil {
			left[i].done(reason)
		}
	}
	for _, it := range o.queue.Take(nil, 1<<30) {
		if it.done != nil {
			it.done(reason)
		}
	}
	o.cancel(reason)
}

// connect tries until it succeeds or the outlet is given up.
func (o *Outlet) connect() bool {
	for {
		status := &listener{link: o.link, back: o.back}
		o.link.Connecting()
		err := o.guard(func() error {
			return o.sink.Connect(o.ctx, Env{Rule: o.cfg.Rule, DataDir: o.cfg.DataDir, Log: o.log, Clock: o.cfg.Clock, Status: status})
		})
		if err == nil {
			if o.silent = !status.heard.Load(); o.silent {
				o.link.Connected()
			}
			o.pauses.reset()
			return true
		}
		o.link.Disconnected(err)
		o.failed("sink does not connect", err)
		if !o.pause() {
			return false
		}
	}
}

// listener notes whether the driver tells about its link at all.
type listener struct {
	link  *exec.Link
	back  chan struct{}
	heard atomic.Bool
}

func (l *listener) Connecting() { l.heard.Store(true); l.link.Connecting() }
func (l *listener) Connected() {
	l.heard.Store(true)
	l.link.Connected()
	select {
	case l.back <- struct{}{}:
	default:
	}
}
func (l *listener) Disconnected(err error) { l.heard.Store(true); l.link.Disconnected(err) }

// gather adds the next messages to o.open; false when the outlet is closing
// and has nothing left to take.
func (o *Outlet) gather() bool {
	for {
		closing := false
		select {
		case <-o.closing:
			closing = true
		default:
		}
		o.taken = o.queue.Take(o.taken[:0], maxTake)
		n := o.arrangeAll(closing)
		switch {
		case n > 0:
			return true
		case len(o.taken) > 0:
			continue
		case closing:
			return false
		}
		select {
		case <-o.queue.Ready():
		case <-o.closing:
		case <-o.join.due:
			m := o.joined()
			o.add(&m)
			return true
		case <-o.signal:
			if o.isBroken() {
				return true
			}
		case <-o.ctx.Done():
			return false
		}
	}
}

// arrangeAll turns o.taken into messages and returns their number. At the end
// it does not wait for more to join.
func (o *Outlet) arrangeAll(end bool) (n int) {
	add := func(m message) { o.add(&m); n++ }
	for i := range o.taken {
		it := &o.taken[i]
		if !o.join.on || it.mark || it.Payload.Err != nil {
			if len(o.join.items) > 0 {
				add(o.joined())
			}
			add(message{payload: it.Payload, items: 1, rows: it.Weight, done: it.done, safe: it.mark})
		} else if o.join.add(it, o.cfg.Clock) {
			add(o.joined())
		}
	}
	if end && len(o.taken) == 0 && len(o.join.items) > 0 {
		add(o.joined())
	}
	clear(o.taken)
	return n
}

// add appends a message to o.open.
func (o *Outlet) add(m *message) {
	o.mu.Lock()
	if o.told == len(o.open) && !o.broken {
		o.open, o.sent, o.told = o.open[:0], 0, 0
	} else if len(o.open) == cap(o.open) && o.told > len(o.open)/2 && !o.broken {
		o.open = o.open[:copy(o.open, o.open[o.told:])]
		o.sent, o.told = o.sent-o.told, 0
	}
	o.open = append(o.open, *m)
	o.mu.Unlock()
}

// joined makes a message of the rows that were collected.
func (o *Outlet) joined() message {
	m := o.join.message()
	if !o.tuples {
		var data []byte
		err := o.guard(func() (err error) {
			data, err = o.coder.encode(&body{schema: m.payload.Schema, rows: m.payload.Rows})
			return err
		})
		if err != nil {
			o.encode.Failed(err, clock.MS(o.cfg.Clock.Now()))
			m.safe = true // nothing to write
		}
		m.payload.Data = data
	}
	return m
}

// deliver writes messages one after the other until the far side has them or
// they are refused; false when the outlet is given up.
func (o *Outlet) deliver(ms []message) bool {
	for len(ms) > 0 {
		n, bad, err := o.attempt(ms)
		o.settle(ms[:n])
		ms = ms[n:]
		switch {
		case err == nil:
			o.reached()
		case o.ctx.Err() != nil:
			return false
		case IsRetryable(err):
			o.unreachable(err)
			if !o.pause() {
				return false
			}
		default:
			o.refuse(ms[:bad], err)
			ms = ms[bad:]
		}
	}
	return true
}

// attempt writes messages in order and returns how many are delivered for
// sure, and how many behind these the error is about.
func (o *Outlet) attempt(ms []message) (n, bad int, err error) {
	began := o.cfg.Clock.Now()
	written := 0
	for n = range ms {
		if m := &ms[n]; !m.safe {
			o.count(m)
			if err = o.writeOne(&m.payload); err != nil {
				break
			}
			written++
		}
	}
	if err == nil {
		n = len(ms)
	}
	if o.flusher != nil && written > 0 {
		if ferr := o.guard(func() error { return o.flusher.Flush(o.ctx) }); ferr != nil {
			return 0, n, ferr
		}
	}
	now := o.cfg.Clock.Now()
	o.stats.LastInvocation.Store(clock.MS(now))
	o.stats.LatencyUS.Store(now.Sub(began).Microseconds() / int64(max(written, 1)))
	return n, 1, err
}

func (o *Outlet) writeOne(p *Payload) (err error) {
	defer o.rescue(&err)
	return o.sink.Write(o.ctx, *p)
}

// guard calls into the driver; a panic there is an error like any other.
func (o *Outlet) guard(f func() error) (err error) {
	defer o.rescue(&err)
	return f()
}

func (o *Outlet) rescue(err *error) {
	if x := recover(); x != nil {
		o.log.Error("sink panicked", "panic", x, "stack", string(debug.Stack()))
		*err = fmt.Errorf("sink %s panicked: %v", o.cfg.Name, x)
	}
}

// count adds a message to records_in when it is first handed to the driver.
func (o *Outlet) count(m *message) {
	if !m.counted {
		m.counted = true
		o.stats.In.Add(1)
	}
}

// settle takes delivered messages off the queue.
func (o *Outlet) settle(ms []message) {
	items, rows, out := 0, 0, 0
	for i := range ms {
		m := &ms[i]
		items += m.items
		rows += m.rows
		if m.counted && m.err == nil {
			out++
		}
	}
	if items == 0 {
		return
	}
	o.stats.Out.Add(int64(out))
	o.stats.Buffered.Add(int64(-rows))
	if err := o.queue.Settle(items); err != nil {
		o.failed("queue does not take note of what was sent", err)
	}
	for i := range ms {
		if done := ms[i].done; done != nil {
			done(nil)
		}
		ms[i] = message{}
	}
}

// refuse gives up messages that the far side will never take: they would stop
// all that follow. They are counted.
func (o *Outlet) refuse(ms []message, err error) {
	for i := range ms {
		if !ms[i].safe {
			o.failed("message dropped", err)
			ms[i].err = err
		}
	}
	o.settle(ms)
}

// failed counts an error and logs some of them.
func (o *Outlet) failed(msg string, err error) {
	now := clock.MS(o.cfg.Clock.Now())
	o.stats.Failed(err, now)
	o.sampled.warn(o.log, now, msg, err)
}

// unreachable and reached keep the link of a driver that tells nothing itself.
func (o *Outlet) unreachable(err error) {
	if o.silent {
		o.down = true
		o.link.Disconnected(err)
	}
	o.failed("sink cannot deliver for now", err)
}

func (o *Outlet) reached() {
	if o.down {
		o.down = false
		o.link.Connected()
	}
	o.pauses.reset()
}

// pause waits before the next attempt, or until the driver says that it is
// connected; false when the outlet is given up.
func (o *Outlet) pause() bool {
	tick, stop := o.cfg.Clock.After(o.pauses.draw())
	defer stop()
	select {
	case <-tick:
		return true
	case <-o.back:
		return true
	case <-o.ctx.Done():
		return false
	}
}
