// Package edgex reads EdgeX device profiles: from the YAML and JSON files that
// device services have, and from the DTOs of core-metadata.
//
//	profiles, err := edgex.ReadDir("res/profiles")
//	for _, p := range profiles {
//		fmt.Println(edgex.CreateStream(&p))
//		// CREATE STREAM Press_Line_Sensor (Temperature FLOAT, Vibration ARRAY(FLOAT))
//		//   WITH (DATASOURCE="edgex/events/device/+/Press-Line-Sensor/#", FORMAT="JSON", TYPE="edgex")
//	}
package edgex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
	"gopkg.in/yaml.v3"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// Profile is what we need of a device profile, in the spelling of EdgeX 2 to 4.
type Profile struct {
	Name            string     `yaml:"name" json:"name"`
	Manufacturer    string     `yaml:"manufacturer" json:"manufacturer"`
	Model           string     `yaml:"model" json:"model"`
	Description     string     `yaml:"description" json:"description"`
	Labels          []string   `yaml:"labels" json:"labels"`
	DeviceResources []Resource `yaml:"deviceResources" json:"deviceResources"`
	DeviceCommands  []Command  `yaml:"deviceCommands" json:"deviceCommands"`
}

// Resource is a value that devices of a profile have.
type Resource struct {
	Name        string             `yaml:"name" json:"name"`
	Description string             `yaml:"description" json:"description"`
	IsHidden    bool               `yaml:"isHidden" json:"isHidden"`
	Properties  ResourceProperties `yaml:"properties" json:"properties"`
	Attributes  map[string]any     `yaml:"attributes" json:"attributes"` // for the device service
}

// ResourceProperties are the type and limits of a Resource.
type ResourceProperties struct {
	ValueType string `yaml:"valueType" json:"valueType"`
	ReadWrite string `yaml:"readWrite" json:"readWrite"`
	Units     string `yaml:"units" json:"units"`
	Minimum   any    `yaml:"minimum" json:"minimum"` // a number; text in EdgeX 2
	Maximum   any    `yaml:"maximum" json:"maximum"`
}

// Command reads or writes several resources at once.
type Command struct {
	Name               string      `yaml:"name" json:"name"`
	ReadWrite          string      `yaml:"readWrite" json:"readWrite"`
	ResourceOperations []Operation `yaml:"resourceOperations" json:"resourceOperations"`
}

// Operation is one resource of a Command. Mappings turn its values into texts.
type Operation struct {
	DeviceResource string            `yaml:"deviceResource" json:"deviceResource"`
	Mappings       map[string]string `yaml:"mappings" json:"mappings"`
}

// document is any of the shapes that hold profiles: one profile, or what
// core-metadata answers.
type document struct {
	Profile  `yaml:",inline"`
	One      *Profile  `yaml:"profile" json:"profile"`
	Profiles []Profile `yaml:"profiles" json:"profiles"`
}

// Parse reads the profiles of a YAML or JSON document: a profile, a list of
// profiles, or an answer of core-metadata. The good profiles of a document are
// returned beside the error that names the others.
func Parse(text []byte) ([]Profile, error) {
	unmarshal := yaml.Unmarshal
	text = bytes.TrimSpace(text)
	list := bytes.HasPrefix(text, []byte("- "))
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		unmarshal = json.Unmarshal
		list = text[0] == '['
	}
	var doc document
	var err error
	if list {
		err = unmarshal(text, &doc.Profiles)
	} else {
		err = unmarshal(text, &doc)
	}
	if err != nil {
		return nil, fmt.Errorf("device profile: %w", err)
	}
	switch {
	case doc.One != nil:
		doc.Profiles = []Profile{*doc.One}
	case doc.Profiles == nil:
		doc.Profiles = []Profile{doc.Profile}
	}
	var good []Profile
	var bad []error
	for i := range doc.Profiles {
		p := &doc.Profiles[i]
		if p.Name == "" {
			bad = append(bad, fmt.Errorf("device profile %d has no name", i+1))
			continue
		}
		if err := p.Check(); err != nil {
			bad = append(bad, err)
		}
		good = append(good, *p)
	}
	return good, errors.Join(bad...)
}

// Check leaves out the resources of which no column can be made, and names them
// in its error: those without a name, of an unknown valueType, or of a name that
// another has.
func (p *Profile) Check() error {
	var bad []error
	seen := map[string]bool{}
	p.DeviceResources = slices.DeleteFunc(slices.Clone(p.DeviceResources), func(r Resource) bool {
		_, known := columnType(r.Properties.ValueType)
		switch {
		case r.Name == "":
			bad = append(bad, fmt.Errorf("device profile %q: a resource has no name", p.Name))
		case !known:
			bad = append(bad, diag.New(diag.General, "device profile %q: resource %q has valueType %q", p.Name, r.Name, r.Properties.ValueType).
				WithHint(diag.DidYouMean(r.Properties.ValueType, valueTypes())))
		case seen[r.Name]:
			bad = append(bad, fmt.Errorf("device profile %q: resource %q is there twice, the first one counts", p.Name, r.Name))
		default:
			seen[r.Name] = true
			return false
		}
		return true
	})
	return errors.Join(bad...)
}

// ReadDir reads the profiles of all files in a folder, by file name
// (devicemodel.EachFile). What is wrong with a file is named in the error, and
// the profiles of the rest are returned.
func ReadDir(dir string) ([]Profile, error) {
	var all []Profile
	err := devicemodel.EachFile(dir, func(text []byte) error {
		profiles, err := Parse(text)
		all = append(all, profiles...)
		return err
	})
	return all, err
}

// FromDTO converts what the core-metadata client returns.
func FromDTO(d dtos.DeviceProfile) Profile {
	p := Profile{Name: d.Name, Manufacturer: d.Manufacturer, Model: d.Model, Description: d.Description, Labels: d.Labels}
	for _, r := range d.DeviceResources {
		props := ResourceProperties{ValueType: r.Properties.ValueType, ReadWrite: r.Properties.ReadWrite, Units: r.Properties.Units}
		if r.Properties.Minimum != nil {
			props.Minimum = *r.Properties.Minimum
		}
		if r.Properties.Maximum != nil {
			props.Maximum = *r.Properties.Maximum
		}
		p.DeviceResources = append(p.DeviceResources, Resource{Name: r.Name, Description: r.Description, IsHidden: r.IsHidden, Properties: props})
	}
	for _, c := range d.DeviceCommands {
		command := Command{Name: c.Name, ReadWrite: c.ReadWrite}
		for _, op := range c.ResourceOperations {
			command.ResourceOperations = append(command.ResourceOperations, Operation{DeviceResource: op.DeviceResource, Mappings: op.Mappings})
		}
		p.DeviceCommands = append(p.DeviceCommands, command)
	}
	return p
}
