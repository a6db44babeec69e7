package sources

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// HubConfig says what a Hub reads and how to decode it.
type HubConfig struct {
	Stream     string // name of the stream
	Datasource string // DATASOURCE option
	Source     Source // its properties are bound
	Shared     bool   // several rules may be attached

	Format    string       // FORMAT option; "" is json
	Delimiter string       // DELIMITER option
	SchemaID  string       // SCHEMAID option
	Message   any          // what it names (format.Config.Message)
	Strict    bool         // STRICT_VALIDATION option
	Declared  *row.Schema  // declared columns, nil if schemaless
	Payload   PayloadProps // properties that all sources have

	TimestampFormat string         // TIMESTAMP_FORMAT option
	Loc             *time.Location // of times without a zone; nil: UTC

	Resume   []byte        // where to start, from a checkpoint; nil: afresh
	Patience time.Duration // how long a rule that may lose rows is waited for; 0 is a second
	DataDir  string
	Log      *slog.Logger
	Clock    clock.Clock
}

// The pauses before a source is run again after a failure.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// ErrDetached is what a Message's Ack is told when every rule that should have
// had the message went away before.
var ErrDetached = errors.New("no rule has taken the message")

// Hub reads one source for all rules on it: every message is decoded once, for
// the columns that any of them wants, and the same rows go to the inbox of each.
//
//	hub, err := sources.NewHub(sources.HubConfig{Stream: "demo", Source: src, Shared: true, ...})
//	tap, err := hub.Attach(inbox, 0, sources.Want{Schema: columns})
//	hub.Start()
//	...
//	tap.Detach()
//	err = hub.Close(ctx)
//
// The source is read, and its messages are decoded and handed out, in one
// goroutine. All methods may be called from any goroutine.
type Hub struct {
	cfg   HubConfig
	log   *slog.Logger
	link  *exec.Link
	stats exec.Stats

	ctx    context.Context
	cancel context.CancelFunc
	start  sync.Once
	done   chan struct{} // closed when the reading goroutine has ended

	mu    sync.Mutex // guards changes of plan and ended
	plan  atomic.Pointer[plan]
	ended bool // the source is exhausted

	turn    sync.Mutex // held while a message is handed out; guards the rest
	now     int64      // of the message at hand
	at      int64      // when it arrived, ms
	timed   bool       // its rows have times of their own
	rows    []row.Row  // of the message at hand
	into    row.Batch  // what the decoder fills
	bad     int        // events the decoder refused
	late    []*Tap     // inboxes that had no room for the message at hand
	offset  []byte     // behind the last message
	mapped  mapping    // for messages that come as rows
	sampled sampler

	throttle throttle
	direct   bool     // the message at hand may be run in this goroutine
	given    Delivery // what rules are run on

	failFunc func(error) // h.fail, made once
}

// NewHub checks the configuration. The source is not touched before Start.
func NewHub(cfg HubConfig) (*Hub, error) {
	if cfg.Source == nil {
		return nil, fmt.Errorf("stream %q has no source", cfg.Stream)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Wall
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Second
	}
	h := &Hub{cfg: cfg, log: cfg.Log.With("stream", cfg.Stream), link: exec.NewLink(cfg.Clock), done: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.failFunc = h.fail
	first := &plan{schema: &row.Schema{}}
	if err := h.compile(first); err != nil {
		h.cancel()
		return nil, fmt.Errorf("stream %q: %w", cfg.Stream, err)
	}
	h.plan.Store(first)
	return h, nil
}

// Stats counts for the whole source: In are messages, Out rows.
func (h *Hub) Stats() *exec.Stats { return &h.stats }

// Skipped returns how many values the source left out of rows.
func (h *Hub) Skipped() int64 {
	if s, ok := h.cfg.Source.(Skipping); ok {
		return s.Skipped()
	}
	return 0
}

// Link is the state of the source's connection.
func (h *Hub) Link() exec.LinkState { return h.link.State() }

// Start begins to read. It does nothing when called again.
func (h *Hub) Start() {
	h.start.Do(func() { go h.read() })
}

// Close stops reading and waits for the source to let go, or for ctx to end.
// Rules that are still attached get nothing more.
func (h *Hub) Close(ctx context.Context) error {
	h.cancel()
	h.start.Do(func() { close(h.done) })
	select {
	case <-h.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stream %q: the source does not stop: %w", h.cfg.Stream, ctx.Err())
	}
}

// read runs the source until it is exhausted or the hub is closed.
func (h *Hub) read() {
	defer close(h.done)
	pause := firstPause
	for {
		began, before := h.cfg.Clock.Now(), h.stats.In.Load()
		err := h.run()
		switch {
		case h.ctx.Err() != nil:
			return
		case err == nil:
			h.end()
			return
		}
		h.link.Disconnected(err)
		h.stats.Failed(err, clock.MS(h.cfg.Clock.Now()))
		if h.stats.In.Load() != before || h.cfg.Clock.Now().Sub(began) > lastPause {
			pause = firstPause
		}
		h.log.Warn("source failed, it is run again", "in", pause, "error", err)
		if !h.sleep(pause/2 + rand.N(pause)) {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// run calls the source once; a panic in the driver is an error like any other.
func (h *Hub) run() (err error) {
	defer func() {
		if x := recover(); x != nil {
			h.log.Error("source panicked", "panic", x, "stack", string(debug.Stack()))
			err = fmt.Errorf("source panicked: %v", x)
		}
	}()
	h.turn.Lock()
	resume := h.offset
	h.turn.Unlock()
	if resume == nil {
		resume = h.cfg.Resume
	}
	h.link.Connecting()
	return h.cfg.Source.Run(h.ctx, Env{
		Stream: h.cfg.Stream, Datasource: h.cfg.Datasource, DataDir: h.cfg.DataDir,
		Log: h.log, Clock: h.cfg.Clock, Status: h.link, Resume: resume,
	}, h.deliver)
}

// sleep is false when the hub is closed meanwhile.
func (h *Hub) sleep(d time.Duration) bool {
	tick, stop := h.cfg.Clock.After(d)
	defer stop()
	select {
	case <-tick:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// end tells all rules that nothing more will come.
func (h *Hub) end() {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for _, t := range h.plan.Load().taps {
		t.in.note(t, Delivery{End: true})
	}
}

// Finite tells whether the source comes to an end.
func (h *Hub) Finite() bool {
	f, ok := h.cfg.Source.(Finite)
	return ok && f.Finite()
}
