package rules

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// lookups are the open lookup tables. All rules share a table, with its cache;
// it is open from its definition on, whether rules ask it or not: what a memory
// table is told counts from then.
type lookups struct {
	catalog *catalog.Catalog
	dataDir string
	clock   clock.Clock
	log     *slog.Logger

	mu   sync.Mutex
	open map[string]*lookup // by name
}

// lookup is one table. It is closed under the lock that those who ask share.
type lookup struct {
	definition string // text and properties: another one is another table

	mu    sync.RWMutex
	table *sources.LookupTable // nil: closed
}

var errTableGone = errors.New("the table was dropped or defined anew")

func (l *lookup) ask(ctx context.Context, q sources.Query) ([]value.Value, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.table == nil {
		return nil, errTableGone
	}
	return l.table.Lookup(ctx, q)
}

func (l *lookup) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.table == nil {
		return nil
	}
	err := l.table.Close()
	l.table = nil
	return err
}

func (l *lookups) config(name string) (sources.TableConfig, error) {
	spec, err := l.catalog.Source(name)
	if err != nil {
		return sources.TableConfig{}, err
	}
	return sources.TableConfig{
		Name: name, Driver: spec.DriverName(), Datasource: spec.Options.Datasource, Key: spec.Options.Key,
		Props: spec.Props, Declared: spec.Declared(), DataDir: l.dataDir, Log: l.log, Clock: l.clock,
	}, nil
}

// check tells whether a table could be opened.
func (l *lookups) check(name string) error {
	cfg, err := l.config(name)
	if err != nil {
		return err
	}
	return sources.CheckTable(cfg)
}

// find returns an open table; it opens it if its definition is new.
func (l *lookups) find(name string) (*lookup, error) {
	cfg, err := l.config(name)
	if err != nil {
		return nil, err
	}
	definition := fmt.Sprint(cfg.Driver, cfg.Datasource, cfg.Key, cfg.Props, *cfg.Declared)
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.open[name]
	if old != nil && old.definition == definition {
		return old, nil
	}
	t, err := sources.OpenTable(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	l.drop(name)
	l.open[name] = &lookup{definition: definition, table: t}
	return l.open[name], nil
}

// drop closes a table; l.mu is held.
func (l *lookups) drop(name string) {
	t := l.open[name]
	if t == nil {
		return
	}
	delete(l.open, name)
	if err := t.close(); err != nil {
		l.log.Warn("lookup table did not close", "table", name, "error", err)
	}
}

// changed follows the definition of a table; it is told of streams too.
func (l *lookups) changed(name string) {
	s, err := l.catalog.Stream(name)
	if err == nil && s.Lookup {
		if _, err = l.find(name); err != nil {
			l.log.Warn("lookup table cannot be opened, rules that ask it will try again", "table", name, "error", err)
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(name)
}

// openAll opens every table that is defined.
func (l *lookups) openAll() {
	for _, d := range l.catalog.Definitions(true, "lookup") {
		l.changed(d.Name)
	}
}

func (l *lookups) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.open {
		l.drop(name)
	}
}

// ask answers the pipeline's questions to lookup tables. At qos >= 1 a table
// that is away is waited for: the event must not be lost.
func (r *run) ask(table string, keys []string, vals []value.Value, fields []string) ([]value.Value, error) {
	t := r.tables[table]
	if t == nil {
		return nil, errTableGone
	}
	q := sources.Query{Keys: keys, Values: vals, Fields: fields}
	for warned := false; ; warned = true {
		rows, err := t.ask(r.ctx, q)
		if err == nil || r.rule.Options.QoS == 0 || !isAway(err) {
			return rows, err
		}
		if !warned {
			r.log.Warn("lookup table is away, the rule waits for it", "table", table, "error", err)
		}
		tick, stop := r.clock.After(lookupPause)
		select {
		case <-tick:
		case <-r.ctx.Done():
			stop()
			r.cutShort = true
			return nil, err
		}
	}
}

// lookupPause is the time between two questions to a table that is away.
const lookupPause = time.Second

// isAway tells whether the far side could not be reached, so that asking again
// may help.
func isAway(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, driver.ErrBadConn)
}
