package config

import (
	"fmt"
	"slices"
	"strings"
)

// drivers holds conf keys: kind of source -> conf key -> properties.
type drivers struct {
	keys  map[string]map[string]map[string]any
	props func(kind string) []string // declared properties of a kind of source
}

func (d drivers) declared(kind string) []string {
	if d.props == nil {
		return nil
	}
	return d.props(kind)
}

// add merges properties into a conf key. Names in any case are one.
func (d drivers) add(kind, key string, props map[string]any) {
	kind, key = strings.ToLower(kind), strings.ToLower(key)
	if d.keys[kind] == nil {
		d.keys[kind] = map[string]map[string]any{}
	}
	d.keys[kind][key] = merge(d.keys[kind][key], modern(spelled(props, d.declared(kind))))
}

// nested takes Sluice.Sources and checks the depth of both sections.
func (d drivers) nested(sources, connections map[string]any) error {
	for kind, v := range sources {
		keys, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("configuration: Sluice.Sources.%s must have conf keys below it, as in %s.default.server", kind, kind)
		}
		for key, p := range keys {
			props, ok := p.(map[string]any)
			if !ok {
				return fmt.Errorf("configuration: Sluice.Sources.%s.%s must have properties below it, as in %s.default.%s", kind, key, kind, key)
			}
			// The environment was read before and wins.
			set := d.keys[strings.ToLower(kind)][strings.ToLower(key)]
			d.add(kind, key, merge(props, set))
		}
	}
	for kind, v := range connections {
		if _, ok := v.(map[string]any); !ok {
			return fmt.Errorf("configuration: Sluice.Connections.%s must have names below it, as in %s.cloud.server", kind, kind)
		}
	}
	return nil
}

// notShared are properties of mqtt that another source on its broker needs for
// itself.
var notShared = []string{"clientid", "qos", "cleanSession"}

// sameBroker lets a kind of source read the broker of mqtt sources unless it is
// told another: kubeedge devices speak on the broker of the node.
func (d drivers) sameBroker(kind string) {
	from, own := d.keys["mqtt"]["default"], d.keys[kind]["default"]
	if _, told := find(own, "server"); told {
		return
	}
	shared := map[string]any{}
	for _, name := range d.declared(kind) {
		if v, ok := find(from, name); ok && !slices.Contains(notShared, name) {
			shared[name] = v
		}
	}
	if len(shared) > 0 {
		d.add(kind, "default", merge(shared, own))
	}
}

// modern turns the list `servers` of older releases into `server`.
func modern(props map[string]any) map[string]any {
	list, ok := props["servers"]
	if !ok {
		return props
	}
	delete(props, "servers")
	switch list := list.(type) {
	case []any:
		if len(list) > 0 {
			props["server"] = fmt.Sprint(list[0])
		}
	case string:
		first, _, _ := strings.Cut(list, ",")
		props["server"] = strings.TrimSpace(first)
	}
	return props
}

// clientOptions are the keys of MessageBus.Optional, which the environment has
// in capitals.
var clientOptions = []string{"ClientId", "Username", "Password", "Qos", "KeepAlive", "Retained", "CleanSession", "AutoReconnect",
	"ConnectTimeout", "SkipCertVerify", "CertFile", "KeyFile", "CaFile", "CertPEMBlock", "KeyPEMBlock", "CaPEMBlock"}

// spelled gives properties their declared spelling; a name that is declared
// nowhere is written small if it was all capitals.
func spelled(props map[string]any, declared []string) map[string]any {
	out := make(map[string]any, len(props))
	for k, v := range props {
		i := slices.IndexFunc(declared, func(n string) bool { return strings.EqualFold(n, k) })
		switch {
		case i >= 0:
			k = declared[i]
		case k == strings.ToUpper(k):
			k = strings.ToLower(k)
		}
		if sub, ok := v.(map[string]any); ok && strings.EqualFold(k, "optional") {
			v = spelled(sub, clientOptions)
		}
		out[k] = v
	}
	return out
}

// SourceDefaults returns the properties of the conf key "default" of a kind of
// source; the caller may change the map.
func (c *Config) SourceDefaults(kind string) map[string]any {
	return merge(nil, c.drivers.keys[strings.ToLower(kind)]["default"])
}

// ConfKeys returns the configured conf keys of a kind of source.
func (c *Config) ConfKeys(kind string) map[string]map[string]any {
	out := map[string]map[string]any{}
	for key, props := range c.drivers.keys[strings.ToLower(kind)] {
		out[key] = merge(nil, props)
	}
	return out
}

// Connections returns the configured shared connections of a kind by name. The
// environment has names in capitals only: they are spelled as the
// connectionSelector of a conf key spells them.
func (c *Config) Connections(kind string) map[string]map[string]any {
	out := map[string]map[string]any{}
	section, _ := find(c.connections, kind)
	names, _ := section.(map[string]any)
	for name, p := range names {
		if props, ok := p.(map[string]any); ok {
			out[c.selected(kind, name)] = modern(spelled(props, c.drivers.declared(kind)))
		}
	}
	return out
}

// selected returns the spelling of a connection's name in connectionSelectors.
func (c *Config) selected(kind, name string) string {
	for _, keys := range c.drivers.keys {
		for _, props := range keys {
			selector, _ := find(props, "connectionSelector")
			k, n, _ := strings.Cut(fmt.Sprint(selector), ".")
			if strings.EqualFold(k, kind) && strings.EqualFold(n, name) {
				return n
			}
		}
	}
	return name
}

// busDefaults makes the EdgeX MessageBus the default of edgex sources and
// sinks; what EDGEX__DEFAULT__.. says wins.
func (c *Config) busDefaults(secrets map[string]string) {
	b := &c.Bus
	if b.Host == "" {
		return
	}
	props := map[string]any{"type": b.Type, "protocol": b.Protocol, "server": b.Host, "port": b.Port}
	optional := spelled(merge(nil, b.Optional), clientOptions)
	if b.AuthMode != "" && b.AuthMode != "none" {
		for from, to := range map[string]string{"username": "Username", "password": "Password",
			"clientcert": "CertPEMBlock", "clientkey": "KeyPEMBlock", "cacert": "CaPEMBlock"} {
			if v := c.busSecret(secrets)[from]; v != "" {
				optional[to] = v
			}
		}
	}
	if id, _ := optional["ClientId"].(string); id != "" {
		optional["ClientId"] = id + "-streams" // the SDK's own client has the name itself
	}
	if len(optional) > 0 {
		props["optional"] = optional
	}
	set := c.drivers.keys["edgex"]["default"]
	c.drivers.add("edgex", "default", merge(props, set))
}

// busSecret finds the credentials of the bus: the secret store's, or those of
// the secret with the name MessageBus.SecretName.
func (c *Config) busSecret(stored map[string]string) map[string]string {
	if len(stored) > 0 {
		return stored
	}
	out := map[string]string{}
	for _, key := range []string{"username", "password", "clientcert", "clientkey", "cacert"} {
		if v, err := c.Secret(c.Bus.Secret, key); err == nil {
			out[key] = v
		}
	}
	return out
}
