package rules

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// feed is one stream or scan table on its way into a run.
type feed struct {
	name   string
	table  bool
	offset []byte // behind the last delivery that was pushed
	ended  bool

	tap  *sources.Tap
	hub  *sources.Hub
	gone func(context.Context) // lets go of the hub
}

// node returns the counters of this rule's share of the source.
func (f *feed) node() Node {
	return Node{Kind: "source", Name: f.name, Stats: f.tap.Stats(), Link: f.hub.Link, Extra: func() []Metric {
		var ms []Metric
		if n := f.tap.Dropped(); n > 0 {
			ms = append(ms, Metric{"dropped_total", n})
		}
		if n := f.hub.Skipped(); n > 0 {
			ms = append(ms, Metric{"skipped_values_total", n})
		}
		return ms
	}}
}

func (f *feed) close(ctx context.Context) {
	f.tap.Detach()
	f.gone(ctx)
}

// hubs opens the sources of runs. A stream that is SHARED has one hub for all
// rules on it; any other gets one for each run, so that a slow rule holds up
// nobody else.
type hubs struct {
	catalog *catalog.Catalog
	dataDir string
	loc     *time.Location
	clock   clock.Clock
	log     *slog.Logger

	mu     sync.Mutex
	shared map[string]*sharedHub // by definition text: a replaced stream is another one
}

type sharedHub struct {
	*sources.Hub
	rules int
}

// check tells whether the source of a stream could be opened.
func (h *hubs) check(name string) error {
	spec, err := h.catalog.Source(name)
	if err != nil {
		return err
	}
	_, err = h.open(spec, nil)
	return err
}

// open makes the hub of a stream.
func (h *hubs) open(spec *catalog.Source, resume []byte) (*sources.Hub, error) {
	src, common, err := sources.Open(spec.DriverName(), spec.Props)
	if err != nil {
		return nil, fmt.Errorf("stream %q: %w", spec.Name, err)
	}
	cfg := h.config(spec.Definition, src, common, resume)
	if cfg.Message, err = h.catalog.Message(cfg.Format, cfg.SchemaID); err != nil {
		return nil, fmt.Errorf("stream %q: %w", spec.Name, err)
	}
	return sources.NewHub(cfg)
}

func (h *hubs) config(d *catalog.Definition, src sources.Source, common sources.PayloadProps, resume []byte) sources.HubConfig {
	o := &d.Options
	cfg := sources.HubConfig{
		Stream: d.Name, Datasource: o.Datasource, Source: src, Shared: d.Shared(), Payload: common,
		Format: d.Format(), Delimiter: o.Delimiter, SchemaID: o.SchemaID, Strict: d.Strict(),
		TimestampFormat: o.TimestampFormat, Loc: h.loc,
		Resume: resume, DataDir: h.dataDir, Log: h.log, Clock: h.clock,
	}
	if len(d.Cols) > 0 {
		cfg.Declared = d.Declared()
	}
	return cfg
}

// attach opens, or finds, the hub of a stream and ties the run's inbox to it.
// The hub is read after start was called.
func (h *hubs) attach(r *run, number int, input sqlfn.Input, resume []byte) (f *feed, start func(), err error) {
	hub, gone, err := h.hubFor(input.Stream, r.mocks[input.Stream], resume)
	if err != nil {
		return nil, nil, err
	}
	o := &r.rule.Options
	inbox := r.in
	if input.Table {
		inbox = r.side
	}
	tap, err := hub.Attach(inbox, number, sources.Want{
		Schema: input.Want, Meta: input.Meta, Errors: true, Lossless: o.QoS > 0 || o.Block,
	})
	if err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		gone(ctx)
		return nil, nil, err
	}
	return &feed{name: input.Stream, table: input.Table, tap: tap, hub: hub, gone: gone, offset: resume}, hub.Start, nil
}

// hubFor returns the hub to attach to and the function that lets go of it. src
// is a source in place of the stream's own, or nil.
func (h *hubs) hubFor(stream string, src sources.Source, resume []byte) (*sources.Hub, func(context.Context), error) {
	own := func(hub *sources.Hub, err error) (*sources.Hub, func(context.Context), error) {
		return hub, func(ctx context.Context) { h.stop(ctx, hub) }, err
	}
	if src != nil {
		d, ok := h.catalog.Lookup(stream)
		if !ok {
			d = &catalog.Definition{Create: &ast.Create{Name: stream}}
		}
		cfg := h.config(d, src, sources.PayloadProps{}, nil)
		cfg.Shared, cfg.Format = false, "json"
		return own(sources.NewHub(cfg))
	}
	spec, err := h.catalog.Source(stream)
	if err != nil {
		return nil, nil, err
	}
	if !spec.Shared() {
		return own(h.open(spec, resume))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := spec.Text
	s := h.shared[key]
	if s == nil {
		hub, err := h.open(spec, resume)
		if err != nil {
			return nil, nil, err
		}
		s = &sharedHub{Hub: hub}
		h.shared[key] = s
	}
	s.rules++
	return s.Hub, func(ctx context.Context) { h.leave(ctx, key, s) }, nil
}

// leave closes a shared hub when the last rule has left it.
func (h *hubs) leave(ctx context.Context, key string, s *sharedHub) {
	h.mu.Lock()
	s.rules--
	last := s.rules == 0
	if last && h.shared[key] == s {
		delete(h.shared, key)
	}
	h.mu.Unlock()
	if last {
		h.stop(ctx, s.Hub)
	}
}

func (h *hubs) stop(ctx context.Context, hub *sources.Hub) {
	if err := hub.Close(ctx); err != nil {
		h.log.Warn("source did not stop", "error", err)
	}
}
