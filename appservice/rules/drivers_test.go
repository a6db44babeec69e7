package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// lab is where tests meet their sources and sinks: a stream's DATASOURCE and a
// sink's "into" name a place in it.
var lab = struct {
	sync.Mutex
	feeds map[string]*feeder
	kept  map[string]*keeper
}{feeds: map[string]*feeder{}, kept: map[string]*keeper{}}

// feeder is a source that a test holds in its hand: it delivers what add gives
// it, from the resumed offset on, and is exhausted after end.
type feeder struct {
	mu    sync.Mutex
	rows  []string
	ended bool
	more  chan struct{} // closed when rows or ended change
	opens int           // how often it was run
	live  int           // how many run now
	acked []error
}

func feed_(name string) *feeder {
	lab.Lock()
	defer lab.Unlock()
	f := lab.feeds[name]
	if f == nil {
		f = &feeder{more: make(chan struct{})}
		lab.feeds[name] = f
	}
	return f
}

func (f *feeder) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.more)
	f.more = make(chan struct{})
}

func (f *feeder) add(rows ...string) { f.change(func() { f.rows = append(f.rows, rows...) }) }
func (f *feeder) end()               { f.change(func() { f.ended = true }) }

func (f *feeder) look(at int) (row string, ok, ended bool, more chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at < len(f.rows) {
		return f.rows[at], true, false, nil
	}
	return "", false, f.ended, f.more
}

func (f *feeder) count() (opens, live int, acked []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opens, f.live, append([]error(nil), f.acked...)
}

// hand is the driver: it runs the feeder named by DATASOURCE.
type hand struct{ fromEnd, finite bool }

func (h *hand) Params(p *param.Set) {
	p.Bool(&h.fromEnd, "fromEnd", false, param.T("without an offset, deliver only what comes", "仅发送新到的数据"))
	p.Bool(&h.finite, "finite", false, param.T("it comes to an end", "数据有尽头"))
}

func (h *hand) Rewindable() bool { return true }

func (h *hand) Finite() bool { return h.finite }

