package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// Connection is a named set of properties that sources and sinks share by
// their connectionSelector property.
type Connection struct {
	ID    string         `json:"id"`
	Type  string         `json:"typ"`
	Props map[string]any `json:"props"`
}

func (c *Catalog) loadConnections() error {
	return c.cfg.DB.Each(kv.Connections, func(id string, b []byte) error {
		var conn Connection
		if err := json.Unmarshal(b, &conn); err != nil {
			c.cfg.Log.Error("stored connection cannot be read", "id", id, "error", err)
			return nil
		}
		c.conns[id] = &conn
		return nil
	})
}

// CreateConnection stores a new connection.
func (c *Catalog) CreateConnection(conn Connection) error {
	if conn.ID == "" {
		return diag.New(diag.Undefined, "id cannot be empty")
	}
	if err := CheckName(conn.ID); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns[conn.ID] != nil {
		return diag.New(diag.Undefined, "create connection failed: connection %s already been created", conn.ID)
	}
	return c.putConnection(conn)
}

// UpdateConnection replaces a connection.
func (c *Catalog) UpdateConnection(conn Connection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns[conn.ID] == nil {
		return diag.New(diag.Undefined, "update connection failed: connection %s not existed", conn.ID)
	}
	return c.putConnection(conn)
}

// putConnection writes a connection; c.mu is held.
func (c *Catalog) putConnection(conn Connection) error {
	b, err := json.Marshal(conn)
	if err != nil {
		return err
	}
	if err := c.cfg.DB.Put(kv.Connections, conn.ID, b); err != nil {
		return err
	}
	c.conns[conn.ID] = &conn
	return nil
}

// DropConnection removes a connection; a missing one is no error. Whether rules
// use it is for the caller to ask.
func (c *Catalog) DropConnection(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.cfg.DB.Delete(kv.Connections, id); err != nil {
		return err
	}
	delete(c.conns, id)
	return nil
}

// Connection returns one connection.
func (c *Catalog) Connection(id string) (Connection, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	conn := c.conns[id]
	if conn == nil {
		names := slices.Collect(maps.Keys(c.conns))
		return Connection{}, diag.New(diag.Undefined, "connection %s not existed", id).WithHint(diag.DidYouMean(id, names))
	}
	return *conn, nil
}

// Connections returns all connections, sorted by id.
func (c *Catalog) Connections() []Connection {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := []Connection{}
	for _, id := range slices.Sorted(maps.Keys(c.conns)) {
		out = append(out, *c.conns[id])
	}
	return out
}

// connectionProps resolves a connectionSelector: the id of a connection, or
// type.key of the connection conf keys (1.x).
func (c *Catalog) connectionProps(selector string) (map[string]any, error) {
	conn, err := c.Connection(selector)
	if err == nil {
		return conn.Props, nil
	}
	if typ, key, ok := strings.Cut(selector, "."); ok {
		return c.confKey(Conns, typ, key)
	}
	return nil, err
}
