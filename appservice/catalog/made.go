package catalog

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Origin says who made a stream that the user did not make.
type Origin struct {
	Kind string `json:"kind"`           // edgex, kubeedge
	Name string `json:"name"`           // of the device profile or model
	From string `json:"from,omitempty"` // files, core-metadata, ConfigMap
	Gone bool   `json:"gone,omitempty"` // what it was made from is not there any more; rules still read it
}

// Details are what else is known of a stream that the user did not make. They
// are in the database only: there may be thousands of such streams.
type Details struct {
	Origin
	Columns map[string]Column `json:"columns,omitempty"` // what the model says beside the types
	Changes *Changes          `json:"changes,omitempty"` // of the last change of the model
}

// Column is what a model says of a column beside its type.
type Column struct {
	Unit        string   `json:"unit,omitempty"`
	Description string   `json:"description,omitempty"`
	Min         *float64 `json:"min,omitempty"`
	Max         *float64 `json:"max,omitempty"`
}

// Changes are the columns in which a stream differs from what it was before.
type Changes struct {
	Added   []string          `json:"added,omitempty"`
	Removed []string          `json:"removed,omitempty"`
	Retyped map[string]string `json:"retyped,omitempty"` // column -> type it had
}

// String lists the changes for the log.
func (c *Changes) String() string {
	if c == nil {
		return "none"
	}
	var parts []string
	for _, name := range c.Added {
		parts = append(parts, "+"+name)
	}
	for _, name := range c.Removed {
		parts = append(parts, "-"+name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Retyped)) {
		parts = append(parts, name+" was "+c.Retyped[name])
	}
	return strings.Join(parts, ", ")
}

// Made is a stream that is to be made of a model.
type Made struct {
	SQL     string
	Origin  Origin
	Columns map[string]Column
}

// Changed is a stream that was made, or made anew.
type Changed struct {
	Stream  string
	Origin  Origin
	Changes *Changes // nil: it is new, or its columns are as before
}

// origins are those of all streams that the user did not make.
type origins struct {
	of      map[string]*known
	streams map[modelKey]string
}

// known is an origin with a digest of what the model says of the columns.
type known struct {
	Origin
	columns uint64
}

type modelKey struct{ kind, name string }

func newOrigins() origins { return origins{map[string]*known{}, map[modelKey]string{}} }

func (os *origins) set(stream string, o *known) {
	os.of[stream] = o
	os.streams[modelKey{o.Kind, o.Name}] = stream
}

func (os *origins) drop(stream string) {
	if o := os.of[stream]; o != nil && os.streams[modelKey{o.Kind, o.Name}] == stream {
		delete(os.streams, modelKey{o.Kind, o.Name})
	}
	delete(os.of, stream)
}

// Origin returns who made a stream; nil: the user.
func (c *Catalog) Origin(name string) *Origin {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if k := c.origins.of[name]; k != nil {
		return &k.Origin
	}
	return nil
}

// Details returns what is known of a stream that the user did not make; nil: the
// user made it.
func (c *Catalog) Details(name string) *Details {
	if c.Origin(name) == nil {
		return nil
	}
	text, err := c.cfg.DB.Get(kv.Origins, name)
	var d Details
	if err == nil && text != nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		c.cfg.Log.Error("stored origin cannot be read", "stream", name, "error", err)
	}
	return &d
}

// Made returns the names of the streams of an origin's kind with the name of
// the model each was made of.
func (c *Catalog) Made(kind string) map[string]string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := map[string]string{}
	for stream, o := range c.origins.of {
		if o.Kind == kind {
			names[stream] = o.Name
		}
	}
	return names
}

// MadeOf returns the stream that was made of a model; "": none.
func (c *Catalog) MadeOf(kind, model string) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.origins.streams[modelKey{kind, model}]
}

// Make defines streams, all in one transaction, and returns those that are new
// or have changed. A stream of the user's, or of another model, is never
// touched: it is named in an error, and the others are made.
func (c *Catalog) Make(streams []Made) (changed []Changed, errs []error) {
	entries := map[string]map[string][]byte{kv.Streams: {}, kv.Origins: {}}
	ready := map[string]*Definition{}
	origins := map[string]*known{}
	c.mu.Lock()
	for i := range streams {
		m := &streams[i]
		d, err := parseCreate(m.SQL)
		if err == nil {
			err = d.check()
		}
		if err == nil {
			err = c.mayMake(d.Name, &m.Origin)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %q: %w", m.Origin.Kind, m.Origin.Name, err))
			continue
		}
		k := &known{m.Origin, digest(m.Columns)}
		old, was := c.defs[d.Name], c.origins.of[d.Name]
		if old != nil && old.Text == d.Text && was != nil && *was == *k {
			continue
		}
		details := Details{m.Origin, m.Columns, changesOf(old, d)}
		text, err := json.Marshal(details)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		entries[kv.Streams][d.Name], entries[kv.Origins][d.Name] = []byte(d.Text), text
		ready[d.Name], origins[d.Name] = d, k
		changed = append(changed, Changed{d.Name, m.Origin, details.Changes})
	}
	if len(changed) > 0 {
		if err := c.cfg.DB.Update(entries); err != nil {
			c.mu.Unlock()
			return nil, append(errs, err)
		}
	}
	for name, d := range ready {
		c.defs[name] = d
		c.origins.set(name, origins[name])
	}
	c.mu.Unlock()
	for _, ch := range changed {
		c.changed(ch.Stream)
	}
	return changed, errs
}

