// Package autostream keeps one typed stream for each EdgeX device profile and
// each KubeEdge device model: from files, from core-metadata and its events,
// from a mounted ConfigMap.
//
//	streams := autostream.New(autostream.Config{Catalog: cat, Rules: set, Log: log})
//	err := streams.Replace(autostream.Files, autostream.EdgeX, models)
//	go autostream.NewMetadata(...).Run(ctx)
//
// A profile that is known from several places counts once: what the ConfigMap
// says wins over core-metadata, and that over files. All methods are safe for
// concurrent use; rules follow a change before the call returns.
package autostream

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// The kinds of models.
const (
	EdgeX    = "edgex"
	KubeEdge = "kubeedge"
)

// Place is where models are known from; later ones win.
type Place int

// The places.
const (
	Files Place = iota
	Metadata
	ConfigMap
)

var placeNames = [...]string{"files", "core-metadata", "ConfigMap"}

func (p Place) String() string { return placeNames[p] }

// Model is a device profile or model of which there is to be a stream.
type Model struct {
	Kind    string // EdgeX or KubeEdge
	Model   devicemodel.Model
	Options ast.Options
	Vars    map[string]any // what the name template sees beside Name
}

// Rules are what reads the streams; *rules.Set is one.
type Rules interface {
	Using(stream string) []string
	Follow(stream, because string)
}

// Config is what Streams needs.
type Config struct {
	Catalog *catalog.Catalog
	Rules   Rules
	Log     *slog.Logger
	Name    param.Template // of a stream, {{.Name}}; what a name cannot have becomes an underscore
	Include []string       // patterns of model names; empty: all
	Exclude []string
	// Listed is true if core-metadata is asked in this run: then its profiles
	// win over files of the same name even while it is away.
	Listed bool
}

// Streams makes, changes and removes the streams.
type Streams struct {
	cfg Config

	mu       sync.Mutex
	models   map[Place]map[id]*Model // without those of core-metadata: they are in the catalog
	problems map[problem]error
}

// problem is what went wrong with a model, or without a name with all that a
// place said of a kind.
type problem struct {
	place Place
	id
}

// id tells models apart.
type id struct{ kind, name string }

func (m *Model) id() id { return id{m.Kind, m.Model.Name} }

// New returns the keeper of the streams in a catalog. What earlier runs made
// stays until its place says otherwise.
func New(cfg Config) *Streams {
	if cfg.Name.Text == "" {
		cfg.Name, _ = param.NewTemplate("name", "{{.Name}}")
	}
	return &Streams{cfg: cfg, models: map[Place]map[id]*Model{Files: {}, Metadata: {}, ConfigMap: {}}, problems: map[problem]error{}}
}

// Replace makes models all that a place knows of a kind: their streams are made
// or changed, those of others are removed. The error names what could not be
// made; the rest is.
func (s *Streams) Replace(place Place, kind string, models []Model) error {
	l := s.List(place, kind)
	l.Add(models)
	return l.Done()
}

// Listing is Replace in parts: thousands of profiles are not held at once.
type Listing struct {
	s     *Streams
	place Place
	kind  string
	seen  map[id]bool
	errs  []error
}

// List begins to replace what a place knows of a kind.
func (s *Streams) List(place Place, kind string) *Listing {
	return &Listing{s: s, place: place, kind: kind, seen: map[id]bool{}}
}

// Add makes or changes the streams of some models.
func (l *Listing) Add(models []Model) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	fresh := make([]Model, 0, len(models))
	for _, m := range models {
		if l.seen[m.id()] {
			l.errs = append(l.errs, fmt.Errorf("%s %q is there twice in %s, the first one counts", title(m.Kind), m.Model.Name, l.place))
			continue
		}
		l.seen[m.id()] = true
		fresh = append(fresh, m)
	}
	for i := range fresh {
		l.s.remember(l.place, &fresh[i])
	}
	if err := l.s.make(l.place, fresh); err != nil {
		l.errs = append(l.errs, err)
	}
}

// Report adds what is wrong with models before they are added.
func (l *Listing) Report(err error) { l.errs = append(l.errs, err) }

// Done removes the streams of models that were not added.
func (l *Listing) Done() error {
	s := l.s
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.models[l.place], func(i id, _ *Model) bool { return i.kind == l.kind && !l.seen[i] })
	for _, gone := range s.madeBy(l.place, l.kind) {
		if !l.seen[id{l.kind, gone}] {
			s.remove(l.place, l.kind, gone)
		}
	}
	s.sweep(l.kind)
	maps.DeleteFunc(s.problems, func(p problem, _ error) bool { return p.place == l.place && p.kind == l.kind })
	return s.note(problem{l.place, id{kind: l.kind}}, errors.Join(l.errs...))
}

