package autostream

import (
	"maps"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/devicemodel"
)

// names gives each model a stream name that it keeps.
type names struct {
	owner map[string]id // stream -> model
	has   map[id]string
}

// names reads the names that were given; s.mu is held.
func (s *Streams) names() *names {
	n := &names{owner: map[string]id{}, has: map[id]string{}}
	for _, kind := range []string{EdgeX, KubeEdge} {
		for stream, model := range s.cfg.Catalog.Made(kind) {
			n.owner[stream], n.has[id{kind, model}] = id{kind, model}, stream
		}
	}
	return n
}

// of returns the name of a model's stream: the one it has, or base, with a
// number behind it if another model's stream is called so. had is the name it
// has now, if any.
func (n *names) of(m id, base string) (name, had string) {
	had = n.has[m]
	if had != "" && sameBase(had, base) {
		return had, had
	}
	name = base
	for i := 2; ; i++ {
		if owner, taken := n.owner[name]; !taken || owner == m {
			break
		}
		name = base + "_" + strconv.Itoa(i)
	}
	n.keep(m, name)
	return name, had
}

func (n *names) keep(m id, name string) { n.owner[name], n.has[m] = m, name }

// sameBase tells whether a name is base with at most a number behind it.
func sameBase(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	if !ok || rest == "" {
		return ok
	}
	number, ok := strings.CutPrefix(rest, "_")
	_, err := strconv.Atoi(number)
	return ok && err == nil
}

// baseName fills in the name template.
func (s *Streams) baseName(m *Model) (string, error) {
	vars := map[string]any{"Name": m.Model.Name, "Kind": m.Kind}
	maps.Copy(vars, m.Vars)
	name, err := s.cfg.Name.Eval(vars)
	if err != nil {
		return "", err
	}
	return devicemodel.StreamName(name), nil
}
