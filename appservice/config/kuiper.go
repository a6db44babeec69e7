package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kuiperKeys maps kuiper.yaml onto our keys.
var kuiperKeys = map[string]string{
	"basic.restip":           "Sluice.RestIP",
	"basic.restport":         "Sluice.RestPort",
	"basic.resttls.certfile": "Sluice.RestTLS.CertFile",
	"basic.resttls.keyfile":  "Sluice.RestTLS.KeyFile",
	"basic.loglevel":         "Writable.LogLevel",
	"basic.timezone":         "Sluice.Timezone",
	"basic.ignorecase":       "Sluice.IgnoreCase",
	"source.httpserverip":    "Sluice.HTTPPush.IP",
	"source.httpserverport":  "Sluice.HTTPPush.Port",
}

// kuiperSections are the first levels of kuiper.yaml.
var kuiperSections = []string{"basic", "rule", "sink", "source", "store", "portable", "opentelemetry"}

// fileNames maps the first word of FILE__KEY__.. onto the kind of source.
func fileNames(types []string) map[string]string {
	files := map[string]string{"mqtt_source": "mqtt", "connection": "connection"}
	for _, t := range types {
		files[t] = t
	}
	return files
}

// kuiperEnv applies FILE__KEY__SUBKEY; other variables are left alone.
func (c *Config) kuiperEnv(name, text string, files map[string]string) error {
	path := strings.Split(strings.ToLower(name), "__")
	if len(path) < 3 {
		return nil
	}
	switch {
	case path[0] == "kuiper":
		return c.kuiperKey(path[1:], typed(text), "environment "+name)
	case files[path[0]] == "connection":
		c.connections = merge(c.connections, nest(path[1:], typed(text)))
		c.note(c.spec("Sluice.Connections"), c.connections, "environment "+name)
	case files[path[0]] != "":
		c.drivers.add(files[path[0]], path[1], nest(path[2:], typed(text)))
	}
	return nil
}

// kuiperKey applies one key of kuiper.yaml.
func (c *Config) kuiperKey(path []string, v any, origin string) error {
	dotted := strings.Join(path, ".")
	switch {
	case kuiperKeys[dotted] != "":
		spec := c.spec(kuiperKeys[dotted])
		if spec.Type == "string" || spec.Type == "int" {
			v = fmt.Sprint(v)
		}
		return c.put(spec, v, origin)
	case dotted == "basic.debug":
		if v == true {
			return c.put(c.spec("Writable.LogLevel"), "DEBUG", origin)
		}
	case path[0] == "rule" && len(path) > 1:
		return c.put(c.spec("Sluice.Rule"), nest(path[1:], v), origin)
	case slices.Contains(kuiperSections, path[0]):
		c.warnings = append(c.warnings, origin+" has no effect here")
	default:
		c.warn(origin+": there is no section %s in kuiper.yaml", path[0], "")
	}
	return nil
}

// loadEtc reads Kuiper's etc folder, if one is configured: kuiper.yaml,
// mqtt_source.yaml, sources/*.yaml and connections/connection.yaml. A file that
// is not there is no error.
func (c *Config) loadEtc(env map[string]string) error {
	dir := c.EtcDir
	if v, ok := env["SLUICE_ETCDIR"]; ok {
		dir = v
	}
	if dir == "" {
		return nil
	}
	if err := c.etcKuiper(filepath.Join(dir, "kuiper.yaml")); err != nil {
		return err
	}
	files, _ := filepath.Glob(filepath.Join(dir, "sources", "*.yaml"))
	for _, f := range append(files, filepath.Join(dir, "mqtt_source.yaml")) {
		tree, err := optional(f)
		if err != nil {
			return err
		}
		kind := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(f), ".yaml"), "_source")
		for key, props := range tree {
			if m, ok := props.(map[string]any); ok {
				if file, _ := m["kubeedgeModelFile"].(string); file != "" && !filepath.IsAbs(file) {
					m["kubeedgeModelFile"] = filepath.Join(dir, "sources", file) // where Kuiper looks for it
				}
				c.drivers.add(kind, key, m)
			}
		}
	}
	tree, err := optional(filepath.Join(dir, "connections", "connection.yaml"))
	c.connections = merge(c.connections, tree)
	return err
}

func (c *Config) etcKuiper(path string) error {
	tree, err := optional(path)
	if err != nil {
		return err
	}
	return leaves(nil, tree, func(keys []string, v any) error { return c.kuiperKey(keys, v, path) })
}

// leaves calls do for every value that is no section, names in lower case.
func leaves(path []string, tree map[string]any, do func([]string, any) error) error {
	for k, v := range tree {
		keys := append(append([]string(nil), path...), strings.ToLower(k))
		var err error
		if sub, ok := v.(map[string]any); ok {
			err = leaves(keys, sub, do)
		} else if v != nil {
			err = do(keys, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func optional(path string) (map[string]any, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	return readYAML(path)
}
