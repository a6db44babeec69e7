package appservice

import (
	"encoding/json"
	"fmt"

	"github.com/edgesluice/sluice/appservice/rest"
	"github.com/edgesluice/sluice/internal/kv"
)

// changes keeps what PATCH /configs changes, for the next start too.
type changes struct {
	db    kv.DB
	tell  func(tree map[string]any) error
	level string
	zone  string
}

const changesKey = "configs"

// newChanges puts what earlier runs changed into force. What cannot be used
// any more is forgotten.
func newChanges(db kv.DB, tell func(map[string]any) error) (*changes, error) {
	c := &changes{db: db, tell: tell}
	b, err := db.Get(kv.Settings, changesKey)
	if err != nil || b == nil {
		return c, err
	}
	var old rest.Changes
	if json.Unmarshal(b, &old) == nil && c.take(old) == nil {
		return c, nil
	}
	return c, db.Delete(kv.Settings, changesKey)
}

// apply is what PATCH /configs does.
func (c *changes) apply(ch rest.Changes) error {
	if err := c.take(ch); err != nil {
		return err
	}
	b, err := json.Marshal(rest.Changes{LogLevel: optional(c.level), Timezone: optional(c.zone)})
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return c.db.Put(kv.Settings, changesKey, b)
}

func (c *changes) take(ch rest.Changes) error {
	level, zone := c.level, c.zone
	if ch.Debug != nil {
		level = map[bool]string{true: "DEBUG", false: "INFO"}[*ch.Debug]
	}
	if ch.LogLevel != nil {
		level = *ch.LogLevel
	}
	if ch.Timezone != nil {
		zone = *ch.Timezone
	}
	tree := map[string]any{"Writable": map[string]any{"LogLevel": level}, "Sluice": map[string]any{"Timezone": zone}}
	if err := c.tell(tree); err != nil {
		return err
	}
	c.level, c.zone = level, zone
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
