// Package kubeedge reads KubeEdge's descriptions of devices: DeviceModel and
// Device of devices.kubeedge.io (v1alpha1, v1alpha2, v1beta1; YAML or JSON, one
// or many in a document), the deviceProfile.json that KubeEdge 1.0 to 1.14 gives
// its mappers, alone or inside its ConfigMap, and the cut of it that Kuiper 0.9
// calls kubeedgeModelFile.
//
//	set, err := kubeedge.ReadDir("/etc/models")
//	devicemodel.Default.Replace("files", set.Models, set.Devices)
//
// What is good is returned beside the error that names the rest.
package kubeedge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Set is what a document describes.
type Set struct {
	Models  []devicemodel.Model
	Devices []devicemodel.Device
}

// ModelName is how the model of a namespace is called: by its name alone in the
// namespace default.
func ModelName(namespace, name string) string {
	if namespace == "" || namespace == "default" {
		return name
	}
	return namespace + ":" + name
}

// Options are those of the stream of a model: the kubeedge source finds the
// devices by the model's name. It is read once for all rules on it.
func Options(model string) ast.Options {
	return ast.Options{Type: "kubeedge", Format: "JSON", Datasource: model, Shared: "true"}
}

// resource is any object of Kubernetes.
type resource struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metadata          `json:"metadata"`
	Spec       json.RawMessage   `json:"spec"`
	Items      []json.RawMessage `json:"items"` // of a List
	Data       map[string]string `json:"data"`  // of a ConfigMap

	// deviceProfile.json
	DeviceModels    []profileModel    `json:"deviceModels"`
	DeviceInstances []profileInstance `json:"deviceInstances"`
}

type metadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type modelSpec struct {
	Description string          `json:"description"`
	Properties  []modelProperty `json:"properties"`
}

// modelProperty has its type as a word in v1beta1, and before as an object
// with one member named after it.
type modelProperty struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Type        json.RawMessage `json:"type"`
	typeLimits
}

type typeLimits struct {
	AccessMode string `json:"accessMode"`
	Minimum    any    `json:"minimum"` // a number; text in v1beta1
	Maximum    any    `json:"maximum"`
	Unit       string `json:"unit"`
}

type profileModel struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Properties  []profileProperty `json:"properties"`
}

type profileProperty struct {
	Name        string `json:"name"`
	DataType    string `json:"dataType"`
	Description string `json:"description"`
	typeLimits
}

type profileInstance struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Model string `json:"model"`
}

type deviceSpec struct {
	ModelRef struct {
		Name string `json:"name"`
	} `json:"deviceModelRef"`
	Properties []struct {
		Name       string `json:"name"`
		PushMethod struct {
			MQTT struct {
				Topic string `json:"topic"`
			} `json:"mqtt"`
			HTTP struct {
				RequestPath string `json:"requestPath"`
			} `json:"http"`
		} `json:"pushMethod"`
	} `json:"properties"`
}

// add takes one object.
func (s *Set) add(text []byte) error {
	var r resource
	if err := json.Unmarshal(text, &r); err != nil {
		return position(text, typeError(err))
	}
	if len(r.Spec) == 0 {
		r.Spec = json.RawMessage("{}")
	}
	switch {
	case r.DeviceModels != nil || r.DeviceInstances != nil:
		return s.addProfile(&r)
	case r.Kind == "DeviceModel":
		return s.addModel(&r)
	case r.Kind == "Device":
		return s.addDevice(&r)
	case strings.HasSuffix(r.Kind, "List"):
		var bad []error
		for _, item := range r.Items {
			bad = append(bad, s.add(item))
		}
		return errors.Join(bad...)
	case r.Kind == "ConfigMap":
		profile, ok := r.Data["deviceProfile.json"]
		if !ok {
			return fmt.Errorf("ConfigMap %q has no deviceProfile.json", r.Metadata.Name)
		}
		inner, err := Parse([]byte(profile))
		s.Models, s.Devices = append(s.Models, inner.Models...), append(s.Devices, inner.Devices...)
		return err
	case r.Kind == "":
		return errors.New("neither a DeviceModel or Device (no kind) nor a deviceProfile.json (no deviceModels)")
	}
	return diag.New(diag.General, "kind %q is neither DeviceModel nor Device", r.Kind).WithHint(diag.DidYouMean(r.Kind, []string{"DeviceModel", "Device"}))
}

// typeError says which member has the wrong type.
func typeError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s must be of another type than %s", wrong.Field, wrong.Value)
	}
	return err
}

func (s *Set) addModel(r *resource) error {
	var spec modelSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return fmt.Errorf("device model %q: %w", r.Metadata.Name, typeError(err))
	}
	m := build(ModelName(r.Metadata.Namespace, r.Metadata.Name), spec.Description)
	if r.Metadata.Name == "" {
		return errors.New("a device model has no metadata.name")
	}
	var bad []error
	for _, p := range spec.Properties {
		typ, limits, err := p.typed()
		if err == nil {
			err = m.add(p.Name, typ, p.Description, limits)
		}
		bad = append(bad, m.of(p.Name, err))
	}
	s.Models = append(s.Models, m.Model)
	return errors.Join(bad...)
}

// of names the property an error is about.
func (m *builder) of(property string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("device model %q: property %q: %w", m.Name, property, err)
}

