package appservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/appservice/declared"
	"github.com/edgesluice/sluice/appservice/metrics"
	"github.com/edgesluice/sluice/appservice/rest"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/devicemodel/kubeedge"
	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// engine is what works without EdgeX: database, catalog, rules and their REST
// API.
type engine struct {
	db      kv.DB
	catalog *catalog.Catalog
	rules   *rules.Set
	streams *autostream.Streams

	declared *declared.Set
	cfg      func() *config.Config
	log      *slog.Logger
	handler  http.Handler
}

// surroundings is what the engine is told by the service.
type surroundings struct {
	cfg   func() *config.Config
	log   *slog.Logger
	clock clock.Clock
	guard *guard
	// stored is told what was changed over REST.
	stored func(tree map[string]any) error
	stop   func()
	// listed is true if core-metadata tells of device profiles in this run.
	listed bool
	report func() map[string]any
	secret func(name, key string) (string, error)
	gauges func() []metrics.Gauge
}

func newEngine(s surroundings) (*engine, error) {
	cfg := s.cfg()
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, err
	}
	db, err := kv.Open(filepath.Join(cfg.DataDir, "sluice.db"), s.log)
	if err != nil {
		return nil, err
	}
	changed, err := newChanges(db, s.stored)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	cfg = s.cfg()
	dataserver.Default.SetAddr(address(cfg.HTTPPush.IP, cfg.HTTPPush.Port))
	cat, err := catalog.Open(catalog.Config{DB: db, Log: s.log, Sections: sections(s.cfg),
		Secret:   s.secret,
		Defaults: func(kind string) map[string]any { return s.cfg().SourceDefaults(kind) }})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	set := rules.New(rules.Config{DB: db, Catalog: cat, Clock: s.clock, Log: s.log, DataDir: cfg.DataDir,
		Defaults: cfg.Rule, IgnoreCase: cfg.IgnoreCase, Location: cfg.Location})
	e := &engine{db: db, catalog: cat, rules: set, log: s.log, cfg: s.cfg}
	e.streams = autostream.New(autostream.Config{Catalog: cat, Rules: set, Log: s.log, Name: cfg.Profiles.Name,
		Include: cfg.Profiles.Include, Exclude: cfg.Profiles.Exclude, Listed: s.listed})
	set.OnRelease(e.streams.Released)
	api := rest.Config{Catalog: cat, Rules: set, Clock: s.clock, Log: s.log, Version: Version,
		Metrics: metrics.Handler(set, s.gauges), Guard: s.guard.middleware, Forward: forward(cfg),
		Apply: changed.apply, Stop: s.stop, DataDir: cfg.DataDir, Report: s.report}
	e.handler = rest.New(api)
	api.Guard = nil // who can write the ConfigMap may do everything
	e.declared, err = declared.New(declared.Config{Catalog: cat, Rules: set, Streams: e.streams, DB: db, Log: s.log, Prefix: cfg.Bus.Prefix, Call: call(rest.New(api))})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return e, nil
}

// sections gives the catalog the conf keys of the configuration.
func sections(cfg func() *config.Config) func(catalog.Kind, string) map[string]map[string]any {
	return func(kind catalog.Kind, typ string) map[string]map[string]any {
		switch kind {
		case catalog.Sources:
			return cfg().ConfKeys(typ)
		case catalog.Conns:
			return cfg().Connections(typ)
		case catalog.Sinks:
			if typ == "kubeedge" { // it writes where the source of this name reads
				return map[string]map[string]any{"default": known(cfg().SourceDefaults(typ), sinkProps(typ))}
			}
		}
		return nil
	}
}

// start makes the streams of what is in files, and starts the rules that were
// running.
func (e *engine) start() error {
	e.catchAll()
	e.readProfiles()
	e.readModels()
	return e.rules.Load()
}

// catchAll makes or drops the stream with the events of all devices.
func (e *engine) catchAll() {
	cfg := e.cfg()
	err := e.streams.CatchAll(cfg.Profiles.CatchAll, ast.Options{Type: "edgex", Format: "JSON", Datasource: cfg.Bus.Prefix + "/events/device/#", Shared: "true"})
	if err != nil {
		e.log.Error("there is no stream of all devices", "err", err)
	}
}

// readProfiles makes the streams of the profiles in the configured folder.
func (e *engine) readProfiles() {
	cfg := e.cfg()
	var models []autostream.Model
	list := e.streams.List(autostream.Files, autostream.EdgeX)
	if cfg.Profiles.Folder != "" {
		profiles, err := edgex.ReadDir(cfg.Profiles.Folder)
		if err != nil {
			list.Report(fmt.Errorf("Sluice.Profiles.Folder: %w", err))
		}
		for i := range profiles {
			models = append(models, autostream.ProfileModel(&profiles[i], cfg.Bus.Prefix))
		}
	}
	list.Add(models)
	if err := list.Done(); err != nil {
		e.log.Warn("not every device profile has become a stream", "err", err)
	}
}

// readModels makes the streams of the KubeEdge models in the configured folder,
// and notes which devices are of them.
func (e *engine) readModels() {
	path := e.cfg().Profiles.Models
	var set kubeedge.Set
	list := e.streams.List(autostream.Files, autostream.KubeEdge)
	if path != "" {
		var err error
		if set, err = kubeedge.ReadDir(path); err != nil {
			list.Report(fmt.Errorf("Sluice.Profiles.Models: %w", err))
		}
	}
	devicemodel.Default.Replace(autostream.Files.String(), set.Models, set.Devices)
	list.Add(autostream.DeviceModels(set.Models))
	if err := list.Done(); err != nil {
		e.log.Warn("not every device model has become a stream", "err", err)
	}
}

// restart starts the running rules again that read a kind of source.
func (e *engine) restart(kind string) {
	for _, d := range e.catalog.Definitions(false, "") {
		if d.DriverName() != kind {
			continue
		}
		for _, id := range e.rules.Using(d.Name) {
			if st, err := e.rules.Status(id); err != nil || st.State != rules.Running {
				continue
			}
			if err := e.rules.Restart(id); err != nil {
				e.log.Error("rule does not start with the changed configuration", "rule", id, "err", err)
			}
		}
	}
}

// close stops the rules, saves their state and closes the database.
func (e *engine) close(ctx context.Context) error {
	e.rules.Close(ctx)
	return e.db.Close()
}

// sourceTypes returns the kinds of sources there are.
func sourceTypes() []string { return sources.Names() }

// sourceProps returns the declared properties of a kind of source.
func sourceProps(kind string) []string {
	d, err := sources.Lookup(kind)
	if err != nil {
		return nil
	}
	return declaredBy(d.Params)
}

// sinkProps returns those of a kind of sink.
func sinkProps(kind string) []string {
	d, err := sinks.Lookup(kind)
	if err != nil {
		return nil
	}
	return declaredBy(d.New().Params)
}

func declaredBy(params func(*param.Set)) (names []string) {
	set := param.New("")
	params(set)
	for _, s := range set.Specs() {
		names = append(names, s.Name)
	}
	return names
}

// known returns the properties that are among names.
func known(props map[string]any, names []string) map[string]any {
	out := map[string]any{}
	for name, v := range props {
		if slices.Contains(names, name) {
			out[name] = v
		}
	}
	return out
}
