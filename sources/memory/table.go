package memory

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Table is a lookup table that memory sinks fill: the newest row of each key,
// from the moment the table is created. A row says by its rowkind what it does;
// without one it takes the place of the row with its key.
//
//	CREATE TABLE devices (id BIGINT, name STRING) WITH (TYPE="memory", KIND="lookup", DATASOURCE="devices", KEY="id")
type Table struct {
	keyName string
	stop    func()

	mu    sync.RWMutex
	byKey map[string]value.Value // objects
}

// Params implements sources.Table.
func (t *Table) Params(*param.Set) {}

// NeedsKey is what is said of a table without the KEY option.
func (t *Table) NeedsKey() string { return `Option "key" is required for memory lookup table.` }

// Open implements sources.Table.
func (t *Table) Open(_ context.Context, env sources.Env) error {
	if env.Datasource == "" {
		return errors.New("DATASOURCE is empty, it names the topic")
	}
	if err := topic.CheckFilter(env.Datasource); err != nil {
		return err
	}
	t.keyName, t.byKey = env.Key, map[string]value.Value{}
	t.stop = topic.Default.Subscribe(env.Datasource, func(m topic.Message) error {
		t.take(&m)
		return nil
	})
	return nil
}

func (t *Table) take(m *topic.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range m.Batch.Rows {
		obj := row.Object(m.Batch.Schema, &m.Batch.Rows[i]).Clone()
		key, _ := obj.Lookup(t.keyName)
		if m.Keys != nil && !m.Keys[i].IsNull() {
			key = m.Keys[i]
		}
		if key.IsNull() {
			continue // nobody could ask for it
		}
		if m.Kinds != nil && strings.EqualFold(m.Kinds[i], "delete") {
			delete(t.byKey, text(key))
		} else {
			t.byKey[text(key)] = obj
		}
	}
}

func text(v value.Value) string { return string(value.AppendKey(nil, v)) }

// Lookup implements sources.Table.
func (t *Table) Lookup(_ context.Context, q sources.Query) ([]value.Value, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i, k := range q.Keys {
		if k == t.keyName {
			if obj, ok := t.byKey[text(q.Values[i])]; ok && has(obj, q, i) {
				return []value.Value{obj}, nil
			}
			return nil, nil
		}
	}
	var found []value.Value
	for _, key := range slices.Sorted(maps.Keys(t.byKey)) {
		if obj := t.byKey[key]; has(obj, q, -1) {
			found = append(found, obj)
		}
	}
	return found, nil
}

// has tells whether a row has the values that are asked for, but for the key
// that is known to match.
func has(obj value.Value, q sources.Query, known int) bool {
	for i, k := range q.Keys {
		if i == known {
			continue
		}
		if v, _ := obj.Lookup(k); v.IsNull() || !value.Equal(v, q.Values[i]) {
			return false
		}
	}
	return true
}

// Close implements sources.Table.
func (t *Table) Close() error {
	t.stop()
	return nil
}
