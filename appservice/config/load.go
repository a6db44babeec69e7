package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// Sources says where the layers are. Empty ones are left out.
type Sources struct {
	Common   string                     // EdgeX common configuration, -cc
	File     string                     // configuration.yaml of the profile
	Provider map[string]any             // what the configuration provider holds
	Stored   map[string]any             // what was changed over REST
	Environ  []string                   // KEY=VALUE
	Types    []string                   // names of the source drivers, for SIMULATOR__DEFAULT__..
	Props    func(kind string) []string // declared properties of a source driver, for their spelling
	Mounted  map[string]map[string]any  // what the files of the ConfigMap said when they were last good
	Secrets  map[string]string          // credentials of the bus from the secret store
}

// Load reads all layers. An error names the key, where its value came from and
// what would be right; what is merely unknown in the environment becomes a
// warning, for the environment is not ours alone.
func Load(s Sources) (*Config, error) {
	c := fresh(s.Props)
	if err := c.loadFiles(s); err != nil {
		return nil, err
	}
	if err := c.tree(s.Provider, "configuration provider", false); err != nil {
		return nil, err
	}
	env := environment(s.Environ)
	c.loadConfigMap(env, s)
	if err := c.tree(s.Stored, "PATCH /configs", false); err != nil {
		return nil, err
	}
	if err := c.loadEtc(env); err != nil {
		return nil, err
	}
	if err := c.loadEnv(env, s.Types); err != nil {
		return nil, err
	}
	return c, c.finish(s)
}

// fresh returns the defaults.
func fresh(props func(kind string) []string) *Config {
	c := &Config{settings: map[string]*Setting{}, drivers: drivers{map[string]map[string]map[string]any{}, props}}
	c.set = param.New("configuration")
	c.Params(c.set)
	for _, spec := range c.set.Specs() {
		c.note(spec, spec.Default, "default")
	}
	return c
}

func (c *Config) loadFiles(s Sources) error {
	if s.Common != "" && !strings.Contains(s.Common, "://") {
		tree, err := readYAML(s.Common)
		if err != nil {
			return err
		}
		for _, section := range []string{"all-services", "app-services"} {
			part, _ := tree[section].(map[string]any)
			if err := c.tree(part, s.Common, false); err != nil {
				return err
			}
		}
	}
	if s.File == "" || strings.Contains(s.File, "://") {
		return nil
	}
	tree, err := readYAML(s.File)
	if err != nil {
		return err
	}
	return c.tree(tree, s.File, true)
}

func yamlFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	files, err := filepath.Glob(filepath.Join(path, "*.y*ml"))
	sort.Strings(files)
	return files, err
}

func readYAML(path string) (map[string]any, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w, name another with --configDir, --profile or --configFile", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("configuration file %s: %w", path, err)
	}
	return tree, nil
}

// tree takes one nested layer. strict refuses unknown keys of the Sluice
// section; the other sections are the SDK's to judge.
func (c *Config) tree(tree map[string]any, origin string, strict bool) error {
	for _, spec := range c.set.Specs() {
		v, ok := descend(tree, strings.Split(spec.Name, "."))
		if !ok || v == nil || !strict && (v == "" || v == 0.0) { // so the SDK shows what was never set
			continue
		}
		if err := c.put(spec, v, origin); err != nil {
			return err
		}
	}
	if !strict {
		return nil
	}
	own, _ := find(tree, "Sluice")
	section, _ := own.(map[string]any)
	return c.unknown("Sluice", section, origin)
}

// unknown refuses keys of the section that are declared nowhere.
func (c *Config) unknown(prefix string, section map[string]any, origin string) error {
	for name, v := range section {
		key := prefix + "." + name
		if c.spec(key) != nil {
			continue
		}
		if sub, ok := v.(map[string]any); ok && c.isSection(key) {
			if err := c.unknown(key, sub, origin); err != nil {
				return err
			}
			continue
		}
		return diag.New(diag.General, "%s: there is no key %s", origin, key).WithHint(c.suggest(key))
	}
	return nil
}

