package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secret returns an entry of a secret without a secret store: a file of the
// folder Sluice.SecretsFolder, or an entry of Writable.InsecureSecrets.
func (c *Config) Secret(name, key string) (string, error) {
	if c.Secrets != "" && name != "" {
		if !filepath.IsLocal(filepath.Join(name, key)) || strings.ContainsAny(name, `/\\`) {
			return "", fmt.Errorf("%q is no name of a secret", name)
		}
		text, err := os.ReadFile(filepath.Join(c.Secrets, name, key))
		if err == nil {
			return strings.TrimRight(string(text), "\r\n"), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	for _, v := range c.insecure {
		entry, _ := v.(map[string]any)
		if called, _ := find(entry, "SecretName"); called != name {
			continue
		}
		data, _ := find(entry, "SecretData")
		if m, ok := data.(map[string]any); ok {
			if val, ok := find(m, key); ok {
				return fmt.Sprint(val), nil
			}
		}
	}
	return "", errors.New("it is not there")
}
