package sources

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
)

const (
	maxBatch  = 1024 // rows in one delivery
	keepBatch = 4096 // larger row buffers are not kept
)

// deliver is what a source calls for each message. It decodes in the caller's
// goroutine: handing a lone message to another one first costs more than the
// decoding, and a busy source is ahead of the rules anyway. The message's Ack
// is told once, also when deliver returns an error.
func (h *Hub) deliver(m Message) error {
	h.turn.Lock()
	defer h.turn.Unlock()
	p, err := h.plan.Load(), h.ctx.Err()
	if err != nil || len(p.taps) == 0 {
		if m.Ack != nil {
			m.Ack(ErrDetached)
		}
		return err
	}
	arrived := h.cfg.Clock.Now()
	h.at = clock.MS(arrived)
	now := m.TS
	if now == 0 {
		now = h.at
	}
	h.rows, h.bad, h.now = h.rows[:0], 0, now
	h.decode(p, &m)
	read := int64(1)
	if m.Batch != nil || m.Lines {
		read = int64(len(h.rows) + h.bad)
	}
	h.stats.In.Add(read)
	h.stats.Out.Add(int64(len(h.rows)))
	h.stats.LastInvocation.Store(now)
	h.direct = len(h.rows) <= copyRows && h.throttle.open(arrived)
	err = h.spread(p, &m)
	if h.direct {
		h.throttle.spent(arrived, h.cfg.Clock.Now())
	}
	if err == nil && m.Offset != nil {
		h.offset = m.Offset
	}
	return err
}

// decode fills h.rows and counts in h.bad the events that cannot be decoded.
func (h *Hub) decode(p *plan, m *Message) {
	h.timed = m.TS != 0
	if m.Batch != nil {
		h.rows = h.mapped.appendRows(h.rows, m.Batch, p.schema)
	} else if err := h.decodeBytes(p, m); err != nil {
		h.fail(err)
	}
	for i := range h.rows {
		r := &h.rows[i]
		if r.TS == 0 {
			r.TS = h.now
		} else {
			h.timed = true
		}
		if p.meta && r.Meta == nil {
			r.Meta = m.Meta
		}
	}
}

// decodeBytes runs the decoder. A payload that makes it panic costs that
// payload, not the process.
func (h *Hub) decodeBytes(p *plan, m *Message) (err error) {
	h.into = row.Batch{Schema: p.schema, Rows: h.rows}
	defer func() {
		if x := recover(); x != nil {
			h.log.Error("decoder panicked", "panic", x, "stack", string(debug.Stack()))
			err = fmt.Errorf("decoder panicked: %v", x)
			return
		}
		h.rows = h.into.Rows
	}()
	payload := m.Payload
	if h.cfg.Payload.inflate != nil {
		if payload, err = h.cfg.Payload.inflate(payload); err != nil {
			return err
		}
	}
	switch {
	case m.Lines:
	case p.from != nil:
		return p.from.DecodeFrom(payload, m.Meta, &h.into)
	default:
		return p.decoder.Decode(payload, &h.into)
	}
	format.DecodeLines(p.decoder, payload, &h.into, h.failFunc)
	return nil
}

// spread hands the rows of a message to every rule.
func (h *Hub) spread(p *plan, m *Message) error {
	rows := h.rows
	if len(rows) == 0 {
		if m.Ack != nil {
			m.Ack(nil) // nothing in it: sending it again would not help
		}
		return nil
	}
	pc := parcel{batch: row.Batch{Schema: p.schema, Rows: rows, At: h.at, Timed: h.timed, Fresh: m.Fresh}}
	if len(rows) <= copyRows {
		pc.offset, pc.ack = m.Offset, claim(m.Ack, len(p.taps))
		err := h.offer(p, &pc)
		clear(rows)
		return err
	}
	s := shares.Get().(*share)
	s.rows, h.rows = rows, s.rows
	parts := (len(rows) + maxBatch - 1) / maxBatch
	s.refs.Store(int32(parts * len(p.taps)))
	pc.share = s
	for i := range parts {
		pc.batch.Rows = rows[i*maxBatch : min((i+1)*maxBatch, len(rows))]
		pc.batch.Fresh = m.Fresh && i == 0
		if i == parts-1 {
			pc.offset, pc.ack = m.Offset, claim(m.Ack, len(p.taps))
		}
		if err := h.offer(p, &pc); err != nil {
			return err
		}
	}
	return nil
}