func (c *Config) suggest(key string) string {
	var names []string
	for _, s := range c.set.Specs() {
		names = append(names, s.Name)
	}
	if hint := diag.DidYouMean(key, names); hint != "" {
		return hint
	}
	return "docs/en/reference/configuration.md lists them"
}

func (c *Config) isSection(key string) bool {
	for _, s := range c.set.Specs() {
		if len(s.Name) > len(key) && strings.EqualFold(s.Name[:len(key)+1], key+".") {
			return true
		}
	}
	return false
}

func (c *Config) spec(key string) *param.Spec {
	for _, s := range c.set.Specs() {
		if strings.EqualFold(s.Name, key) {
			return s
		}
	}
	return nil
}

// put converts and checks one value and remembers its origin. Objects of
// several layers are merged.
func (c *Config) put(spec *param.Spec, v any, origin string) error {
	typed, err := convert(spec.Type, v)
	if err == nil && spec.Type == "object" {
		old, _ := c.settings[strings.ToLower(spec.Name)].Value.(map[string]any)
		typed = merge(old, typed.(map[string]any))
	}
	if s, ok := typed.(string); ok && spec.Name == "Writable.LogLevel" {
		typed = edgexLevel(s)
	}
	if err == nil {
		err = c.set.Bind(map[string]any{spec.Name: typed})
	} else {
		err = fmt.Errorf("%s %w", spec.Name, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	c.note(spec, typed, origin)
	return nil
}

func (c *Config) note(spec *param.Spec, v any, origin string) {
	c.settings[strings.ToLower(spec.Name)] = &Setting{Key: spec.Name, Value: v, Origin: origin, secret: spec.Secret}
}

// edgexLevel accepts Kuiper's spellings of log levels.
func edgexLevel(s string) string {
	switch s = strings.ToUpper(s); s {
	case "WARNING":
		return "WARN"
	case "FATAL", "PANIC":
		return "ERROR"
	}
	return s
}

// finish does what needs all layers at once.
func (c *Config) finish(s Sources) error {
	var err error
	if c.Location, err = time.LoadLocation(c.Timezone); err != nil {
		return fmt.Errorf("%s: Sluice.Timezone %q is not known, write a name such as Europe/Berlin, UTC or Local", c.Origin("Sluice.Timezone"), c.Timezone)
	}
	// Who names the REST port gets that port and no other.
	if c.fromEnv("Sluice.RestPort") && !c.fromEnv("Sluice.KuiperPort") {
		c.KuiperPort = 0
		c.note(c.spec("Sluice.KuiperPort"), 0, "off because "+c.Origin("Sluice.RestPort")+" is set")
	}
	if (c.RestCert == "") != (c.RestKey == "") {
		return errors.New("configuration: Sluice.RestTLS needs both CertFile and KeyFile")
	}
	if err := c.drivers.nested(c.sources, c.connections); err != nil {
		return err
	}
	c.drivers.sameBroker("kubeedge")
	c.busDefaults(s.Secrets)
	return nil
}

func (c *Config) fromEnv(key string) bool {
	return strings.HasPrefix(c.Origin(key), "environment ")
}

// descend walks a nested map by names in any case.
func descend(tree map[string]any, path []string) (any, bool) {
	v, ok := find(tree, path[0])
	if !ok || len(path) == 1 {
		return v, ok
	}
	sub, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	return descend(sub, path[1:])
}

func find(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

// merge returns a with the members of b on top, deep, names in any case.
func merge(a, b map[string]any) map[string]any {
	out := make(map[string]any, len(a)+len(b))
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		old := k
		for have := range out {
			if strings.EqualFold(have, k) {
				old = have
			}
		}
		x, ok1 := out[old].(map[string]any)
		y, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			v = merge(x, y)
		}
		out[old] = v
	}
	return out
}
