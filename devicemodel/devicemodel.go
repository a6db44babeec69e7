// Package devicemodel turns descriptions of devices (EdgeX device profiles,
// KubeEdge device models) into streams: a Model has Properties, and from them
// come the typed schema and the CREATE STREAM statement.
//
//	m := devicemodel.Model{Name: "press", Properties: []devicemodel.Property{
//		{Name: "Vibration", Type: value.ArrayOf(value.Type{Kind: value.Float}), Readable: true},
//	}}
//	m.CreateStream(ast.Options{Type: "edgex", Datasource: "edgex/events/device/+/press/#"})
//	// CREATE STREAM press (Vibration ARRAY(FLOAT)) WITH (DATASOURCE="...", TYPE="edgex")
package devicemodel

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Model describes a kind of device.
type Model struct {
	Name        string
	Description string
	Properties  []Property
}

// Property is one value that devices of a Model have.
type Property struct {
	Name        string
	Type        value.Type
	Unit        string
	Min, Max    *float64 // nil: no limit
	Description string
	Readable    bool // devices send it
	Writable    bool
}

// Schema has a column for each readable property, in order. Each is NULL in
// events that do not carry it. Of properties with the same name the first one
// counts.
func (m *Model) Schema() *row.Schema {
	s := &row.Schema{}
	seen := make(map[string]bool, len(m.Properties))
	for _, p := range m.Properties {
		if p.Readable && !seen[p.Name] {
			seen[p.Name] = true
			s.Cols = append(s.Cols, value.Field{Name: p.Name, Type: p.Type})
		}
	}
	return s
}

// CreateStream is the statement that makes the stream of the model. Without a
// readable property it makes a schemaless stream.
func (m *Model) CreateStream(options ast.Options) string {
	c := ast.Create{Name: StreamName(m.Name), Cols: m.Schema().Cols, Options: options}
	return c.String()
}

// StreamName makes a name that needs no quotes from any name: what is not a
// letter, digit or underscore becomes an underscore, and a name that does not
// begin with a letter gets one. Different names may fall together; a catalog
// of several models must see to that.
func StreamName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	if safe == "" || safe[0] == '_' || safe[0] >= '0' && safe[0] <= '9' {
		safe = "s" + safe
	}
	if ast.QuoteName(safe) != safe { // a word of the language
		safe += "_"
	}
	return safe
}
