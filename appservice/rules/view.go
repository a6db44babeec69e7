package rules

import (
	"errors"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/exec"
)

// Summary is a rule in the list of GET /rules.
type Summary struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Status  State    `json:"status"`
	Tags    []string `json:"tags"`
	Trace   bool     `json:"trace"`
	Version string   `json:"version"`
}

// List returns all rules sorted by id.
func (s *Set) List() []Summary {
	out := []Summary{}
	for _, e := range s.all() {
		sum := Summary{ID: e.id, Name: e.id, Status: e.snapshot().State}
		if r := e.definition(); r != nil {
			sum.Name, sum.Tags, sum.Version = r.Name, r.Tags, r.Version
		}
		out = append(out, sum)
	}
	return out
}

// Text returns the JSON of a rule as it is stored.
func (s *Set) Text(id string) ([]byte, error) {
	e, err := s.find(id, "")
	if err != nil {
		return nil, diag.New(diag.NotFound, "Describe rule error: Rule %s is not found.", id)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text, nil
}

// Texts returns the JSON of every rule by id, or of the named ones.
func (s *Set) Texts(ids ...string) map[string]string {
	out := map[string]string{}
	for _, e := range s.all() {
		if len(ids) == 0 || slices.Contains(ids, e.id) {
			e.mu.Lock()
			out[e.id] = string(e.text)
			e.mu.Unlock()
		}
	}
	return out
}

// Status tells how a rule is.
func (s *Set) Status(id string) (Status, error) {
	e, err := s.find(id, "get rule status error: ")
	if err != nil {
		return Status{}, err
	}
	return e.snapshot(), nil
}

// Each calls f with the status of every rule, sorted by id.
func (s *Set) Each(f func(id string, st Status)) {
	for _, e := range s.all() {
		f(e.id, e.snapshot())
	}
}

// Topology returns the graph of a rule that was started.
func (s *Set) Topology(id string) (Topology, error) {
	e, err := s.find(id, "get rule topo error: ")
	if err != nil {
		return Topology{}, err
	}
	st := e.snapshot()
	if st.Nodes == nil {
		return Topology{}, diag.New(diag.General, "get rule topo error: Fail to get rule %s's topo, make sure the rule has been started before", id)
	}
	return topology(st.Nodes), nil
}

// Explain returns the plan of a rule.
func (s *Set) Explain(id string) (string, error) {
	e, err := s.find(id, "explain rules error: ")
	if err != nil {
		return "", diag.New(diag.NotFound, "explain rules error: Rule %s is not found.", id)
	}
	pipe, err := s.pipelineOf(e)
	if err != nil {
		return "", err
	}
	return pipe.Explain(), nil
}

// OutputField is a column of GET /rules/{id}/schema.
type OutputField struct {
	Type     string `json:"type,omitempty"`
	HasIndex bool   `json:"hasIndex"`
	Index    int    `json:"index"`
}

// Output returns the columns that a rule sends.
func (s *Set) Output(id string) (map[string]OutputField, error) {
	e, err := s.find(id, "get rule schema error: ")
	if err != nil {
		return nil, err
	}
	pipe, err := s.pipelineOf(e)
	if err != nil {
		return nil, err
	}
	out := map[string]OutputField{}
	for i, c := range pipe.Output().Cols {
		out[c.Name] = OutputField{HasIndex: true, Index: i}
	}
	return out, nil
}

func (s *Set) pipelineOf(e *entry) (Pipeline, error) {
	r := e.definition()
	if r == nil {
		return nil, diag.New(diag.Rule, "%s", e.snapshot().Message)
	}
	return s.compileRule(r, nil)
}

// Validate parses and compiles a rule without keeping it and returns the
// streams it reads. Sinks are not looked at.
func (s *Set) Validate(text []byte) (streams []string, err error) {
	r, err := s.parse(text, "")
	if err != nil {
		return nil, err
	}
	for _, name := range r.Streams() {
		if _, ok := s.cfg.Catalog.Lookup(name); !ok {
			_, err := s.cfg.Catalog.Stream(name)
			var d *diag.Error
			if errors.As(err, &d) {
				return nil, diag.New(diag.Undefined, "%s is not found", name).WithHint(d.Hint)
			}
			return nil, err
		}
	}
	if _, err := s.compileRule(r, nil); err != nil {
		return nil, err
	}
	return r.Streams(), nil
}

// Using returns the rules that read a stream or table.
func (s *Set) Using(stream string) []string {
	return s.filter(func(r *Rule) bool { return slices.Contains(r.Streams(), stream) })
}

// UsingConnection returns the rules whose sources or sinks use a connection.
func (s *Set) UsingConnection(id string) []string {
	return s.filter(func(r *Rule) bool { return len(s.nodesOn(r, id)) > 0 })
}

func (s *Set) filter(keep func(*Rule) bool) []string {
	ids := []string{}
	for _, e := range s.all() {
		if r := e.definition(); r != nil && keep(r) {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// Tagged returns the rules that have all of the tags.
func (s *Set) Tagged(tags []string) []string {
	return s.filter(func(r *Rule) bool {
		for _, t := range tags {
			if !slices.Contains(r.Tags, t) {
				return false
			}
		}
		return len(tags) > 0
	})
}

// SetTags changes the tags of a rule; it goes on running.
func (s *Set) SetTags(id string, change func(old []string) []string) error {
	e, err := s.hold(id)
	if err != nil {
		return diag.New(diag.NotFound, "Get rule error: Rule %s is not found.", id)
	}
	defer e.op.Unlock()
	r := e.definition()
	if r == nil {
		return diag.New(diag.Rule, "%s", e.snapshot().Message)
	}
	changed := *r
	changed.Tags = change(slices.Clone(r.Tags))
	if changed.Text, err = edit(r.Text, func(m map[string]any) { m["tags"] = changed.Tags }); err != nil {
		return err
	}
	if err := s.save(&changed); err != nil {
		return err
	}
	e.replace(&changed)
	return nil
}

// ConnectionState returns how a named connection is in a running rule; ok is
// false if no running rule uses it.
func (s *Set) ConnectionState(id string) (st exec.LinkState, ok bool) {
	for _, e := range s.all() {
		r, status := e.definition(), e.snapshot()
		if r == nil || status.State != Running {
			continue
		}
		names := s.nodesOn(r, id)
		for _, n := range status.Nodes {
			if n.Link != nil && slices.Contains(names, n.ID()) {
				return n.Link(), true
			}
		}
	}
	return st, false
}

// nodesOn returns the sources and sinks of a rule that use a connection.
func (s *Set) nodesOn(r *Rule, connection string) []string {
	var ids []string
	for _, name := range r.Streams() {
		if spec, err := s.cfg.Catalog.Source(name); err == nil && spec.Connection == connection {
			ids = append(ids, "source_"+name)
		}
	}
	for _, a := range r.Actions {
		if _, conn, err := s.cfg.Catalog.SinkProps(a.Type, a.Props); err == nil && conn == connection {
			ids = append(ids, "sink_"+a.name())
		}
	}
	return ids
}
