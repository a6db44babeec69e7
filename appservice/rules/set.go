// Package rules runs rules: it keeps their definitions, compiles their SQL,
// ties sources to pipelines to sinks, and starts, stops, schedules, restarts
// and checkpoints them.
//
//	set, err := rules.New(rules.Config{DB: db, Catalog: cat, Clock: clock.Wall, Log: log})
//	set.Load()                            // starts what ran before
//	id, err := set.Create([]byte(`{"id": "r1", "sql": "SELECT * FROM demo", "actions": [{"log": {}}]}`))
//	...
//	set.Close(ctx)
//
// Every started rule has one goroutine, which reads its inbox, pushes rows
// through the pipeline and alone takes checkpoints. All methods of Set are safe
// for concurrent use.
package rules

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn"
	_ "github.com/edgesluice/sluice/sqlfn/format/all" // what FORMAT may name
	"github.com/edgesluice/sluice/sqlfn/state"
)

// Config is what a Set needs.
type Config struct {
	DB      kv.DB
	Catalog *catalog.Catalog
	Clock   clock.Clock
	Log     *slog.Logger

	Checkpoints state.Store    // nil: in DB
	DataDir     string         // for relative paths of sources and sinks
	Defaults    map[string]any // options of rules that do not set them
	IgnoreCase  bool           // column names match in any case
	Location    *time.Location // nil: local
	Functions   *fn.Registry   // nil: the built-in ones

	// Compile makes a pipeline; nil: sqlfn.Compile.
	Compile func(*ast.Select, sqlfn.Catalog, sqlfn.Options) (Pipeline, error)
}

// Set is all rules of the service.
type Set struct {
	cfg     Config
	hubs    *hubs
	lookups *lookups

	onRelease func(streams []string)

	mu      sync.Mutex
	entries map[string]*entry
	closed  bool
}

// New returns a Set without rules; Load reads those of the database.
func New(cfg Config) *Set {
	if cfg.Checkpoints == nil {
		cfg.Checkpoints = kv.CheckpointStore(cfg.DB)
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	if cfg.Compile == nil {
		cfg.Compile = compile
	}
	s := &Set{
		cfg:     cfg,
		entries: map[string]*entry{},
		hubs: &hubs{
			catalog: cfg.Catalog, dataDir: cfg.DataDir, loc: cfg.Location, clock: cfg.Clock, log: cfg.Log,
			shared: map[string]*sharedHub{},
		},
		lookups: &lookups{catalog: cfg.Catalog, dataDir: cfg.DataDir, clock: cfg.Clock, log: cfg.Log, open: map[string]*lookup{}},
	}
	cfg.Catalog.OnChange(s.lookups.changed)
	return s
}

func compile(sel *ast.Select, cat sqlfn.Catalog, opt sqlfn.Options) (Pipeline, error) {
	return sqlfn.Compile(sel, cat, opt)
}

// Load reads the stored rules and starts those that are triggered. A rule that
// cannot be read or started is there, stopped by an error.
func (s *Set) Load() error {
	s.lookups.openAll()
	var loaded []*entry
	err := s.cfg.DB.Each(kv.Rules, func(id string, text []byte) error {
		loaded = append(loaded, s.entryOf(id, text))
		return nil
	})
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	s.mu.Lock()
	for _, e := range loaded {
		s.entries[e.id] = e
	}
	err = s.loadSuspended()
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	for _, e := range loaded {
		if e.rule != nil && e.rule.Triggered && e.held == nil {
			e.op.Lock()
			s.start(e, nil)
			e.op.Unlock()
		}
	}
	return nil
}

// entryOf parses a stored rule.
func (s *Set) entryOf(id string, text []byte) *entry {
	r, err := parseRule(text, id, s.cfg.Defaults, s.cfg.Location)
	if err != nil {
		s.cfg.Log.Error("stored rule cannot be read", "rule", id, "error", err)
		return &entry{id: id, text: text, status: Status{State: Failed, Message: err.Error()}}
	}
	r.ID = id
	return newEntry(r)
}

// Create stores a new rule and starts it unless it says triggered: false.
func (s *Set) Create(text []byte) (id string, err error) {
	r, err := s.parse(text, "")
	if err != nil {
		return "", err
	}
	return r.ID, s.add(r)
}

func (s *Set) parse(text []byte, id string) (*Rule, error) {
	return parseRule(text, id, s.cfg.Defaults, s.cfg.Location)
}

func (s *Set) add(r *Rule) error {
	exists := diag.New(diag.Undefined, "rule %s already exists", r.ID)
	if _, err := s.find(r.ID, ""); err == nil {
		return exists
	}
	first, err := s.prepare(r)
	if err != nil {
		return err
	}
	e := newEntry(r)
	e.op.Lock()
	defer e.op.Unlock()
	s.mu.Lock()
	switch {
	case s.closed:
		err = errShutdown
	case s.entries[r.ID] != nil:
		err = exists
	default:
		s.entries[r.ID] = e
	}
	s.mu.Unlock()
	if err == nil {
		if err = s.save(r); err != nil {
			s.forget(r.ID)
		}
	}
	if err != nil {
		first.discard()
		return err
	}
	if !r.Triggered {
		first.discard()
		return nil
	}
	s.start(e, first)
	return nil
}

func (s *Set) save(r *Rule) error {
	if r.Temp {
		return nil
	}
	return s.cfg.DB.Put(kv.Rules, r.ID, r.Text)
}

func (s *Set) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, id)
}

