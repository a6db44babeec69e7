package catalog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Description is a stream or table as GET /streams/{name} shows it.
type Description struct {
	Name         string             `json:"Name"`
	StreamFields []FieldDescription `json:"StreamFields"` // null: schemaless
	Options      OptionsDescription `json:"Options"`
	StreamType   int                `json:"StreamType"` // 1: table
	Statement    any                `json:"Statement"`
	Origin       *Details           `json:"Origin,omitempty"` // of streams that were made of a device profile or model
}

// FieldDescription is one column or struct member. FieldType is the type's
// name, or an object for arrays and structs.
type FieldDescription struct {
	FieldType any    `json:"FieldType"`
	Name      string `json:"Name"`
}

// OptionsDescription has the options that are set.
type OptionsDescription struct {
	Datasource       string `json:"datasource,omitempty"`
	Key              string `json:"key,omitempty"`
	Format           string `json:"format,omitempty"`
	ConfKey          string `json:"confKey,omitempty"`
	Type             string `json:"type,omitempty"`
	StrictValidation bool   `json:"strictValidation,omitempty"`
	Timestamp        string `json:"timestamp,omitempty"`
	TimestampFormat  string `json:"timestampFormat,omitempty"`
	RetainSize       int    `json:"retainSize,omitempty"`
	Shared           bool   `json:"shared,omitempty"`
	SchemaID         string `json:"schemaid,omitempty"`
	Kind             string `json:"kind,omitempty"`
	Delimiter        string `json:"delimiter,omitempty"`
	Version          string `json:"version,omitempty"`
	Extra            string `json:"extra,omitempty"`
	Temp             bool   `json:"temp,omitempty"`
}

// Describe returns the definition of a stream or table.
func (c *Catalog) Describe(name string, table bool) (*Description, error) {
	d, ok := c.Lookup(name)
	if !ok || d.Table != table {
		return nil, c.missing(ast.Describe, table, name)
	}
	desc := &Description{Name: name, StreamFields: describeFields(d.Cols), Options: d.describeOptions(), Origin: c.Details(name)}
	if d.Table {
		desc.StreamType = 1
	}
	return desc, nil
}

func (d *Definition) describeOptions() OptionsDescription {
	o := d.Options
	retain, _ := strconv.Atoi(o.RetainSize)
	return OptionsDescription{
		Datasource: o.Datasource, Key: o.Key, Format: d.Format(), ConfKey: o.ConfKey, Type: o.Type,
		StrictValidation: isTrue(o.StrictValidation), Timestamp: o.Timestamp, TimestampFormat: o.TimestampFormat,
		RetainSize: retain, Shared: isTrue(o.Shared), SchemaID: o.SchemaID, Kind: o.Kind,
		Delimiter: o.Delimiter, Version: o.Version, Extra: o.Extra, Temp: d.Temp,
	}
}

func describeFields(fs []value.Field) []FieldDescription {
	var out []FieldDescription
	for _, f := range fs {
		out = append(out, FieldDescription{describeType(f.Type), f.Name})
	}
	return out
}

func describeType(t value.Type) any {
	switch {
	case t.Kind == value.Array && t.Elem != nil:
		return struct {
			Type        string `json:"Type"`
			ElementType any    `json:"ElementType"`
		}{"array", describeType(*t.Elem)}
	case t.Kind == value.Object:
		return struct {
			Type   string             `json:"Type"`
			Fields []FieldDescription `json:"Fields"`
		}{"struct", describeFields(t.Fields)}
	}
	return t.String()
}

// SchemaField is one column of GET /streams/{name}/schema.
type SchemaField struct {
	Type       string                 `json:"type"`
	Items      *SchemaField           `json:"items,omitempty"`
	Properties map[string]SchemaField `json:"properties,omitempty"`
	Index      int                    `json:"index"`

	Unit        string `json:"unit,omitempty"` // of streams made of a device profile or model
	Description string `json:"description,omitempty"`
}

// Schema returns the declared columns by name, nil for a schemaless stream.
func (c *Catalog) Schema(name string, table bool) (map[string]SchemaField, error) {
	d, ok := c.Lookup(name)
	if !ok || d.Table != table {
		return nil, c.missing(ast.Describe, table, name)
	}
	declared, err := c.declared(d)
	if err != nil {
		return nil, err
	}
	if len(declared.Cols) == 0 {
		return nil, nil
	}
	fields := schemaFields(declared.Cols)
	c.Details(name).annotate(fields)
	return fields, nil
}

func schemaFields(fs []value.Field) map[string]SchemaField {
	m := map[string]SchemaField{}
	for _, f := range fs {
		m[f.Name] = schemaField(f.Type)
	}
	return m
}

func schemaField(t value.Type) SchemaField {
	switch {
	case t.Kind == value.Array && t.Elem != nil:
		items := schemaField(*t.Elem)
		return SchemaField{Type: "array", Items: &items}
	case t.Kind == value.Object:
		return SchemaField{Type: "struct", Properties: schemaFields(t.Fields)}
	}
	return SchemaField{Type: t.String()}
}

// text80 is the answer to DESCRIBE: the columns, with what the model they were
// made of says, and the options under their SQL names.
func (d *Definition) text80(o *Details) string {
	var b strings.Builder
	b.WriteString("Fields\n" + strings.Repeat("-", 80) + "\n")
	for _, f := range d.Cols {
		fmt.Fprintf(&b, "%s\t%s%s\n", f.Name, f.Type, o.note(f))
	}
	b.WriteString("\n")
	for _, option := range d.options() {
		fmt.Fprintf(&b, "%s: %s\n", option[0], option[1])
	}
	return b.String() + o.lines() + "\n"
}

// options returns the options that are set with their SQL names, sorted.
func (d *Definition) options() [][2]string {
	var set map[string]any
	b, _ := json.Marshal(d.describeOptions())
	json.Unmarshal(b, &set)
	var out [][2]string
	for key, val := range set {
		name, ok := sqlNames[key]
		if !ok {
			name = strings.ToUpper(key)
		}
		out = append(out, [2]string{name, fmt.Sprint(val)})
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return out
}

// sqlNames are the options whose JSON key differs from the SQL name in more
// than case.
var sqlNames = map[string]string{
	"confKey": "CONF_KEY", "strictValidation": "STRICT_VALIDATION", "timestampFormat": "TIMESTAMP_FORMAT", "retainSize": "RETAIN_SIZE",
}
