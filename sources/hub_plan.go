package sources

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Want is what a rule needs of a stream.
type Want struct {
	Schema   *row.Schema // columns; Open: keys without a column are wanted too
	Meta     bool        // rows must carry Meta
	Errors   bool        // events that cannot be decoded are delivered as Delivery.Err
	Lossless bool        // never drop: a full inbox holds up the source
}

// Tap is one rule's place at a Hub. What every message touches stands first:
// with hundreds of rules on a stream each line of cache counts.
type Tap struct {
	in       *Inbox
	input    int
	detached bool // guarded by in.mu
	stuck    bool // had no room for a whole Patience; guarded by hub.turn
	stats    exec.Stats

	hub     *Hub
	want    Want
	gone    chan struct{} // closed by Detach
	once    sync.Once
	dropped atomic.Int64 // rows
}

// Stats counts what this rule was given: In and Out are rows; events that were
// dropped or could not be decoded are Errors.
func (t *Tap) Stats() *exec.Stats { return &t.stats }

// Dropped returns the number of rows this rule missed because its inbox was
// full.
func (t *Tap) Dropped() int64 { return t.dropped.Load() }

// plan is how messages are decoded and who gets them. It never changes: Attach
// and Detach make a new one, which the next message uses.
type plan struct {
	schema  *row.Schema // union of what the rules want; columns are only ever added
	meta    bool
	decoder format.Decoder
	from    format.MetaDecoder // the decoder, if it needs to know where a message came from
	taps    []*Tap
}

// Attach gives a rule's inbox all further messages, as deliveries with the
// number input. The batches have the columns of Want and possibly more; slots
// that were once given to a column stay.
func (h *Hub) Attach(in *Inbox, input int, want Want) (*Tap, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ctx.Err(); err != nil {
		return nil, fmt.Errorf("stream %q is closed", h.cfg.Stream)
	}
	if want.Schema == nil {
		want.Schema = &row.Schema{}
	}
	if !h.cfg.Shared {
		want.Lossless = true // nobody else waits for it
	}
	old := h.plan.Load()
	next := *old
	next.meta = old.meta || want.Meta
	next.schema = union(old.schema, want.Schema, h.cfg.Declared)
	if next.schema != old.schema || next.meta != old.meta {
		if err := h.compile(&next); err != nil {
			return nil, fmt.Errorf("stream %q: %w", h.cfg.Stream, err)
		}
	}
	t := &Tap{hub: h, in: in, input: input, want: want, gone: make(chan struct{})}
	next.taps = append(slices.Clip(old.taps), t)
	h.plan.Store(&next)
	if h.ended {
		in.note(t, Delivery{End: true})
	}
	return t, nil
}

// Detach takes the rule's inbox off the hub. What still waits in the inbox of
// this hub's messages is dropped and not acknowledged on behalf of this rule.
func (t *Tap) Detach() {
	t.once.Do(func() {
		h := t.hub
		h.mu.Lock()
		next := *h.plan.Load()
		next.taps = slices.DeleteFunc(slices.Clone(next.taps), func(u *Tap) bool { return u == t })
		h.plan.Store(&next)
		h.mu.Unlock()
		close(t.gone)
		for _, ack := range t.in.leave(t) {
			ack(ErrDetached)
		}
	})
}

// compile makes the decoder for the plan's schema.
func (h *Hub) compile(p *plan) (err error) {
	p.decoder, err = h.decoder(p)
	p.from, _ = p.decoder.(format.MetaDecoder)
	return err
}

func (h *Hub) decoder(p *plan) (format.Decoder, error) {
	cfg := format.Config{
		Schema: p.schema, Declared: h.cfg.Declared, Strict: h.cfg.Strict, Delimiter: h.cfg.Delimiter,
		SchemaID: h.cfg.SchemaID, Message: h.cfg.Message, IntWhole: h.cfg.Payload.IntWhole,
		TimestampFormat: h.cfg.TimestampFormat, Loc: h.cfg.Loc, NoMeta: !p.meta, Datasource: h.cfg.Datasource,
	}
	if own, ok := h.cfg.Source.(Decoding); ok {
		d, err := own.Decoder(cfg)
		if d != nil || err != nil {
			return d, err
		}
	}
	f, err := format.Lookup(h.cfg.Format)
	if err != nil {
		return nil, err
	}
	return f.NewDecoder(cfg)
}

// union returns a schema with the columns of s, in place, followed by those
// that only want has; s itself if there are none. Types come from the
// declaration if there is one.
func union(s, want, declared *row.Schema) *row.Schema {
	u := &row.Schema{Cols: slices.Clip(s.Cols), Open: s.Open || want.Open}
	for _, c := range want.Cols {
		if u.Slot(c.Name) >= 0 {
			continue
		}
		if declared != nil {
			if i := declared.Slot(c.Name); i >= 0 {
				c = declared.Cols[i]
			}
		}
		u.Cols = append(u.Cols, c)
	}
	if u.Open == s.Open && len(u.Cols) == len(s.Cols) {
		return s
	}
	return u
}
