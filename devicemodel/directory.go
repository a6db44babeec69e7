package devicemodel

import (
	"slices"
	"strings"
	"sync"
)

// Device is one device of a model.
type Device struct {
	Namespace string // of Kubernetes; "" if there is none
	Name      string
	Model     string // name of its Model
	Push      []Push // where its mapper sends values outside the device's own topics
}

// Push is where a mapper sends the values of a property.
type Push struct {
	Property string
	Topic    string // of MQTT; "" if by HTTP
	Path     string // of HTTP
}

// ID is how topics name the device: namespace/name, or the name alone.
func (d *Device) ID() string {
	if d.Namespace == "" {
		return d.Name
	}
	return d.Namespace + "/" + d.Name
}

// Directory knows which device is of which model, and what models say of their
// properties. Each place (a folder, a ConfigMap) replaces what it said before.
// All methods are safe for concurrent use; what they return must not be changed.
type Directory struct {
	mu      sync.RWMutex
	places  map[string]content
	models  map[string]*Model
	devices map[string]*Device // by ID and, where it is not ambiguous, by name; in lower case
	changed chan struct{}
}

type content struct {
	models  []Model
	devices []Device
}

// Default is the directory of the process.
var Default = NewDirectory()

// NewDirectory returns an empty directory.
func NewDirectory() *Directory {
	return &Directory{places: map[string]content{}, changed: make(chan struct{})}
}

// Replace sets what a place says. Of models or devices with the same name in
// several places, that of the last place in alphabetical order counts.
func (d *Directory) Replace(place string, models []Model, devices []Device) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.places[place] = content{slices.Clone(models), slices.Clone(devices)}
	d.models, d.devices = map[string]*Model{}, map[string]*Device{}
	names := map[string]int{}
	for _, p := range sortedKeys(d.places) {
		c := d.places[p]
		for i := range c.models {
			d.models[strings.ToLower(c.models[i].Name)] = &c.models[i]
		}
		for i := range c.devices {
			dev := &c.devices[i]
			if d.devices[strings.ToLower(dev.ID())] == nil {
				names[strings.ToLower(dev.Name)]++
			}
			d.devices[strings.ToLower(dev.ID())] = dev
		}
	}
	for _, dev := range d.devices {
		if name := strings.ToLower(dev.Name); names[name] == 1 {
			d.devices[name] = dev
		}
	}
	close(d.changed)
	d.changed = make(chan struct{})
}

func sortedKeys(m map[string]content) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Changed returns a channel that is closed when the directory changes. Ask for
// it before reading.
func (d *Directory) Changed() <-chan struct{} {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.changed
}

// Model finds a model by name in any case; nil: unknown.
func (d *Directory) Model(name string) *Model {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.models[strings.ToLower(name)]
}

// Device finds a device by the id of a topic, namespace/name or name, in any
// case, and its model. A device that nobody described has the model of its own
// name, if there is one.
func (d *Directory) Device(id string) (*Device, *Model) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	key := strings.ToLower(id)
	if dev := d.devices[key]; dev != nil {
		return dev, d.models[strings.ToLower(dev.Model)]
	}
	_, name, _ := strings.Cut(key, "/")
	for _, k := range []string{name, key} {
		if dev := d.devices[k]; dev != nil && dev.Namespace == "" {
			return dev, d.models[strings.ToLower(dev.Model)]
		}
	}
	for _, k := range []string{key, name} {
		if m := d.models[k]; m != nil {
			return nil, m
		}
	}
	return nil, nil
}

// Pushes finds the device and property whose mapper sends values on a topic or
// path; nil: nobody was said to.
func (d *Directory) Pushes(where string) (*Device, Push) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, dev := range d.devices {
		for _, p := range dev.Push {
			if where != "" && (p.Topic == where || p.Path == where) {
				return dev, p
			}
		}
	}
	return nil, Push{}
}

// Devices lists the devices of a model, by id.
func (d *Directory) Devices(model string) []*Device {
	d.mu.RLock()
	defer d.mu.RUnlock()
	seen := map[*Device]bool{}
	var all []*Device
	for _, dev := range d.devices {
		if strings.EqualFold(dev.Model, model) && !seen[dev] {
			seen[dev] = true
			all = append(all, dev)
		}
	}
	slices.SortFunc(all, func(a, b *Device) int { return strings.Compare(a.ID(), b.ID()) })
	return all
}

// Property finds a property of a model, exactly or else in any case.
func (m *Model) Property(name string) *Property {
	var other *Property
	for i := range m.Properties {
		p := &m.Properties[i]
		if p.Name == name {
			return p
		}
		if other == nil && strings.EqualFold(p.Name, name) {
			other = p
		}
	}
	return other
}
