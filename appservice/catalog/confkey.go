package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// Kind says what a conf key is for: sources, sinks or connections.
type Kind string

// The kinds.
const (
	Sources Kind = "sources"
	Sinks   Kind = "sinks"
	Conns   Kind = "connections"
)

// keyPath is a conf key; typ is lower case.
type keyPath struct {
	kind     Kind
	typ, key string
}

func path(kind Kind, typ, key string) keyPath { return keyPath{kind, strings.ToLower(typ), key} }

func (p keyPath) String() string { return string(p.kind) + "/" + p.typ + "/" + p.key }

func (c *Catalog) loadKeys() error {
	return c.cfg.DB.Each(kv.ConfKeys, func(name string, b []byte) error {
		props, err := jsonObject(b)
		parts := strings.SplitN(name, "/", 3)
		if err != nil || len(parts) != 3 {
			c.cfg.Log.Error("stored conf key cannot be read", "name", name, "error", err)
			return nil
		}
		c.keys[keyPath{Kind(parts[0]), parts[1], parts[2]}] = props
		return nil
	})
}

// PutConfKey stores the properties of a conf key, replacing all it had.
func (c *Catalog) PutConfKey(kind Kind, typ, key string, props map[string]any) error {
	b, err := json.Marshal(props)
	if err != nil {
		return diag.New(diag.ConfKey, "conf key %s of %s: %v", key, typ, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := path(kind, typ, key)
	if err := c.cfg.DB.Put(kv.ConfKeys, p.String(), b); err != nil {
		return err
	}
	c.keys[p] = props
	return nil
}

// DeleteConfKey removes a conf key that was made by PutConfKey.
func (c *Catalog) DeleteConfKey(kind Kind, typ, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := path(kind, typ, key)
	if c.keys[p] == nil {
		return diag.New(diag.ConfKey, "conf key %s of %s %s not found", key, singular(kind), typ)
	}
	if err := c.cfg.DB.Delete(kv.ConfKeys, p.String()); err != nil {
		return err
	}
	delete(c.keys, p)
	return nil
}

// ConfKeys returns every conf key of a type with its properties: those of the
// configuration files, overlaid by those that were stored.
func (c *Catalog) ConfKeys(kind Kind, typ string) map[string]map[string]any {
	out := map[string]map[string]any{}
	if c.cfg.Sections != nil {
		maps.Copy(out, c.cfg.Sections(kind, strings.ToLower(typ)))
	}
	if def := c.defaults(kind, typ); def != nil {
		out["default"] = def
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for p, props := range c.keys {
		if p.kind == kind && p.typ == strings.ToLower(typ) {
			out[p.key] = maps.Clone(props)
		}
	}
	return out
}

// StoredConfKeys returns the conf keys that were made by PutConfKey, by type.
func (c *Catalog) StoredConfKeys(kind Kind) map[string]map[string]map[string]any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := map[string]map[string]map[string]any{}
	for p, props := range c.keys {
		if p.kind != kind {
			continue
		}
		if out[p.typ] == nil {
			out[p.typ] = map[string]map[string]any{}
		}
		out[p.typ][p.key] = maps.Clone(props)
	}
	return out
}

// confKey returns the properties of one conf key.
func (c *Catalog) confKey(kind Kind, typ, key string) (map[string]any, error) {
	all := c.ConfKeys(kind, typ)
	props, ok := all[key]
	if !ok {
		var names []string
		for k := range all {
			names = append(names, k)
		}
		hint := diag.DidYouMean(key, names)
		if hint == "" {
			hint = fmt.Sprintf("create it with PUT /metadata/%s/%s/confKeys/%s", kind, typ, key)
		}
		return nil, diag.New(diag.ConfKey, "conf key %s of %s %s not found", key, singular(kind), typ).WithHint(hint)
	}
	return props, nil
}

func (c *Catalog) defaults(kind Kind, typ string) map[string]any {
	if kind == Sources && c.cfg.Defaults != nil {
		return c.cfg.Defaults(strings.ToLower(typ))
	}
	return nil
}

func singular(k Kind) string { return strings.TrimSuffix(string(k), "s") }
