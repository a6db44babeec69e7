package catalog

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format/protobuf"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Schema is a schema that FORMAT and SCHEMAID refer to: the text of a .proto
// file.
type Schema struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
	Version string `json:"version,omitempty"`
}

const protobufType = "protobuf"

// CheckSchemaType refuses types of schemas that there are not.
func CheckSchemaType(typ string) error {
	if typ == protobufType || typ == "custom" {
		return nil
	}
	return diag.New(diag.Undefined, "schema type %s not found", typ).WithHint(diag.DidYouMean(typ, []string{protobufType}))
}

func schemaKey(typ, name string) string { return typ + "/" + name }

// Schemas returns the names of the schemas of a type, sorted.
func (c *Catalog) Schemas(typ string) []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := []string{}
	for _, s := range c.schemas {
		if s.Type == typ {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// SchemaText returns a schema.
func (c *Catalog) SchemaText(typ, name string) (*Schema, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if s := c.schemas[schemaKey(typ, name)]; s != nil {
		return s, nil
	}
	return nil, diag.New(diag.Undefined, "schema type %s id %s not found in registry", typ, name)
}

// CreateSchema keeps a new schema. It is compiled when it is used: it may
// import one that is still to come.
func (c *Catalog) CreateSchema(s Schema) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.schemas[schemaKey(s.Type, s.Name)] != nil {
		return diag.New(diag.Undefined, "schema %s.%s already registered", s.Type, s.Name)
	}
	return c.storeSchema(s)
}

// PutSchema keeps a schema, in place of one of the same name. Rules take it
// when they are started the next time.
func (c *Catalog) PutSchema(s Schema) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.storeSchema(s)
}

func (c *Catalog) storeSchema(s Schema) error {
	if s.Type != protobufType {
		return diag.New(diag.Undefined, "%s schemas are not supported: they need a plugin of Kuiper's", s.Type).
			WithHint("write a protobuf schema, or another FORMAT")
	}
	if err := CheckName(s.Name); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := c.cfg.DB.Put(kv.Schemas, schemaKey(s.Type, s.Name), text); err != nil {
		return err
	}
	c.schemas[schemaKey(s.Type, s.Name)] = &s
	return nil
}

// DropSchema forgets a schema. Rules that run with it go on.
func (c *Catalog) DropSchema(typ, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := schemaKey(typ, name)
	if c.schemas[key] == nil {
		return diag.New(diag.Undefined, "schema %s.%s not found", typ, name)
	}
	if err := c.cfg.DB.Delete(kv.Schemas, key); err != nil {
		return err
	}
	delete(c.schemas, key)
	return nil
}

func (c *Catalog) loadSchemas() error {
	return c.cfg.DB.Each(kv.Schemas, func(key string, text []byte) error {
		var s Schema
		if err := json.Unmarshal(text, &s); err != nil {
			c.cfg.Log.Error("stored schema cannot be read", "schema", key, "error", err)
			return nil
		}
		c.schemas[key] = &s
		return nil
	})
}

// Message resolves SCHEMAID for a format that needs a schema: what
// format.Config.Message is to be. It is nil for other formats.
func (c *Catalog) Message(format, id string) (any, error) {
	if !strings.EqualFold(format, protobufType) {
		return nil, nil
	}
	name, message, ok := strings.Cut(id, ".")
	if !ok || name == "" || message == "" {
		return nil, diag.New(diag.Stream, "invalid schemaId %q: it is the name of a schema and of a message, such as plant.Reading", id)
	}
	s, err := c.SchemaText(protobufType, name)
	if err != nil {
		return nil, diag.New(diag.Stream, "%v", err).WithHint(diag.DidYouMean(name, c.Schemas(protobufType)))
	}
	file, err := protobuf.Compile(s.Name, s.Content, func(path string) (io.ReadCloser, error) {
		other, err := c.SchemaText(protobufType, strings.TrimSuffix(path, ".proto"))
		if err != nil {
			return nil, fmt.Errorf("import %q: %w", path, err)
		}
		return io.NopCloser(strings.NewReader(other.Content)), nil
	})
	if err != nil {
		return nil, err
	}
	return file.Message(message)
}

// declared returns the columns of a stream: those of CREATE, else those of the
// message that SCHEMAID names.
func (c *Catalog) declared(d *Definition) (*row.Schema, error) {
	if len(d.Cols) > 0 || !strings.EqualFold(d.Format(), protobufType) {
		return d.Declared(), nil
	}
	m, err := c.Message(d.Format(), d.Options.SchemaID)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", d.Name, err)
	}
	return m.(*protobuf.Message).Schema(), nil
}