// typed returns the name of the type and what belongs to it.
func (p *modelProperty) typed() (string, typeLimits, error) {
	var word string
	if json.Unmarshal(p.Type, &word) == nil {
		return word, p.typeLimits, nil
	}
	var object map[string]*typeLimits
	if err := json.Unmarshal(p.Type, &object); err != nil || len(object) != 1 {
		return "", typeLimits{}, errors.New("type must be a word such as INT, or an object with one member such as int")
	}
	for word, limits := range object {
		if limits == nil {
			limits = &typeLimits{}
		}
		return word, *limits, nil
	}
	return "", typeLimits{}, nil
}

func (s *Set) addProfile(r *resource) error {
	var bad []error
	for _, pm := range r.DeviceModels {
		if pm.Name == "" {
			bad = append(bad, errors.New("a device model has no name"))
			continue
		}
		m := build(pm.Name, pm.Description)
		for _, p := range pm.Properties {
			bad = append(bad, m.of(p.Name, m.add(p.Name, p.DataType, p.Description, p.typeLimits)))
		}
		s.Models = append(s.Models, m.Model)
	}
	for _, d := range r.DeviceInstances {
		name := d.Name
		if name == "" {
			name = d.ID
		}
		if name == "" || d.Model == "" {
			bad = append(bad, fmt.Errorf("device %q has no name or no model", name))
			continue
		}
		s.Devices = append(s.Devices, devicemodel.Device{Name: name, Model: d.Model})
		if d.ID != "" && d.ID != name {
			s.Devices = append(s.Devices, devicemodel.Device{Name: d.ID, Model: d.Model})
		}
	}
	return errors.Join(bad...)
}

func (s *Set) addDevice(r *resource) error {
	var spec deviceSpec
	if err := json.Unmarshal(r.Spec, &spec); err != nil {
		return fmt.Errorf("device %q: %w", r.Metadata.Name, typeError(err))
	}
	if r.Metadata.Name == "" || spec.ModelRef.Name == "" {
		return fmt.Errorf("device %q has no metadata.name or no spec.deviceModelRef.name", r.Metadata.Name)
	}
	ns := r.Metadata.Namespace
	if ns == "" {
		ns = "default"
	}
	d := devicemodel.Device{Namespace: ns, Name: r.Metadata.Name, Model: ModelName(ns, spec.ModelRef.Name)}
	for _, p := range spec.Properties {
		if t := p.PushMethod.MQTT.Topic; t != "" {
			d.Push = append(d.Push, devicemodel.Push{Property: p.Name, Topic: t})
		}
		if path := p.PushMethod.HTTP.RequestPath; path != "" {
			d.Push = append(d.Push, devicemodel.Push{Property: p.Name, Path: path})
		}
	}
	s.Devices = append(s.Devices, d)
	return nil
}

// types are KubeEdge's, in lower case; a STREAM never passes through twins.
var types = map[string]value.Kind{
	"int": value.Int, "integer": value.Int, "float": value.Float, "double": value.Float, "string": value.String,
	"boolean": value.Bool, "bool": value.Bool, "bytes": value.Bytes, "stream": value.Null,
}

// builder makes a model property by property.
type builder struct {
	devicemodel.Model
	seen map[string]bool
}

func build(name, description string) *builder {
	return &builder{devicemodel.Model{Name: name, Description: description}, map[string]bool{}}
}

// add appends a property of which a column can be made.
func (m *builder) add(name, typ, description string, l typeLimits) error {
	kind, known := types[strings.ToLower(typ)]
	switch {
	case name == "":
		return errors.New("it has no name")
	case !known:
		return diag.New(diag.General, "type %q is unknown", typ).
			WithHint(diag.DidYouMean(strings.ToLower(typ), []string{"int", "float", "double", "string", "boolean", "bytes", "stream"}))
	}
	if m.seen[name] {
		return errors.New("it is there twice, the first one counts")
	}
	m.seen[name] = true
	p := devicemodel.Property{Name: name, Type: value.Type{Kind: kind}, Description: description, Unit: l.Unit,
		Readable: kind != value.Null, Writable: l.AccessMode == "ReadWrite" || strings.Contains(strings.ToLower(l.AccessMode), "w")}
	least, err1 := limit(l.Minimum)
	most, err2 := limit(l.Maximum)
	var err error
	switch {
	case err1 != nil || err2 != nil:
		err = errors.Join(err1, err2)
	case least != nil && most != nil && *least == 0 && *most == 0: // what was left out is 0 in deviceProfile.json
	case least != nil && most != nil && *least > *most:
		err = fmt.Errorf("minimum %v is larger than maximum %v, neither counts", *least, *most)
	case kind == value.Int || kind == value.Float:
		p.Min, p.Max = least, most
	}
	m.Properties = append(m.Properties, p)
	return err
}

// limit reads a number or the text of one.
func limit(x any) (*float64, error) {
	var text string
	switch x := x.(type) {
	case nil:
		return nil, nil
	case float64:
		return &x, nil
	case string:
		text = strings.TrimSpace(x)
	}
	if text == "" && x == "" {
		return nil, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		return nil, fmt.Errorf("limit %v is no number", x)
	}
	return &f, nil
}
