package sinks

// deliverAsync hands what was gathered to the AsyncWriter, without waiting for
// it unless end is set. When a write fails it waits for all that are under way,
// then delivers the failed ones, and what is behind them, one by one: order is
// kept. False when the outlet is given up.
func (o *Outlet) deliverAsync(end bool) bool {
	handed := false
	for {
		o.mu.Lock()
		i, n, broken := o.sent, len(o.open), o.broken
		o.mu.Unlock()
		if broken || i == n {
			break
		}
		if !o.hand(i) {
			return false
		}
		handed = true
	}
	if handed && o.flusher != nil { // no further one is at hand; errors are told to those they concern
		_ = o.guard(func() error { return o.flusher.Flush(o.ctx) })
	}
	for {
		o.mu.Lock()
		broken, idle := o.broken, o.idle()
		o.waits = !idle
		o.mu.Unlock()
		if broken && idle {
			return o.mend()
		}
		if !broken && (idle || !end) {
			o.reached()
			return true
		}
		select {
		case <-o.signal:
		case <-o.ctx.Done():
			return false
		}
	}
}

// hand passes open[i] to the driver; false when the outlet is given up.
func (o *Outlet) hand(i int) bool {
	o.mu.Lock()
	m := &o.open[i]
	o.sent++
	if m.safe {
		if o.told == i {
			o.advance()
		} else {
			o.mu.Unlock()
		}
		return true
	}
	o.count(m)
	p := m.payload
	o.mu.Unlock()
	err := o.guard(func() error { return o.async.WriteAsync(o.ctx, p, o.tellFunc) })
	if err == nil {
		return true
	}
	if o.ctx.Err() != nil {
		return false
	}
	// The driver has not taken it and will not tell: note the failure behind
	// those that are still under way.
	o.mu.Lock()
	o.open[i].err = err
	o.sent--
	o.breakOff()
	o.mu.Unlock()
	return true
}

// tell is called by the driver for each message under way, in order.
func (o *Outlet) tell(err error) {
	o.mu.Lock()
	if err == nil && !o.broken {
		o.advance()
		return
	}
	m := &o.open[o.told]
	m.safe, m.err = err == nil, err
	if err != nil {
		o.breakOff()
	}
	o.told++
	for o.told < o.sent && o.open[o.told].safe {
		o.told++
	}
	o.wakeUp()
	o.mu.Unlock()
}

// advance settles open[told] and the marks that follow it. It is called with
// o.mu held and gives it up: whoever waits for the messages must not be told
// under a lock.
func (o *Outlet) advance() {
	one := [1]message{o.pop()}
	var marks []message
	for o.told < o.sent && o.open[o.told].safe {
		marks = append(marks, o.pop())
	}
	o.settling++
	o.mu.Unlock()
	o.settle(one[:])
	o.settle(marks)
	o.mu.Lock()
	o.settling--
	if o.waits && o.idle() {
		o.wakeUp()
	}
	o.mu.Unlock()
}

// idle tells whether nothing is under way and all that was told is settled.
func (o *Outlet) idle() bool { return o.told == o.sent && o.settling == 0 }

func (o *Outlet) pop() message {
	m := o.open[o.told]
	o.open[o.told] = message{}
	o.told++
	return m
}

// breakOff notes a failure: from the oldest message under way on, nothing is
// settled any more.
func (o *Outlet) breakOff() {
	if !o.broken {
		o.broken, o.firstBad = true, o.told
	}
	o.wakeUp()
}

func (o *Outlet) wakeUp() {
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

func (o *Outlet) isBroken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// mend delivers everything from the first failure on, while nothing is under
// way.
func (o *Outlet) mend() bool {
	ms := o.open[o.firstBad:]
	again := false
	for i := range ms {
		switch m := &ms[i]; {
		case m.err == nil:
		case IsRetryable(m.err):
			o.unreachable(m.err)
			m.err, again = nil, true
		default:
			o.failed("message dropped", m.err)
			m.safe = true
		}
	}
	ok := (!again || o.pause()) && o.deliver(ms)
	if ok {
		o.mu.Lock()
		o.open, o.sent, o.told, o.broken = o.open[:0], 0, 0, false
		o.mu.Unlock()
	}
	return ok
}