// offer puts a parcel into every inbox; those without room are seen to last,
// so that they hold up nobody else longer than they must.
func (h *Hub) offer(p *plan, pc *parcel) error {
	n := int64(len(pc.batch.Rows))
	h.late = h.late[:0]
	for _, t := range p.taps {
		if h.direct && t.in.run(t, pc, &h.given) {
			t.accepted(n, h.now)
		} else if ok, _ := t.in.put(t, pc, false); ok {
			t.accepted(n, h.now)
		} else {
			h.late = append(h.late, t)
		}
	}
	if h.direct {
		h.given = Delivery{}
	}
	if len(h.late) == 0 {
		return nil
	}
	return h.insist(pc)
}

func (t *Tap) accepted(n, now int64) {
	if t.stuck {
		t.stuck = false
	}
	t.stats.In.Add(n)
	t.stats.Out.Add(n)
	t.stats.LastInvocation.Store(now)
}

// insist waits until the late inboxes have room. Those that may lose rows are
// waited for only so long, all together; one that has made no room in that
// time is not waited for again until it has.
func (h *Hub) insist(pc *parcel) error {
	var patience <-chan time.Time
	over := false
	for i, t := range h.late {
		for {
			ok, room := t.in.put(t, pc, true)
			if ok {
				t.accepted(int64(len(pc.batch.Rows)), h.now)
				break
			}
			var limit <-chan time.Time
			if !t.want.Lossless {
				if over || t.stuck {
					h.drop(t, pc)
					break
				}
				if patience == nil {
					tick, stop := h.cfg.Clock.After(h.cfg.Patience)
					defer stop()
					patience = tick
				}
				limit = patience
			}
			select {
			case <-room:
			case <-t.gone:
			case <-limit:
				over = true
			case <-h.ctx.Done():
				for range h.late[i:] {
					pc.giveUp(ErrDetached)
				}
				return h.ctx.Err()
			}
		}
	}
	return nil
}

// drop counts what a rule at qos 0 misses.
func (h *Hub) drop(t *Tap, pc *parcel) {
	n := len(pc.batch.Rows)
	t.stuck = true
	t.dropped.Add(int64(n))
	err := fmt.Errorf("buffer full, drop %d messages from %s", n, h.cfg.Stream)
	t.stats.Errors.Add(int64(n) - 1)
	t.stats.Failed(err, h.now)
	h.sampled.warn(h.log, h.now, "a rule is too slow", err)
	pc.giveUp(nil)
}

// fail counts an event that could not be decoded and tells the rules that ask.
func (h *Hub) fail(err error) {
	h.bad++
	h.stats.Failed(err, h.now)
	h.sampled.warn(h.log, h.now, "event dropped", err)
	for _, t := range h.plan.Load().taps {
		t.stats.Failed(err, h.now)
		if t.want.Errors {
			t.in.note(t, Delivery{Err: err})
		}
	}
}

// claim returns the function that each of n inboxes is to call once; the last
// call acknowledges the message. nil if nobody asks.
func claim(ack func(error), n int) func(error) {
	if ack == nil || n == 1 {
		return ack
	}
	c := &claims{ack: ack}
	c.left.Store(int32(n))
	return c.settle
}

// claims are the rules that have not yet settled a message.
type claims struct {
	ack  func(error)
	left atomic.Int32
	kept atomic.Bool // a rule has it safely
	err  atomic.Pointer[error]
}

func (c *claims) settle(err error) {
	switch err {
	case nil:
		c.kept.Store(true)
	case ErrDetached: // a rule that goes away does not ask for a message twice
	default:
		c.err.Store(&err)
	}
	if c.left.Add(-1) > 0 {
		return
	}
	switch failed := c.err.Load(); {
	case failed != nil:
		c.ack(*failed)
	case c.kept.Load():
		c.ack(nil)
	default:
		c.ack(ErrDetached)
	}
}
