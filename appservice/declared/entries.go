package declared

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/internal/kv"
)

// applyEntries makes what is new or changed, in the order of the kinds, and
// returns the keys of all that is declared.
func (s *Set) applyEntries(entries []entry) (wanted map[string]bool) {
	wanted = map[string]bool{}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b entry) int { return slices.Index(kinds, a.kind) - slices.Index(kinds, b.kind) })
	for i := range entries {
		e := &entries[i]
		key := e.kind + "/" + e.name
		if wanted[key] {
			s.problem(fmt.Errorf("%s: %s is declared twice, the first one counts", e.place(), e))
			continue
		}
		wanted[key] = true
		if err := s.apply(key, e); err != nil {
			s.problem(fmt.Errorf("%s: %s: %w", e.place(), e, err))
			s.pending = true
		}
	}
	return wanted
}

// apply makes one entry, unless it is as it should be. That it is about to be
// made is written down first: what a crash leaves behind is known as ours.
func (s *Set) apply(key string, e *entry) error {
	r, ours := s.records[key]
	there := s.exists(e.kind, e.name)
	switch {
	case ours && r.Done && r.Text == e.text && there:
		return nil
	case there && !ours:
		if s.same(e) {
			return nil // a user has made just this
		}
		return errors.New("a user has made another one of this name: remove that, or choose another name")
	}
	if err := s.record(key, record{e.text, e.file, false}); err != nil {
		return err
	}
	if err := s.put(e); err != nil {
		if !there { // nothing was made, so that a user may make it
			s.forget(key)
		}
		return err
	}
	s.cfg.Log.Info("declared content is in force", "kind", e.kind, "name", e.name, "file", e.file)
	return s.record(key, record{e.text, e.file, true})
}

func (s *Set) record(key string, r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := s.cfg.DB.Put(kv.Declared, entryPrefix+key, text); err != nil {
		return err
	}
	s.records[key] = r
	return nil
}

// exists tells whether there is one of a kind and name.
func (s *Set) exists(kind, name string) bool {
	switch kind {
	case confKey:
		p := strings.SplitN(name, "/", 3)
		return s.cfg.Catalog.StoredConfKeys(catalog.Kind(p[0]))[strings.ToLower(p[1])][p[2]] != nil
	case connection:
		_, err := s.cfg.Catalog.Connection(name)
		return err == nil
	case schema:
		typ, id, _ := strings.Cut(name, "/")
		_, err := s.cfg.Catalog.SchemaText(typ, id)
		return err == nil
	case stream, table:
		_, ok := s.cfg.Catalog.Lookup(name)
		return ok
	}
	_, err := s.cfg.Rules.Text(name)
	return err == nil
}

// same tells whether what a user has made is what is declared.
func (s *Set) same(e *entry) bool {
	switch e.kind {
	case stream, table:
		d, ok := s.cfg.Catalog.Lookup(e.name)
		return ok && d.Text == e.text && s.cfg.Catalog.Origin(e.name) == nil
	case rule:
		text, err := s.cfg.Rules.Text(e.name)
		return err == nil && string(text) == e.text
	}
	return false
}

// put makes an entry, in place of what there is of its name.
func (s *Set) put(e *entry) error {
	switch e.kind {
	case confKey:
		var props map[string]any
		if err := json.Unmarshal([]byte(e.text), &props); err != nil {
			return err
		}
		p := strings.SplitN(e.name, "/", 3)
		return s.cfg.Catalog.PutConfKey(catalog.Kind(p[0]), p[1], p[2], props)
	case connection:
		var c catalog.Connection
		if err := json.Unmarshal([]byte(e.text), &c); err != nil {
			return err
		}
		if s.cfg.Catalog.CreateConnection(c) == nil {
			return nil
		}
		return s.cfg.Catalog.UpdateConnection(c)
	case schema:
		typ, id, _ := strings.Cut(e.name, "/")
		return s.cfg.Catalog.PutSchema(catalog.Schema{Type: typ, Name: id, Content: e.text})
	case stream, table:
		if _, err := s.cfg.Catalog.Replace(e.name, e.kind == table, e.text); err != nil {
			return err
		}
		s.cfg.Rules.Follow(e.name, e.file)
		return nil
	}
	return s.cfg.Rules.Update(e.name, []byte(e.text))
}

// drop removes what was made here. What is gone already is no error.
func (s *Set) drop(kind, name string) error {
	if !s.exists(kind, name) {
		return nil
	}
	switch kind {
	case confKey:
		p := strings.SplitN(name, "/", 3)
		return s.cfg.Catalog.DeleteConfKey(catalog.Kind(p[0]), p[1], p[2])
	case connection:
		if users := s.cfg.Rules.UsingConnection(name); len(users) > 0 {
			return fmt.Errorf("rules use it: %s", strings.Join(users, ", "))
		}
		return s.cfg.Catalog.DropConnection(name)
	case schema:
		typ, id, _ := strings.Cut(name, "/")
		return s.cfg.Catalog.DropSchema(typ, id)
	case stream, table:
		if users := s.cfg.Rules.Using(name); len(users) > 0 {
			return fmt.Errorf("rules read it: %s", strings.Join(users, ", "))
		}
		return s.cfg.Catalog.Drop(name, kind == table)
	}
	return s.cfg.Rules.Delete(name)
}
