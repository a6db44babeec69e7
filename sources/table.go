package sources

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// TableConfig is what a lookup table is opened with.
type TableConfig struct {
	Name       string // of the table
	Driver     string // TYPE option, lower case
	Datasource string // DATASOURCE option
	Key        string // KEY option
	Props      map[string]any
	Declared   *row.Schema // columns of CREATE TABLE; nil or Open: as they come
	DataDir    string
	Log        *slog.Logger
	Clock      clock.Clock
}

// LookupTable is an open lookup table with its cache. Its methods are safe for
// concurrent use.
type LookupTable struct {
	name     string
	table    Table
	declared *row.Schema
	timeout  time.Duration
	cache    *tableCache // nil: every question goes to the table
}

// TableProps are the properties that every lookup table has beside its
// driver's own.
type TableProps struct {
	timeout time.Duration
	cache   cacheProps
	lookup  map[string]any // the block in which Kuiper has those of the cache
}

// Params declares the properties.
func (t *TableProps) Params(p *param.Set) {
	p.Duration(&t.timeout, "lookupTimeout", 5*time.Second,
		param.T("how long a rule waits for an answer", "规则等待查询结果的最长时间"), param.Min(1))
	p.Object(&t.lookup, "lookup", nil, param.T("the cache: cache (true or false), cacheTtl (seconds), cacheMissingKey, cacheSize",
		"缓存设置：cache（true 或 false）、cacheTtl（秒）、cacheMissingKey、cacheSize"))
	p.Accept("connectionSelector", "resourceId")
	p.Check(func() error {
		own := param.New("lookup")
		t.cache.params(own)
		return own.Bind(t.lookup)
	})
}

// CheckTable tells whether a lookup table could be opened with its properties.
func CheckTable(cfg TableConfig) error {
	_, _, err := bindTable(cfg)
	return err
}

func bindTable(cfg TableConfig) (Table, *TableProps, error) {
	d, err := Lookup(cfg.Driver)
	if err != nil {
		return nil, nil, err
	}
	if d.NewTable == nil {
		return nil, nil, diag.New(diag.Exec, "source %s cannot be a lookup table", cfg.Driver).
			WithHint("leave out KIND for a table that is read")
	}
	owner := "table " + strconv.Quote(cfg.Name)
	t, own := d.NewTable(), param.New(owner)
	t.Params(own)
	props, common := &TableProps{}, param.New(owner)
	props.Params(common)
	own.Include(common)
	if err := own.Bind(cfg.Props); err != nil {
		return nil, nil, err
	}
	if k, ok := t.(keyed); ok && cfg.Key == "" {
		return nil, nil, diag.New(diag.Exec, "%s", k.NeedsKey())
	}
	return t, props, nil
}

// keyed is implemented by a Table that needs the KEY option; NeedsKey is what is
// said if it is missing.
type keyed interface{ NeedsKey() string }

// OpenTable opens a lookup table.
func OpenTable(ctx context.Context, cfg TableConfig) (*LookupTable, error) {
	t, props, err := bindTable(cfg)
	if err != nil {
		return nil, err
	}
	env := Env{Stream: cfg.Name, Datasource: cfg.Datasource, Key: cfg.Key, DataDir: cfg.DataDir,
		Log: cfg.Log.With("table", cfg.Name), Clock: cfg.Clock, Status: noStatus{}}
	if err := t.Open(ctx, env); err != nil {
		return nil, fmt.Errorf("table %q: %w", cfg.Name, err)
	}
	return &LookupTable{name: cfg.Name, table: t, declared: cfg.Declared, timeout: props.timeout,
		cache: newTableCache(props.cache, cfg.Clock)}, nil
}

// noStatus is the Status of a table, which has no place in a rule's status.
type noStatus struct{}

func (noStatus) Connecting()        {}
func (noStatus) Connected()         {}
func (noStatus) Disconnected(error) {}

// Lookup returns the rows, as objects, in which every key has its value, with
// the declared columns in their types. It gives up after lookupTimeout.
func (t *LookupTable) Lookup(ctx context.Context, q Query) ([]value.Value, error) {
	if t.cache == nil {
		return t.ask(ctx, q)
	}
	key := t.cache.key(q)
	if rows, ok := t.cache.find(key); ok {
		return rows, nil
	}
	rows, err := t.ask(ctx, q)
	if err == nil {
		t.cache.keep(key, rows)
	}
	return rows, err
}

func (t *LookupTable) ask(ctx context.Context, q Query) ([]value.Value, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	rows, err := t.table.Lookup(ctx, q)
	if err != nil || t.declared == nil || t.declared.Open {
		return rows, err
	}
	typed := make([]value.Value, len(rows))
	for i, obj := range rows {
		if typed[i], err = fitRow(t.declared, obj); err != nil {
			return nil, err
		}
	}
	return typed, nil
}

// Close closes the table; nobody may be asking it.
func (t *LookupTable) Close() error { return t.table.Close() }

// fitRow returns the declared columns of an object, each in its type.
func fitRow(s *row.Schema, obj value.Value) (value.Value, error) {
	ms := make([]value.Member, 0, len(s.Cols))
	for _, c := range s.Cols {
		v, ok := obj.Lookup(c.Name)
		if !ok {
			continue
		}
		fitted, err := fit(v, c.Type)
		if err != nil {
			return value.Value{}, fmt.Errorf("column %s: %w", c.Name, err)
		}
		ms = append(ms, value.Member{Name: c.Name, Val: fitted})
	}
	return value.OfObject(ms), nil
}

// fit brings a value into a column's type where that loses nothing: databases
// and JSON do not have the types of a declaration.
func fit(v value.Value, t value.Type) (value.Value, error) {
	switch {
	case v.IsNull() || v.Kind() == t.Kind:
		return v, nil
	case t.Kind == value.Int:
		if i, ok := v.AsInt(); ok {
			return value.OfInt(i), nil
		}
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil && v.Kind() == value.String {
			return value.OfInt(i), nil
		}
	case t.Kind == value.Float:
		if f, ok := v.AsFloat(); ok {
			return value.OfFloat(f), nil
		}
		if f, err := strconv.ParseFloat(v.String(), 64); err == nil && v.Kind() == value.String {
			return value.OfFloat(f), nil
		}
	case t.Kind == value.String && v.IsNumber():
		return value.OfString(v.String()), nil
	case t.Kind == value.Bool && (v.Kind() == value.String || v.IsNumber()):
		if b, err := strconv.ParseBool(v.String()); err == nil {
			return value.OfBool(b), nil
		}
	case t.Kind != value.String && t.Kind != value.Bool:
		return v, nil
	}
	return v, fmt.Errorf("has wrong type:%s, expect:%s", v.Kind(), t)
}
