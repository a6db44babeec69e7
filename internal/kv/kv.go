// Package kv keeps what must survive a restart: stream, table and rule
// definitions, conf keys, connections and the checkpoints of rules. It is one
// file in the data directory; every change is on disk when the call returns.
//
//	db, err := kv.Open(filepath.Join(dataDir, "sluice.db"), log)
//	err = db.Put(kv.Streams, "demo", []byte(`CREATE STREAM demo () WITH (...)`))
//	err = db.Each(kv.Streams, func(name string, sql []byte) error { ... })
//
// All methods are safe for concurrent use.
package kv

import (
	"maps"
	"slices"
	"sync"
)

// The buckets of the service.
const (
	Streams     = "streams"
	Tables      = "tables"
	Rules       = "rules"
	ConfKeys    = "confkeys"    // <sources|sinks|connections>/<type>/<key> -> JSON object
	Connections = "connections" // id -> JSON object
	Checkpoints = "checkpoints"
	Schemas     = "schemas"   // <type>/<name> -> JSON object
	Origins     = "origins"   // stream -> JSON of who made it, if not the user
	Suspended   = "suspended" // rule -> JSON of why it does not run
	Declared    = "declared"  // what a ConfigMap or the registry made, and its last good texts
	Settings    = "settings"  // what PATCH /configs changed
)

// DB is a set of buckets, each a map of keys to values in key order.
type DB interface {
	// Get returns nil without an error for a missing key.
	Get(bucket, key string) ([]byte, error)
	Put(bucket, key string, val []byte) error
	// Delete of a missing key is no error.
	Delete(bucket, key string) error
	// Each calls f for every entry in key order; f must not call the DB.
	Each(bucket string, f func(key string, val []byte) error) error
	// Update writes entries into the buckets it names, all or nothing; a nil
	// value deletes its key.
	Update(entries map[string]map[string][]byte) error
	// Replace makes entries the whole content of the buckets it names, all or
	// nothing.
	Replace(entries map[string]map[string][]byte) error
	Close() error
}

// Memory is a DB that lives as long as the process.
type Memory struct {
	mu      sync.Mutex
	buckets map[string]map[string][]byte
}

// NewMemory returns an empty DB.
func NewMemory() *Memory { return &Memory{buckets: map[string]map[string][]byte{}} }

// Get implements DB.
func (m *Memory) Get(bucket, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.buckets[bucket][key]), nil
}

// Put implements DB.
func (m *Memory) Put(bucket, key string, val []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.buckets[bucket] == nil {
		m.buckets[bucket] = map[string][]byte{}
	}
	m.buckets[bucket][key] = append([]byte{}, val...)
	return nil
}

// Delete implements DB.
func (m *Memory) Delete(bucket, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.buckets[bucket], key)
	return nil
}

// Each implements DB.
func (m *Memory) Each(bucket string, f func(key string, val []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.buckets[bucket]
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if err := f(k, slices.Clone(b[k])); err != nil {
			return err
		}
	}
	return nil
}

// Update implements DB.
func (m *Memory) Update(entries map[string]map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, vals := range entries {
		if m.buckets[name] == nil {
			m.buckets[name] = map[string][]byte{}
		}
		for k, v := range vals {
			if v == nil {
				delete(m.buckets[name], k)
			} else {
				m.buckets[name][k] = slices.Clone(v)
			}
		}
	}
	return nil
}

// Replace implements DB.
func (m *Memory) Replace(entries map[string]map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, vals := range entries {
		b := map[string][]byte{}
		for k, v := range vals {
			b[k] = slices.Clone(v)
		}
		m.buckets[name] = b
	}
	return nil
}

// Close implements DB.
func (m *Memory) Close() error { return nil }
