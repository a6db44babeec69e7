package config

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

func environment(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	return env
}

// loadEnv applies the environment: Kuiper's names first, then EdgeX's and our
// own, which win when both are set.
func (c *Config) loadEnv(env map[string]string, types []string) error {
	names := make([]string, 0, len(env))
	for k := range env {
		names = append(names, k)
	}
	sort.Strings(names)
	files := fileNames(types)
	for _, name := range names {
		if err := c.kuiperEnv(name, env[name], files); err != nil {
			return fmt.Errorf("environment %s: %w", name, err)
		}
	}
	for _, name := range names {
		if err := c.edgexEnv(name, env[name]); err != nil {
			return err
		}
	}
	return nil
}

// edgexEnv applies SECTION_KEY, as the SDK spells it: Sluice.RestPort is
// SLUICE_RESTPORT, a member of an object SLUICE_RULE_QOS.
func (c *Config) edgexEnv(name, text string) error {
	for _, spec := range c.set.Specs() {
		env := envName(spec.Name)
		if name == env {
			return c.put(spec, text, "environment "+name)
		}
		if member, ok := strings.CutPrefix(name, env+"_"); ok && spec.Type == "object" {
			return c.put(spec, nest(strings.Split(strings.ToLower(member), "_"), typed(text)), "environment "+name)
		}
	}
	if strings.HasPrefix(name, "SLUICE_") && !kubernetesLink.MatchString(name) && !reserved[name] {
		c.warn("environment %s has no effect, there is no such key", name, c.suggestEnv(name))
	}
	return nil
}

// Kubernetes sets these for a Service that is called sluice.
var kubernetesLink = regexp.MustCompile(`^SLUICE_(.+_)?(SERVICE_(HOST|PORT)(_.+)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)$`)

// Variables of the command line client and of the tests.
var reserved = map[string]bool{"SLUICE_HOST": true, "SLUICE_SERVER": true, "SLUICE_URL": true, "SLUICE_TOKEN": true, "SLUICE_TEST_SERVERS": true}

func (c *Config) suggestEnv(name string) string {
	var names []string
	for _, s := range c.set.Specs() {
		if n := envName(s.Name); strings.HasPrefix(n, "SLUICE_") {
			names = append(names, n)
		}
	}
	return diag.DidYouMean(name, names)
}

func (c *Config) warn(format, name, hint string) {
	w := fmt.Sprintf(format, name)
	if hint != "" {
		w += ", " + hint
	}
	c.warnings = append(c.warnings, w)
}

func envName(key string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "/", "_", "-", "_").Replace(key))
}

// nest makes {a: {b: v}} of the path a, b.
func nest(path []string, v any) map[string]any {
	if len(path) == 1 {
		return map[string]any{path[0]: v}
	}
	return map[string]any{path[0]: nest(path[1:], v)}
}