// Update replaces a rule, or creates it. An invalid new rule leaves the old one
// as it is.
func (s *Set) Update(id string, text []byte) error {
	r, err := s.parse(text, id)
	if err != nil {
		return err
	}
	if r.ID != id {
		return diag.New(diag.Undefined, "Invalid rule json: RuleId is not consistent with rule id.")
	}
	e, err := s.hold(id)
	if err != nil {
		return s.add(r)
	}
	old := e.definition()
	defer s.released(old)
	defer e.op.Unlock()
	if old != nil && r.Version < old.Version {
		return diag.New(diag.Undefined, "rule %s already exists with version (%s), new version (%s) is lower", id, old.Version, r.Version)
	}
	first, err := s.prepare(r)
	if err != nil {
		return err
	}
	if err := s.save(r); err != nil {
		first.discard()
		return err
	}
	s.release(e)
	s.stop(e, errStopped)
	e.replace(r)
	if !r.Triggered {
		first.discard()
		return nil
	}
	s.start(e, first)
	return nil
}

// Delete stops and removes a rule and its checkpoint.
func (s *Set) Delete(id string) error {
	e, err := s.hold(id)
	if err != nil {
		return diag.New(diag.Undefined, "Delete rule error: rule %s not found", id)
	}
	defer s.released(e.definition())
	defer e.op.Unlock()
	s.release(e)
	s.stop(e, errDropped)
	if err := s.cfg.DB.Delete(kv.Rules, id); err != nil {
		return err
	}
	s.forget(id)
	return s.cfg.Checkpoints.Drop(context.Background(), id)
}

// OnRelease has f called with the streams that a rule read, after it was
// deleted or replaced. It must be called before the Set is used by several
// goroutines.
func (s *Set) OnRelease(f func(streams []string)) { s.onRelease = f }

// released tells that a rule does not read its streams any more; r may be nil.
func (s *Set) released(r *Rule) {
	if s.onRelease != nil && r != nil {
		s.onRelease(r.Streams())
	}
}

// find returns a rule's entry; verb begins the error for an unknown id.
func (s *Set) find(id, verb string) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil {
		return e, nil
	}
	return nil, diag.New(diag.NotFound, "%s", verb+"Rule "+id+" is not found")
}

// hold returns a rule's entry with op held. The rule may have been deleted, and
// made anew, while we waited for it.
func (s *Set) hold(id string) (*entry, error) {
	for {
		e, err := s.find(id, "")
		if err != nil {
			return nil, err
		}
		e.op.Lock()
		if current, err := s.find(id, ""); err == nil && current == e {
			return e, nil
		}
		e.op.Unlock()
	}
}

// all returns the entries sorted by id.
func (s *Set) all() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var es []*entry
	for _, id := range slices.Sorted(maps.Keys(s.entries)) {
		es = append(es, s.entries[id])
	}
	return es
}

// Start starts a rule; one that runs goes on.
func (s *Set) Start(id string) error {
	return s.change(id, "start", func(e *entry) error {
		if err := s.setTriggered(e, true); err != nil {
			return err
		}
		s.start(e, nil)
		return nil
	})
}

// Stop stops a rule.
func (s *Set) Stop(id string) error {
	return s.change(id, "stop", func(e *entry) error {
		if err := s.setTriggered(e, false); err != nil {
			return err
		}
		s.stop(e, errStopped)
		return nil
	})
}

// Restart stops and starts a rule.
func (s *Set) Restart(id string) error {
	return s.change(id, "restart", func(e *entry) error {
		if err := s.setTriggered(e, true); err != nil {
			return err
		}
		s.stop(e, errStopped)
		s.start(e, nil)
		return nil
	})
}

func (s *Set) change(id, verb string, do func(*entry) error) error {
	e, err := s.hold(id)
	if err != nil {
		return diag.New(diag.NotFound, "%s rule error: Rule %s is not found in registry, please check if it is created", verb, id)
	}
	defer e.op.Unlock()
	if r := e.definition(); r == nil {
		return diag.New(diag.Undefined, "%s rule error: %s", verb, e.snapshot().Message)
	}
	s.release(e) // from here on the user decides
	return do(e)
}

// setTriggered remembers whether the rule is to run after a restart of the
// service.
func (s *Set) setTriggered(e *entry, on bool) error {
	r := e.definition()
	if r.Triggered == on {
		return nil
	}
	changed := *r
	var err error
	if changed.Text, err = withTriggered(r.Text, on); err != nil {
		return err
	}
	changed.Triggered = on
	if err := s.save(&changed); err != nil {
		return err
	}
	e.replace(&changed)
	return nil
}

// Close stops all rules; they run again when the service is started again.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, e := range s.all() {
		wg.Go(func() {
			e.op.Lock()
			defer e.op.Unlock()
			s.stop(e, errShutdown)
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
		s.lookups.closeAll()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rules: some do not stop: %w", ctx.Err())
	}
}
