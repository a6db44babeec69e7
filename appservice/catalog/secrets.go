package catalog

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// secretScheme begins a property that is in a secret: secret://broker/password
// is the entry password of the secret broker.
const secretScheme = "secret://"

// Reveal returns properties with the secrets that they refer to. What is shown
// and stored are the references.
func (c *Catalog) Reveal(props map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(props))
	for name, v := range props {
		var err error
		if out[name], err = c.reveal(name, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Catalog) reveal(property string, v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return c.Reveal(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			var err error
			if out[i], err = c.reveal(property, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		if path, ok := strings.CutPrefix(v, secretScheme); ok {
			return c.secret(property, path)
		}
	}
	return v, nil
}

func (c *Catalog) secret(property, path string) (string, error) {
	name, key, ok := strings.Cut(path, "/")
	if !ok || name == "" || key == "" {
		return "", diag.New(diag.Exec, "property %s: %s%s is not a secret", property, secretScheme, path).WithHint("write secret://name/key")
	}
	if c.cfg.Secret == nil {
		return "", diag.New(diag.Exec, "property %s: there are no secrets", property)
	}
	val, err := c.cfg.Secret(name, key)
	if err != nil {
		return "", diag.New(diag.Exec, "property %s: secret %s/%s: %v", property, name, key, err)
	}
	return val, nil
}