// Put adds a model to what a place knows, or changes it.
func (s *Streams) Put(place Place, m Model) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remember(place, &m)
	return s.note(problem{place, m.id()}, s.make(place, []Model{m}))
}

func (s *Streams) note(p problem, err error) error {
	if err == nil {
		delete(s.problems, p)
	} else {
		s.problems[p] = err
	}
	return err
}

// Remove takes a model out of what a place knows.
func (s *Streams) Remove(place Place, kind, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.models[place], id{kind, name})
	delete(s.problems, problem{place, id{kind, name}})
	s.remove(place, kind, name)
}

// Knows tells whether a model has a stream, or is not to have one.
func (s *Streams) Knows(kind, name string) bool {
	return !s.wanted(name) || s.cfg.Catalog.MadeOf(kind, name) != ""
}

// remember keeps a model for the case that it is hidden by a place that wins,
// or hides others. The thousands of core-metadata are in the catalog.
func (s *Streams) remember(place Place, m *Model) {
	if place == Metadata {
		return
	}
	s.models[place][m.id()] = m
}

// make makes the streams of models that no winning place has; s.mu is held.
func (s *Streams) make(place Place, models []Model) error {
	names := s.names()
	var streams []catalog.Made
	var errs []error
	for i := range models {
		m := &models[i]
		if !s.wanted(m.Model.Name) {
			s.remove(place, m.Kind, m.Model.Name)
			continue
		}
		if s.hidden(place, m) {
			continue
		}
		made, err := s.stream(place, m, names)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		streams = append(streams, made)
	}
	changed, failed := s.cfg.Catalog.Make(streams)
	s.follow(changed)
	return errors.Join(append(errs, failed...)...)
}

// logEach is how many changes at once are logged one by one.
const logEach = 20

// follow brings the rules in line with streams that have changed.
func (s *Streams) follow(changed []catalog.Changed) {
	if len(changed) > logEach {
		s.cfg.Log.Info("streams follow their models", "streams", len(changed), "from", changed[0].Origin.From)
	}
	for _, ch := range changed {
		if len(changed) <= logEach {
			s.cfg.Log.Info("stream follows its model", "stream", ch.Stream, "kind", ch.Origin.Kind, "model", ch.Origin.Name, "from", ch.Origin.From, "changes", ch.Changes)
		}
		s.cfg.Rules.Follow(ch.Stream, title(ch.Origin.Kind)+" \""+ch.Origin.Name+"\"")
	}
}

// stream is the definition of a model's stream.
func (s *Streams) stream(place Place, m *Model, names *names) (catalog.Made, error) {
	base, err := s.baseName(m)
	if err != nil {
		return catalog.Made{}, fmt.Errorf("%s %q: %w", title(m.Kind), m.Model.Name, err)
	}
	name, had := names.of(m.id(), base)
	if had != "" && had != name && !s.leave(had) {
		name = had
		names.keep(m.id(), had)
	}
	o := catalog.Origin{Kind: m.Kind, Name: m.Model.Name, From: place.String()}
	c := ast.Create{Name: name, Cols: m.Model.Schema().Cols, Options: m.Options}
	return catalog.Made{SQL: c.String(), Origin: o, Columns: columns(&m.Model)}, nil
}

// leave drops the stream that a model had under another template; false: rules
// read it, so it keeps its name.
func (s *Streams) leave(had string) bool {
	if len(s.cfg.Rules.Using(had)) > 0 {
		return false
	}
	if o := s.cfg.Catalog.Origin(had); o != nil {
		s.end(had, o)
	}
	return true
}

// CatchAll makes the stream with the events of all devices, or drops it if name
// is empty. It has no columns of its own.
func (s *Streams) CatchAll(name string, options ast.Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	origin := catalog.Origin{Kind: EdgeX, Name: everything, From: "configuration"}
	if had := s.cfg.Catalog.MadeOf(EdgeX, everything); had != "" && had != name {
		s.end(had, s.cfg.Catalog.Origin(had))
	}
	if name == "" {
		return nil
	}
	c := ast.Create{Name: devicemodel.StreamName(name), Options: options}
	changed, errs := s.cfg.Catalog.Make([]catalog.Made{{SQL: c.String(), Origin: origin}})
	for _, ch := range changed {
		s.cfg.Rules.Follow(ch.Stream, "the configuration")
	}
	return errors.Join(errs...)
}

// everything is the name of the model that the catch-all stream stands for.
const everything = "*"

// Report is how many streams there are and what could not be made.
type Report struct {
	Streams  int      `json:"streams"`
	Gone     int      `json:"gone"` // of which the model is gone
	Problems []string `json:"problems"`
}

// Empty is true if there is nothing to report.
func (r *Report) Empty() bool { return r.Streams == 0 && len(r.Problems) == 0 }