// digest tells columns apart.
func digest(columns map[string]Column) uint64 {
	h := fnv.New64a()
	text, _ := json.Marshal(columns) // keys are sorted
	h.Write(text)
	return h.Sum64()
}

// mayMake refuses to touch what somebody else made; c.mu is held.
func (c *Catalog) mayMake(name string, o *Origin) error {
	if c.defs[name] == nil {
		return nil
	}
	was := c.origins.of[name]
	if was == nil {
		return fmt.Errorf("stream %s was made by a user and stays as it is", name)
	}
	if was.Kind != o.Kind || was.Name != o.Name {
		return fmt.Errorf("stream %s was made of %s %q", name, was.Kind, was.Name)
	}
	return nil
}

// changesOf compares the columns of two definitions; nil if the stream is new
// or only something else has changed.
func changesOf(old, next *Definition) *Changes {
	if old == nil {
		return nil
	}
	var ch Changes
	was, is := map[string]value.Type{}, map[string]bool{}
	for _, f := range old.Declared().Cols {
		was[f.Name] = f.Type
	}
	for _, f := range next.Declared().Cols {
		is[f.Name] = true
		t, there := was[f.Name]
		switch {
		case !there:
			ch.Added = append(ch.Added, f.Name)
		case !t.Equal(f.Type):
			if ch.Retyped == nil {
				ch.Retyped = map[string]string{}
			}
			ch.Retyped[f.Name] = t.String()
		}
	}
	for _, f := range old.Declared().Cols {
		if !is[f.Name] {
			ch.Removed = append(ch.Removed, f.Name)
		}
	}
	if ch.Added == nil && ch.Removed == nil && ch.Retyped == nil {
		return nil
	}
	return &ch
}

// MarkGone notes that what a stream was made of is not there any more.
func (c *Catalog) MarkGone(name string) error {
	details := c.Details(name)
	if details == nil || details.Gone {
		return nil
	}
	details.Gone = true
	text, err := json.Marshal(details)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.origins.of[name]
	if k == nil {
		return nil
	}
	if err := c.cfg.DB.Put(kv.Origins, name, text); err != nil {
		return err
	}
	c.origins.set(name, &known{details.Origin, k.columns})
	return nil
}

func (c *Catalog) loadOrigins() error {
	return c.cfg.DB.Each(kv.Origins, func(name string, text []byte) error {
		var d Details
		if err := json.Unmarshal(text, &d); err != nil {
			c.cfg.Log.Error("stored origin cannot be read", "stream", name, "error", err)
			return nil
		}
		c.origins.set(name, &known{d.Origin, digest(d.Columns)})
		return nil
	})
}

// disown makes a stream the user's; c.mu is held.
func (c *Catalog) disown(name string) error {
	if c.origins.of[name] == nil {
		return nil
	}
	c.origins.drop(name)
	return c.cfg.DB.Delete(kv.Origins, name)
}

// annotate adds what the model says to the columns of a schema.
func (o *Details) annotate(fields map[string]SchemaField) {
	if o == nil {
		return
	}
	for name, f := range fields {
		col := o.Columns[name]
		f.Unit, f.Description = col.Unit, col.Description
		fields[name] = f
	}
}

// lines are what DESCRIBE shows of who made a stream, and how it has changed.
func (o *Details) lines() string {
	if o == nil {
		return ""
	}
	text := fmt.Sprintf("ORIGIN: %s %q", o.Kind, o.Name)
	if o.From != "" {
		text += " from " + o.From
	}
	if o.Gone {
		text += ", which is gone; the stream goes when no rule reads it any more"
	}
	if o.Changes != nil {
		text += "\nCHANGED: " + o.Changes.String()
	}
	return text + "\n"
}

// note is what DESCRIBE shows behind the type of a column.
func (o *Details) note(f value.Field) string {
	if o == nil {
		return ""
	}
	col := o.Columns[f.Name]
	switch {
	case col.Unit == "" && col.Description == "":
		return ""
	case col.Unit != "" && col.Description != "":
		return "\t" + col.Unit + ", " + col.Description
	}
	return "\t" + col.Unit + col.Description
}
