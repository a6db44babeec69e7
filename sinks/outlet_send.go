package sinks

import (
	"log/slog"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// shapeAll makes o.items out of a batch: all that can be done to a row before
// it waits is done in the rule's goroutine, which has it in the cache; what
// waits is bytes then, and not rows that keep their whole input alive.
func (o *Outlet) shapeAll(b *row.Batch, now int64) {
	o.items = o.items[:0]
	o.copies = nil
	messages := len(b.Rows)
	each := o.prop.sendSingle || !b.Span.Set
	if !each {
		messages = 1
	}
	o.coder.expect(messages)
	if each {
		for i := range b.Rows {
			o.shapeOne(body{schema: b.Schema, rows: b.Rows[i : i+1 : i+1], single: o.prop.sendSingle}, len(b.Rows)-i, now)
		}
	} else {
		o.shapeOne(body{schema: b.Schema, rows: b.Rows}, len(b.Rows), now)
	}
	o.transform.In.Add(int64(messages))
	o.transform.Out.Add(int64(len(o.items)))
	o.transform.LastInvocation.Store(now)
	if !o.tuples {
		o.encode.In.Add(int64(len(o.items)))
		o.encode.Out.Add(int64(len(o.items)))
		o.encode.LastInvocation.Store(now)
	}
}

// shapeOne makes the items of one message; left is how many rows of the batch
// are still to come, these included.
func (o *Outlet) shapeOne(in body, left int, now int64) {
	out, ok, err := o.shape.apply(in)
	if err != nil {
		o.misshapen(&o.transform, err, now)
		return
	}
	if !ok {
		return
	}
	if o.join.on {
		for i := range out.rows {
			rows := o.keep(out.rows[i:i+1], left)
			o.items = append(o.items, Item{Payload: Payload{Schema: out.schema, Rows: rows, Single: out.single}, Weight: 1})
		}
		return
	}
	p := Payload{Single: in.single}
	if o.tuples {
		p.Schema, p.Rows, p.Single = out.schema, o.keep(out.rows, left), out.single
	} else {
		if p.Data, err = o.coder.encode(&out); err != nil {
			o.misshapen(&o.encode, err, now)
			return
		}
		if o.dynamic { // properties see the row as the rule made it
			p.Schema, p.Rows = in.schema, o.keep(in.rows, left)
		}
	}
	o.items = append(o.items, Item{Payload: p, Weight: max(len(out.rows), 1)})
}

// misshapen counts a result that cannot be made into a message.
func (o *Outlet) misshapen(s *exec.Stats, err error, now int64) {
	s.Failed(err, now)
	o.shaping.warn(o.log, now, "result dropped", err)
}

// keep copies rows that belong to the rule's batch.
func (o *Outlet) keep(rs []row.Row, left int) []row.Row {
	if o.copies == nil {
		o.copies = make([]row.Row, 0, max(left, len(rs)))
	}
	n := len(o.copies)
	o.copies = append(o.copies, rs...)
	return slices.Clip(o.copies[n:])
}

// coder encodes and compresses messages into memory that several of them share.
type coder struct {
	enc  format.Encoder
	pack *packer
	slab []byte // payloads handed out, and free room behind them
	mean int    // bytes of a payload, lately
	due  int    // messages still to come from this batch
}

const (
	minSlab = 2 << 10
	maxSlab = 64 << 10
)

// expect tells how many messages the next calls will encode.
func (c *coder) expect(messages int) { c.due = messages }

// encode returns the bytes of a message. They are never written again.
func (c *coder) encode(b *body) (data []byte, err error) {
	if data = b.text; data == nil {
		if data, err = c.rows(b); err != nil {
			return nil, err
		}
	}
	if c.pack != nil {
		return c.pack.pack(data)
	}
	return data, nil
}

func (c *coder) rows(b *body) ([]byte, error) {
	if room := c.mean + c.mean/4 + 32; cap(c.slab)-len(c.slab) < room {
		c.slab = make([]byte, 0, max(room, min(room*max(c.due, 1), maxSlab), min(8*room, minSlab)))
	}
	c.due--
	start := len(c.slab)
	var grown []byte
	var err error
	if b.single {
		grown, err = c.enc.EncodeRow(c.slab, b.schema, &b.rows[0])
	} else {
		grown, err = c.enc.EncodeRows(c.slab, b.schema, b.rows)
	}
	if err != nil {
		return nil, err
	}
	n := len(grown)
	if c.pack == nil { // packed messages have memory of their own
		c.slab = grown
	}
	if cap(grown) > maxSlab {
		c.slab = nil
	}
	c.mean += (n - start - c.mean) / 4
	return grown[start:n:n], nil
}

// sampler lets one warning a second through.
type sampler struct {
	next int64 // ms
	held int64 // warnings left out since the last one
}

func (s *sampler) warn(log *slog.Logger, now int64, msg string, err error) {
	if now < s.next {
		s.held++
		return
	}
	log.Warn(msg, "error", err, "unreported", s.held)
	s.next, s.held = now+1000, 0
}
