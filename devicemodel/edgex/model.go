package edgex

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Model converts a profile. Its properties have the types in which readings
// arrive: a resource whose values a command maps to texts is a STRING, since
// EdgeX sends sometimes the text and sometimes the value.
func Model(p *Profile) devicemodel.Model {
	mapped := map[string]bool{}
	for _, c := range p.DeviceCommands {
		for _, op := range c.ResourceOperations {
			if len(op.Mappings) > 0 {
				mapped[op.DeviceResource] = true
			}
		}
	}
	m := devicemodel.Model{Name: p.Name, Description: p.Description}
	for _, r := range p.DeviceResources {
		t, _ := columnType(r.Properties.ValueType)
		if mapped[r.Name] {
			t = value.Type{Kind: value.String}
		}
		m.Properties = append(m.Properties, devicemodel.Property{
			Name: r.Name, Type: t, Unit: r.Properties.Units, Description: r.Description,
			Min: limit(r.Properties.Minimum), Max: limit(r.Properties.Maximum),
			Readable: r.Properties.ReadWrite == "" || strings.ContainsAny(r.Properties.ReadWrite, "Rr"),
			Writable: strings.ContainsAny(r.Properties.ReadWrite, "Ww"),
		})
	}
	return m
}

// CreateStream is the statement for a stream with the events of all devices of
// a profile.
func CreateStream(p *Profile) string {
	m := Model(p)
	return m.CreateStream(ast.Options{Type: "edgex", Format: "JSON", Datasource: Topic("edgex", p.Name)})
}

// Topic is the filter for the events of a profile's devices, below the bus's
// base topic prefix.
func Topic(prefix, profile string) string {
	return prefix + "/events/device/+/" + escapeName(profile) + "/#"
}

// escapeName writes a name as EdgeX does in topics: with percent signs for all
// but letters, digits and -._~
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// limit reads a number, or the text of one as in EdgeX 2.
func limit(x any) *float64 {
	if x == nil {
		return nil
	}
	f, err := strconv.ParseFloat(fmt.Sprint(x), 64)
	if err != nil {
		return nil
	}
	return &f
}

// scalarTypes are EdgeX's value types; all but the last two have arrays too,
// and since EdgeX 4 Object.
var scalarTypes = []struct {
	name string
	kind value.Kind
}{
	{"Bool", value.Bool}, {"String", value.String},
	{"Uint8", value.Int}, {"Uint16", value.Int}, {"Uint32", value.Int}, {"Uint64", value.Int},
	{"Int8", value.Int}, {"Int16", value.Int}, {"Int32", value.Int}, {"Int64", value.Int},
	{"Float32", value.Float}, {"Float64", value.Float}, {"Object", value.Object}, {"Binary", value.Bytes},
}

// columnType is the type of the column for a value type in any case.
func columnType(valueType string) (value.Type, bool) {
	for _, s := range scalarTypes {
		t := value.Type{Kind: s.kind}
		switch {
		case strings.EqualFold(valueType, s.name):
			return t, true
		case s.kind != value.Bytes && strings.EqualFold(valueType, s.name+"Array"):
			return value.ArrayOf(t), true
		}
	}
	return value.Type{}, false
}

func valueTypes() (names []string) {
	for _, s := range scalarTypes {
		names = append(names, s.name)
		if s.kind != value.Bytes {
			names = append(names, s.name+"Array")
		}
	}
	return names
}
