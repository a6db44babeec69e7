package sinks

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// OutletConfig is one action of a rule.
type OutletConfig struct {
	Name  string         // of the driver
	Props map[string]any // connection and resource are resolved
	Rule  string
	QoS   int
	// Message resolves the schema that a format needs; nil: there are none.
	Message func(format, schemaID string) (any, error)
	DataDir string
	Log     *slog.Logger
	Clock   clock.Clock
	Sink    Sink // nil: a new one of the driver Name

	// Queue makes what stands between the rule and the sink; nil: memory.
	Queue func(rows int) (Queue, error)
}

// Discarder is implemented by sinks that may throw everything away: rows are
// then counted and go no further.
type Discarder interface{ Discards() bool }

// Outlet is the way from a rule to one sink: it shapes, encodes and queues what
// the rule emits; a goroutine of its own writes. What cannot be delivered for
// now is kept and delivered later, in order; a full queue holds up the rule.
//
//	out, err := sinks.NewOutlet(sinks.OutletConfig{Name: "mqtt", Props: props, Rule: "r1", ...})
//	out.Start()
//	err = out.Send(ctx, batch, nil)
//	err = out.Close(ctx)
//
// Send, SendError and Flush are called by the rule's goroutine only.
type Outlet struct {
	cfg     OutletConfig
	log     *slog.Logger
	sink    Sink
	async   AsyncWriter // nil if the sink cannot
	flusher Flusher     // nil if the sink does not buffer
	prop    *properties
	queue   Queue
	limit   int // rows the queue holds
	link    *exec.Link
	back    chan struct{} // the driver is connected (again): no further pause

	discards bool
	tuples   bool
	dynamic  bool // the driver looks at the rows of each message

	stats, transform, encode exec.Stats

	// Of the rule's goroutine.
	shape   shape
	coder   coder
	items   []Item
	copies  []row.Row
	shaping sampler

	// Of the sink's goroutine.

	courier
	sampled  sampler
	tellFunc func(error) // o.tell, made once

	ctx      context.Context
	cancel   context.CancelCauseFunc
	started  bool
	closing  chan struct{}
	finished chan struct{} // closed when the sink's goroutine has ended
	once     sync.Once
}

// Step is one operation in front of the sink, for status.
type Step struct {
	Name  string // transform, encode
	Stats *exec.Stats
}

