package config

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// typed reads a text of the environment as Kuiper does: true and false, whole
// numbers, fractions and [a,b] lists are typed, anything else stays text.
func typed(s string) any {
	t := strings.TrimSpace(s)
	switch t {
	case "true", "TRUE", "True":
		return true
	case "false", "FALSE", "False":
		return false
	}
	if i, err := strconv.Atoi(t); err == nil {
		return i
	}
	if f, err := strconv.ParseFloat(t, 64); err == nil && strings.ContainsAny(t, "0123456789") {
		return f
	}
	if strings.HasPrefix(t, "[") && strings.HasSuffix(t, "]") {
		return list(t[1 : len(t)-1])
	}
	return s
}

// list splits the inside of [a,b]; elements may be quoted.
func list(s string) []any {
	out := []any{}
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		if unquoted := strings.Trim(e, `"'`); len(unquoted) < len(e) {
			out = append(out, unquoted)
			continue
		}
		out = append(out, typed(e))
	}
	return out
}

// convert makes a value of the declared type of a text, as the environment and
// the configuration provider give them. Values that are no texts stay.
func convert(want string, v any) (any, error) {
	s, ok := v.(string)
	if !ok {
		return v, checkObject(want, v)
	}
	text := strings.TrimSpace(s)
	switch want {
	case "string":
		return text, nil
	case "bool":
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return nil, fmt.Errorf("must be true or false, got %q", s)
		}
		return b, nil
	case "int":
		i, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("must be a whole number, got %q", s)
		}
		return i, nil
	case "object":
		m := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &m); err != nil {
			return nil, fmt.Errorf("must be an object such as {qos: 1}, got %q", s)
		}
		return m, nil
	}
	return s, nil
}

func checkObject(want string, v any) error {
	if _, ok := v.(map[string]any); want == "object" && !ok {
		return fmt.Errorf("must have keys below it, got %v", v)
	}
	return nil
}
