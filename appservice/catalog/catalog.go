// Package catalog keeps what rules refer to: streams, tables, conf keys and
// connections. It runs the statements that define them, remembers them in the
// database, and resolves the properties of a source or sink.
//
//	c, err := catalog.Open(catalog.Config{DB: db, Log: log})
//	text, err := c.Exec(`CREATE STREAM demo () WITH (TYPE="mqtt", DATASOURCE="in")`)
//	spec, err := c.Source("demo")       // how to open it
//	p, err := sqlfn.Compile(sel, c, ...) // c is the compiler's Catalog
//
// All methods are safe for concurrent use.
package catalog

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/parse"
)

// Config is what a Catalog needs.
type Config struct {
	DB  kv.DB
	Log *slog.Logger
	// Defaults returns the properties that the configuration gives every source
	// of a type; may be nil.
	Defaults func(typ string) map[string]any
	// Sections returns the conf keys of a source, sink or connection type that
	// come from configuration files; may be nil.
	Sections func(kind Kind, typ string) map[string]map[string]any
	// Secret returns an entry of a secret; nil: there are none.
	Secret func(name, key string) (string, error)
}

// Catalog holds the definitions in memory and writes every change to the
// database first.
type Catalog struct {
	cfg Config

	mu      sync.RWMutex
	defs    map[string]*Definition
	keys    map[keyPath]map[string]any
	conns   map[string]*Connection
	schemas map[string]*Schema
	origins origins // of streams that the user did not make

	listeners []func(name string)
}

// Definition is one stream or table.
type Definition struct {
	*ast.Create
	Temp bool // not in the database
}

// Open reads the definitions of the database. One that cannot be read any more
// is reported and left alone.
func Open(cfg Config) (*Catalog, error) {
	c := &Catalog{cfg: cfg, defs: map[string]*Definition{}, keys: map[keyPath]map[string]any{}, conns: map[string]*Connection{}, schemas: map[string]*Schema{}, origins: newOrigins()}
	for _, bucket := range []string{kv.Streams, kv.Tables} {
		err := cfg.DB.Each(bucket, func(name string, sql []byte) error {
			d, err := parseCreate(string(sql))
			if err != nil {
				cfg.Log.Error("stored definition cannot be read", "kind", bucket, "name", name, "error", err)
				return nil
			}
			c.defs[name] = d
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
	}
	if err := c.loadOrigins(); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := c.loadSchemas(); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := c.loadKeys(); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	if err := c.loadConnections(); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return c, nil
}

func parseCreate(sql string) (*Definition, error) {
	st, err := parse.Statement(sql)
	if err != nil {
		return nil, err
	}
	create, ok := st.(*ast.Create)
	if !ok {
		return nil, diag.New(diag.Stream, "Invalid stream statement: %s", sql)
	}
	if create.Text == "" {
		create.Text = sql
	}
	return &Definition{Create: create, Temp: isTrue(create.Options.Temp)}, nil
}

// OnChange has f called after a stream or table was created, replaced or
// dropped. It must be called before the Catalog is used by several goroutines.
func (c *Catalog) OnChange(f func(name string)) { c.listeners = append(c.listeners, f) }

func (c *Catalog) changed(name string) {
	for _, f := range c.listeners {
		f(name)
	}
}

// What returns "stream" or "table".
func (d *Definition) What() string { return what(d.Table) }

func what(table bool) string {
	if table {
		return "table"
	}
	return "stream"
}

// Type is the source type: the TYPE option or its default.
func (d *Definition) Type() string {
	switch {
	case d.Options.Type != "":
		return d.Options.Type
	case d.Table:
		return "file"
	}
	return "mqtt"
}

// Format is the FORMAT option or its default.
func (d *Definition) Format() string {
	if d.Options.Format != "" {
		return d.Options.Format
	}
	return "json"
}

// Lookup returns a stream or table by name.
func (c *Catalog) Lookup(name string) (*Definition, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	d, ok := c.defs[name]
	return d, ok
}

// Definitions returns all streams, or all tables, sorted by name. kind
// restricts tables to "lookup" or "scan" ones; "" is all.
func (c *Catalog) Definitions(table bool, kind string) []*Definition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	ds := []*Definition{}
	for _, name := range slices.Sorted(maps.Keys(c.defs)) {
		d := c.defs[name]
		if d.Table == table && (kind == "" || d.hasKind(kind)) {
			ds = append(ds, d)
		}
	}
	return ds
}

var nameShape = regexp.MustCompile(`^[a-zA-Z0-9_\-]+$`)

// CheckName refuses names of streams, tables and rules that would not survive
// as part of a URL.
func CheckName(name string) error {
	if nameShape.MatchString(name) {
		return nil
	}
	return diag.New(diag.Undefined, "id '%s' contains invalid characters: only alphanumeric, hyphens and underscores are allowed", name)
}

// jsonObject reads a stored JSON object.
func jsonObject(b []byte) (map[string]any, error) {
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, err
	}
	return m, nil
}
