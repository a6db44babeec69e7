package config

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

const mask = "******"

// Origin tells where the value of a key came from: "default", a file, the
// configuration provider, or "environment NAME".
func (c *Config) Origin(key string) string {
	if s := c.settings[strings.ToLower(key)]; s != nil {
		return s.Origin
	}
	return ""
}

// Settings lists every key with its value, secrets masked, and origin.
func (c *Config) Settings() []Setting {
	out := make([]Setting, 0, len(c.settings))
	for _, s := range c.settings {
		shown := *s
		shown.Value = masked(s.Value, s.secret)
		out = append(out, shown)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}

// Warnings lists what was not understood but does no harm.
func (c *Config) Warnings() []string { return c.warnings }

// String is one line a key: value and origin, secrets masked.
func (c *Config) String() string {
	var b strings.Builder
	for _, s := range c.Settings() {
		fmt.Fprintf(&b, "%-32s %-24v %s\n", s.Key, s.Value, s.Origin)
	}
	return b.String()
}

// MarshalJSON lists the settings, secrets masked.
func (c *Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.Settings()) }

// Changed lists the keys whose values differ between two configurations.
func (c *Config) Changed(next *Config) []string {
	var keys []string
	for k, s := range c.settings {
		if n := next.settings[k]; n == nil || fmt.Sprint(n.Value) != fmt.Sprint(s.Value) {
			keys = append(keys, s.Key)
		}
	}
	sort.Strings(keys)
	return keys
}

func masked(v any, secret bool) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = masked(e, secret || secretName(k))
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = masked(e, secret)
		}
		return out
	case nil:
		return nil
	case string:
		if x != "" && secret {
			return mask
		}
		return withoutPassword(x)
	}
	if secret {
		return mask
	}
	return v
}

// secretName tells whether the value under a name must not be shown.
func secretName(name string) bool {
	n := strings.ToLower(name)
	for _, part := range []string{"password", "passwd", "token", "secretdata", "pemblock", "apikey", "privatekey"} {
		if strings.Contains(n, part) {
			return true
		}
	}
	return false
}

// withoutPassword masks the password of scheme://user:password@host.
func withoutPassword(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	user, host, ok := strings.Cut(rest, "@")
	if name, _, has := strings.Cut(user, ":"); ok && has {
		return scheme + "://" + name + ":" + mask + "@" + host
	}
	return s
}