func (h *hand) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	f := feed_(env.Datasource)
	f.mu.Lock()
	f.opens++
	f.live++
	at := 0
	if h.fromEnd {
		at = len(f.rows)
	}
	f.mu.Unlock()
	defer f.change(func() { f.live-- })
	if len(env.Resume) == 8 {
		at = int(binary.BigEndian.Uint64(env.Resume))
	}
	env.Status.Connected()
	for {
		row, ok, ended, more := f.look(at)
		switch {
		case ok:
			at++
			err := deliver(sources.Message{Payload: []byte(row), Offset: binary.BigEndian.AppendUint64(nil, uint64(at)), Ack: func(err error) {
				f.change(func() { f.acked = append(f.acked, err) })
			}})
			if err != nil {
				return err
			}
		case ended:
			return nil
		default:
			select {
			case <-more:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// keeper has what was written to a sink.
type keeper struct {
	mu     sync.Mutex
	got    []string
	closed int
	more   chan struct{}
	onDone func() // called in Close
}

func kept(name string) *keeper {
	lab.Lock()
	defer lab.Unlock()
	k := lab.kept[name]
	if k == nil {
		k = &keeper{more: make(chan struct{})}
		lab.kept[name] = k
	}
	return k
}

func (k *keeper) change(do func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	do()
	close(k.more)
	k.more = make(chan struct{})
}

// patience is how long tests wait for something that should happen soon.
const patience = 10 * time.Second

// want waits until n payloads are there and compares all with want.
func (k *keeper) want(t *testing.T, want ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		k.mu.Lock()
		got, more := append([]string(nil), k.got...), k.more
		k.mu.Unlock()
		if len(got) >= len(want) {
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("sink has\n%q, want\n%q", got, want)
			}
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("sink has only\n%q, want\n%q", got, want)
		}
	}
}

// shelf is the driver of the sink: it writes to the keeper named by "into".
type shelf struct {
	into string
	k    *keeper
}

func (s *shelf) Params(p *param.Set) {
	p.String(&s.into, "into", "", param.T("name of the keeper", "名称"), param.Required())
}

func (s *shelf) Connect(_ context.Context, env sinks.Env) error {
	s.k = kept(s.into)
	env.Status.Connected()
	return nil
}

func (s *shelf) Write(_ context.Context, p sinks.Payload) error {
	s.k.change(func() { s.k.got = append(s.k.got, string(p.Data)) })
	return nil
}

func (s *shelf) Close() error {
	if s.k == nil {
		return nil
	}
	if s.k.onDone != nil {
		s.k.onDone()
	}
	s.k.change(func() { s.k.closed++ })
	return nil
}

// away is a sink whose far side never answers.
type away struct{}

func (away) Params(*param.Set)                          {}
func (away) Connect(context.Context, sinks.Env) error   { return errBoom }
func (away) Write(context.Context, sinks.Payload) error { return errBoom }
func (away) Close() error                               { return nil }

func init() {
	sinks.Register(&sinks.Driver{Name: "away", New: func() sinks.Sink { return away{} }})
	sources.Register(&sources.Driver{Name: "hand", Table: true, New: func() sources.Source { return &hand{} }})
	sinks.Register(&sinks.Driver{Name: "shelf", New: func() sinks.Sink { return &shelf{} }})
}

// bench is a Set over a database, with sources and sinks of its own.
type bench struct {
	*Set
	db    kv.DB
	cat   *catalog.Catalog
	clock *clock.Virtual
	name  string // begins the names in the lab
}

var benches atomic.Int32

var start = time.UnixMilli(1_700_000_000_000)

// newBench makes a Set over db; nil is an empty one.
func newBench(t *testing.T, db kv.DB, change ...func(*Config)) *bench {
	t.Helper()
	if db == nil {
		db = kv.NewMemory()
	}
	log := slog.New(slog.DiscardHandler)
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{db: db, cat: cat, clock: clock.NewVirtual(start), name: fmt.Sprintf("%s-%d", t.Name(), benches.Add(1))}
	cfg := Config{DB: db, Catalog: cat, Clock: b.clock, Log: log, Location: time.UTC, DataDir: t.TempDir()}
	for _, f := range change {
		f(&cfg)
	}
	b.Set = New(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// stream declares a stream over the feeder of that name and returns it.
func (b *bench) stream(t *testing.T, name, with string) *feeder {
	t.Helper()
	_, err := b.cat.Exec(fmt.Sprintf(`CREATE STREAM %s () WITH (TYPE="hand", DATASOURCE="%s/%s", FORMAT="JSON"%s)`, name, b.name, name, with))
	if err != nil {
		t.Fatal(err)
	}
	return feed_(b.name + "/" + name)
}

// sink returns the keeper that rule(id) writes to.
func (b *bench) sink(id string) *keeper { return kept(b.name + "/" + id) }

// text is a rule into the keeper of its id.
func (b *bench) text(id, sql, options string) string {
	return fmt.Sprintf(`{"id": %q, "sql": %q, "actions": [{"shelf": {"into": "%s/%s"}}], "options": {%s}}`, id, sql, b.name, id, options)
}

// rule creates and starts a rule.
func (b *bench) rule(t *testing.T, id, sql, options string) *keeper {
	t.Helper()
	if _, err := b.Create([]byte(b.text(id, sql, options))); err != nil {
		t.Fatal(err)
	}
	return b.sink(id)
}

// state waits until a rule has a state.
func (b *bench) state(t *testing.T, id string, want State) Status {
	t.Helper()
	return b.until(t, id, string(want), func(st Status) bool { return st.State == want })
}

func (b *bench) until(t *testing.T, id, what string, ok func(Status) bool) Status {
	t.Helper()
	poll, deadline := time.NewTicker(time.Millisecond), time.After(patience)
	defer poll.Stop()
	for {
		st, err := b.Status(id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(st) {
			return st
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("rule %s is not %s but %q: %s", id, what, st.State, st.Message)
		}
	}
}

// advance moves the clock in steps until a rule has a state.
func (b *bench) advance(t *testing.T, step time.Duration, id string, want State) Status {
	t.Helper()
	return b.until(t, id, string(want), func(st Status) bool {
		if st.State == want {
			return true
		}
		b.clock.Set(b.clock.Now().Add(step))
		return false
	})
}

// compileWith wraps the real compiler.
func compileWith(wrap func(id string, p Pipeline) Pipeline) func(*Config) {
	return func(c *Config) {
		c.Compile = func(sel *ast.Select, cat sqlfn.Catalog, opt sqlfn.Options) (Pipeline, error) {
			p, err := sqlfn.Compile(sel, cat, opt)
			if err != nil {
				return nil, err
			}
			return wrap(opt.Rule, p), nil
		}
	}
}

var errBoom = errors.New("boom")