// NewOutlet checks the properties of an action and makes its outlet. Nothing is
// connected before Start.
func NewOutlet(cfg OutletConfig) (*Outlet, error) {
	if cfg.Sink == nil {
		d, err := Lookup(cfg.Name)
		if err != nil {
			return nil, err
		}
		cfg.Sink = d.New()
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Wall
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	o := &Outlet{
		cfg: cfg, log: cfg.Log.With("sink", cfg.Name), sink: cfg.Sink, link: exec.NewLink(cfg.Clock),
		closing: make(chan struct{}), finished: make(chan struct{}), back: make(chan struct{}, 1),
	}
	var err error
	if o.prop, err = bind(cfg.Name, o.sink, cfg.Props); err != nil {
		return nil, err
	}
	o.async, _ = o.sink.(AsyncWriter)
	o.flusher, _ = o.sink.(Flusher)
	_, o.tuples = o.sink.(Tuples)
	if x, ok := o.sink.(Discarder); ok {
		o.discards = x.Discards()
	}
	if err = o.prepare(); err != nil {
		return nil, err
	}
	o.ctx, o.cancel = context.WithCancelCause(context.Background())
	return o, nil
}

// prepare makes what stands between the rule and the sink.
func (o *Outlet) prepare() error {
	p := o.prop
	o.dynamic = o.tuples || dynamic(o.cfg.Props)
	o.shape = shape{prop: p, parse: p.needsParsing(o.tuples), fields: fieldChoice{keep: p.fields, drop: p.exclude}}
	f, err := format.Lookup(p.format)
	if err != nil {
		return err
	}
	if !o.tuples {
		var message any
		if o.cfg.Message != nil {
			if message, err = o.cfg.Message(p.format, p.schemaID); err != nil {
				return err
			}
		}
		if o.coder.enc, err = f.NewEncoder(format.Config{Message: message, Delimiter: p.delimiter, SchemaID: p.schemaID, HasHeader: p.hasHeader, Fields: p.fields}); err != nil {
			return err
		}
		if o.coder.pack, err = newPacker(p.compression); err != nil {
			return err
		}
	}
	o.join = joiner{on: p.batching(), size: p.batchSize, linger: p.linger}
	o.signal, o.tellFunc = make(chan struct{}, 1), o.tell
	if o.discards {
		return nil
	}
	newQueue := o.cfg.Queue
	if newQueue == nil {
		newQueue = func(rows int) (Queue, error) { return NewMemoryQueue(rows), nil }
	}
	o.limit = max(p.bufferLength, p.batchSize)
	o.queue, err = newQueue(o.limit)
	return err
}

// Roomy tells whether a few rows can be sent without a wait.
func (o *Outlet) Roomy() bool {
	if o.discards {
		return true
	}
	_, rows := o.queue.Len()
	return rows < o.limit/2
}

// Stats counts what the sink was given: In are messages handed to the driver,
// Out those it has delivered, Buffered the rows that wait.
func (o *Outlet) Stats() *exec.Stats { return &o.stats }

// Link is the state of the sink's connection.
func (o *Outlet) Link() exec.LinkState { return o.link.State() }

// Steps are the operations in front of the sink, in order.
func (o *Outlet) Steps() []Step {
	s := []Step{{"transform", &o.transform}}
	if !o.tuples {
		s = append(s, Step{"encode", &o.encode})
	}
	return s
}

// Start begins to connect and to write.
func (o *Outlet) Start() {
	if o.started {
		return
	}
	o.started = true
	if o.discards {
		o.link.Connected()
		close(o.finished)
		return
	}
	go o.work()
}

// Send takes the results of the rule: with sendSingle each row is a message;
// else the content of a window (Span.Set) is one, and any other row is a list
// of one. It returns when they are in the queue and blocks while that is full.
// done, if it is not nil, is told once when they are safe: delivered, or
// refused for good and counted.
func (o *Outlet) Send(ctx context.Context, b row.Batch, done func(error)) error {
	now := clock.MS(o.cfg.Clock.Now())
	if o.discards {
		o.discard(&b, now)
	} else if o.shapeAll(&b, now); len(o.items) > 0 {
		return o.put(ctx, done)
	}
	if done != nil {
		done(nil)
	}
	return nil
}

// discard counts what a sink that keeps nothing would have been given.
func (o *Outlet) discard(b *row.Batch, now int64) {
	n := int64(len(b.Rows))
	if b.Span.Set && !o.prop.sendSingle {
		n = 1
	}
	o.stats.In.Add(n)
	o.stats.Out.Add(n)
	o.stats.LastInvocation.Store(now)
}

// put queues o.items.
func (o *Outlet) put(ctx context.Context, done func(error)) error {
	o.items[len(o.items)-1].done = done
	o.stats.Buffered.Add(weigh(o.items))
	n, err := o.queue.Put(ctx, o.items)
	if err != nil {
		o.stats.Buffered.Add(-weigh(o.items[n:]))
	}
	clear(o.items)
	if err != nil && done != nil {
		done(err)
	}
	return err
}

// weigh returns the rows in items.
func weigh(items []Item) (rows int64) {
	for i := range items {
		rows += int64(items[i].Weight)
	}
	return rows
}

// SendError sends the text of an error of the rule where results go.
func (o *Outlet) SendError(ctx context.Context, failure error) error {
	if o.discards {
		return nil
	}
	p := Payload{Err: failure, Single: o.prop.sendSingle}
	if o.tuples {
		p.Schema = errorSchema
		p.Rows = []row.Row{{Cols: []value.Value{value.OfString(failure.Error())}, TS: clock.MS(o.cfg.Clock.Now())}}
	} else {
		p.Data = []byte(failure.Error())
	}
	o.items = append(o.items[:0], Item{Payload: p, Weight: 1})
	return o.put(ctx, nil)
}

var errorSchema = &row.Schema{Cols: []value.Field{{Name: "error", Type: value.Type{Kind: value.String}}}}

// Flush waits until everything sent so far is settled, batches that are not
// full included.
func (o *Outlet) Flush(ctx context.Context) error {
	if o.discards {
		return nil
	}
	settled := make(chan error, 1)
	mark := []Item{{mark: true, done: func(err error) { settled <- err }}}
	if _, err := o.queue.Put(ctx, mark); err != nil {
		return err
	}
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// grace is how long a sink is given to return from a Write whose context ended.
const grace = 2 * time.Second

// Close takes nothing more, delivers what is queued and closes the sink. When
// ctx ends before, the rest is given up and counted in the error.
func (o *Outlet) Close(ctx context.Context) error {
	if !o.started {
		return nil
	}
	if o.discards {
		return nil
	}
	o.once.Do(func() {
		o.queue.Close()
		close(o.closing)
		if n, _ := o.queue.Len(); n == 0 {
			o.cancel(ErrClosed) // nothing to wait for: give up connecting too
		}
	})
	select {
	case <-o.finished:
	case <-ctx.Done():
		o.cancel(fmt.Errorf("outlet of rule %s is closing: %w", o.cfg.Rule, context.Cause(ctx)))
		tick, stop := o.cfg.Clock.After(grace)
		defer stop()
		select {
		case <-o.finished:
		case <-tick:
			return fmt.Errorf("sink %s does not stop", o.cfg.Name)
		}
	}
	if n, _ := o.queue.Len(); n > 0 {
		return fmt.Errorf("sink %s: %d messages were not delivered", o.cfg.Name, n)
	}
	return nil
}
