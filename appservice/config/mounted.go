package config

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"gopkg.in/yaml.v3"
)

// Mounted is what was read from the mounted ConfigMap.
type Mounted struct {
	// Good is what each file says of the configuration, or said last if it is
	// broken now.
	Good map[string]map[string]any
	// Problems are the files with values that cannot be used. Files that cannot be
	// read at all are for package declared to report.
	Problems []string
}

// Mounted tells what was read from the ConfigMap.
func (c *Config) Mounted() Mounted { return c.mounted }

// loadConfigMap reads the mounted file, or every .yaml of the mounted folder. A
// file with a fault does not keep the service from running: what it said last
// counts.
func (c *Config) loadConfigMap(env map[string]string, s Sources) {
	path := c.ConfigMap
	if v, ok := env["SLUICE_CONFIGMAP"]; ok {
		path = v
	}
	if path == "" {
		return
	}
	c.mounted.Good = map[string]map[string]any{}
	files, err := yamlFiles(path)
	if err != nil { // package declared reports it
		files = slices.Sorted(maps.Keys(s.Mounted))
	}
	for _, f := range files {
		tree, err := readMounted(f)
		if err != nil { // that too
			tree = s.Mounted[f]
		} else if problem := trial(tree, f, s.Props); problem != nil {
			tree = s.Mounted[f]
			c.mounted.Problems = append(c.mounted.Problems, problem.Error())
		}
		if len(tree) == 0 || trial(tree, f, s.Props) != nil {
			continue
		}
		_ = c.tree(tree, f, true) // it was tried
		c.mounted.Good[f] = tree
	}
}

// trial tells whether a tree can be used.
func trial(tree map[string]any, file string, props func(string) []string) error {
	c := fresh(props)
	if err := c.tree(tree, file, true); err != nil {
		return err
	}
	return c.finish(Sources{})
}

// readMounted returns the sections of a file that are configuration. Documents
// with other content are for package declared.
func readMounted(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for documents := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var tree any
		err := documents.Decode(&tree)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		sections, _ := tree.(map[string]any)
		for _, name := range []string{"Sluice", "Writable", "Service", "Registry", "MessageBus", "Trigger"} {
			if section, ok := find(sections, name); ok {
				all[name] = section
			}
		}
	}
}
