package kubeedge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/edgesluice/sluice/devicemodel"
)

func init() {
	devicemodel.RegisterReader(func(path string) ([]devicemodel.Model, []devicemodel.Device, error) {
		s, err := ReadDir(path)
		return s.Models, s.Devices, err
	})
}

// Parse reads a document of YAML, which may hold several, or of JSON: an object
// or a list of them.
func Parse(text []byte) (Set, error) {
	var s Set
	text = bytes.TrimSpace(text)
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		return s, s.addJSON(text)
	}
	var bad []error
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		var tree any
		err := documents.Decode(&tree)
		if errors.Is(err, io.EOF) {
			return s, errors.Join(bad...)
		}
		if err != nil { // what follows cannot be told apart from it
			return s, errors.Join(append(bad, fmt.Errorf("document %d: %w", n, err))...)
		}
		if tree == nil {
			continue
		}
		one, err := json.Marshal(tree)
		if err == nil {
			err = s.addJSON(one)
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
}

// addJSON takes an object or a list of objects.
func (s *Set) addJSON(text []byte) error {
	if text[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return position(text, err)
		}
		var bad []error
		for _, one := range list {
			bad = append(bad, s.add(one))
		}
		return errors.Join(bad...)
	}
	return s.add(text)
}

// position adds the line of a syntax error.
func position(text []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(int(syntax.Offset), len(text))
		return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:at], []byte("\n")), err)
	}
	return err
}

// ReadDir reads the models and devices of all files in a folder, by file name,
// or of one file (devicemodel.EachFile). What is wrong with a file is named in
// the error, and the rest is returned.
func ReadDir(path string) (Set, error) {
	var all Set
	err := devicemodel.EachFile(path, func(text []byte) error {
		s, err := Parse(text)
		all.Models, all.Devices = append(all.Models, s.Models...), append(all.Devices, s.Devices...)
		return err
	})
	return all, err
}