// Report counts the streams of a kind.
func (s *Streams) Report(kind string) Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{Problems: []string{}}
	for stream := range s.cfg.Catalog.Made(kind) {
		r.Streams++
		if o := s.cfg.Catalog.Origin(stream); o != nil && o.Gone {
			r.Gone++
		}
	}
	for p, err := range s.problems {
		if p.kind == kind {
			r.Problems = append(r.Problems, strings.Split(err.Error(), "\n")...)
		}
	}
	slices.Sort(r.Problems)
	return r
}

// columns are what a model says of its columns beside their types.
func columns(m *devicemodel.Model) map[string]catalog.Column {
	cols := map[string]catalog.Column{}
	for _, p := range m.Properties {
		if _, twice := cols[p.Name]; twice || !p.Readable {
			continue
		}
		if p.Unit != "" || p.Description != "" || p.Min != nil || p.Max != nil {
			cols[p.Name] = catalog.Column{Unit: p.Unit, Description: p.Description, Min: p.Min, Max: p.Max}
		}
	}
	return cols
}

// hidden tells whether a place that wins has the model too.
func (s *Streams) hidden(place Place, m *Model) bool {
	if place < ConfigMap && s.models[ConfigMap][m.id()] != nil {
		return true
	}
	if place != Files || !s.cfg.Listed {
		return false
	}
	stream := s.cfg.Catalog.MadeOf(m.Kind, m.Model.Name)
	o := s.cfg.Catalog.Origin(stream)
	return o != nil && o.From == Metadata.String() && !o.Gone
}

// remove ends the stream of a model that a place does not know any more. The
// next place that has the model takes over; s.mu is held.
func (s *Streams) remove(place Place, kind, name string) {
	stream := s.cfg.Catalog.MadeOf(kind, name)
	o := s.cfg.Catalog.Origin(stream)
	if o == nil || o.From != place.String() {
		return
	}
	if s.wanted(name) {
		for _, next := range []Place{ConfigMap, Files} {
			if m := s.models[next][id{kind, name}]; m != nil && next != place {
				if err := s.take(next, m); err == nil {
					return
				}
			}
		}
	}
	s.end(stream, o)
}

// take makes the stream of a model that was hidden until now.
func (s *Streams) take(place Place, m *Model) error {
	made, err := s.stream(place, m, s.names())
	if err != nil {
		return err
	}
	changed, errs := s.cfg.Catalog.Make([]catalog.Made{made})
	s.follow(changed)
	return errors.Join(errs...)
}

// end drops a stream, or marks it if rules still read it.
func (s *Streams) end(stream string, o *catalog.Origin) {
	var err error
	if users := s.cfg.Rules.Using(stream); len(users) > 0 {
		if !o.Gone {
			s.cfg.Log.Warn("stream stays although its model is gone, rules read it", "stream", stream, "kind", o.Kind, "model", o.Name, "rules", users)
		}
		err = s.cfg.Catalog.MarkGone(stream)
	} else {
		s.cfg.Log.Info("stream is dropped with its model", "stream", stream, "kind", o.Kind, "model", o.Name)
		err = s.cfg.Catalog.Drop(stream, false)
	}
	if err != nil {
		s.cfg.Log.Error("stream of a model that is gone", "stream", stream, "error", err)
	}
}

// Released drops those of some streams whose model is gone and that no rule
// reads any more.
func (s *Streams) Released(streams []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range streams {
		if o := s.cfg.Catalog.Origin(stream); o != nil && o.Gone && len(s.cfg.Rules.Using(stream)) == 0 {
			s.end(stream, o)
		}
	}
}

// sweep drops streams whose model is gone and that no rule reads any more.
func (s *Streams) sweep(kind string) {
	for stream := range s.cfg.Catalog.Made(kind) {
		if o := s.cfg.Catalog.Origin(stream); o != nil && o.Gone && len(s.cfg.Rules.Using(stream)) == 0 {
			s.end(stream, o)
		}
	}
}

// madeBy returns the models whose streams are what a place said.
func (s *Streams) madeBy(place Place, kind string) []string {
	var models []string
	for stream, model := range s.cfg.Catalog.Made(kind) {
		if o := s.cfg.Catalog.Origin(stream); o != nil && o.From == place.String() {
			models = append(models, model)
		}
	}
	return models
}

// wanted tells whether a model's name is included and not excluded. The
// patterns were checked when they were configured.
func (s *Streams) wanted(name string) bool {
	matches := func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok || pattern == name
	}
	return (len(s.cfg.Include) == 0 || slices.ContainsFunc(s.cfg.Include, matches)) && !slices.ContainsFunc(s.cfg.Exclude, matches)
}

func title(kind string) string {
	if kind == EdgeX {
		return "device profile"
	}
	return "device model"
}
