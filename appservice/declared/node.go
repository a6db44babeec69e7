package declared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"
)

// node is a value of YAML, JSON or the configuration with the line it is on.
type node struct {
	line int
	yaml *yaml.Node // nil: val counts
	val  any
}

// readNodes reads the documents of a file. Texts that are JSON are read as JSON.
func readNodes(text []byte) ([]*node, error) {
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return readJSON(text)
	}
	var all []*node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := documents.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
			var whole any // finds anchors that contain themselves, and too many of them
			if err := doc.Decode(&whole); err != nil {
				return all, err
			}
			all = append(all, ofYAML(doc.Content[0]))
		}
	}
}

// readJSON reads one JSON document. The lines come from reading it as YAML too,
// whose flow style it is.
func readJSON(text []byte) ([]*node, error) {
	var val any
	if err := json.Unmarshal(text, &val); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n")), err)
		}
		return nil, err
	}
	n := &node{line: 1, val: val}
	var doc yaml.Node
	if yaml.Unmarshal(bytes.ReplaceAll(text, []byte("\t"), []byte(" ")), &doc) == nil && len(doc.Content) > 0 {
		n.locate(doc.Content[0])
	}
	return []*node{n}, nil
}

func ofYAML(y *yaml.Node) *node {
	for y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return &node{line: y.Line, yaml: y}
}

// located is a JSON value with the YAML node at its place.
type located struct {
	val  any
	line int
	sub  map[string]*yaml.Node
	list []*yaml.Node
}

// locate remembers where the members of a JSON value are.
func (n *node) locate(y *yaml.Node) {
	l := &located{val: n.val, line: y.Line, list: y.Content, sub: map[string]*yaml.Node{}}
	if y.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(y.Content); i += 2 {
			l.sub[y.Content[i].Value] = y.Content[i+1]
		}
	}
	n.line, n.val = y.Line, l
}

// bare is the value without its places.
func (n *node) bare() any {
	if l, ok := n.val.(*located); ok {
		return l.val
	}
	return n.val
}

// value is the node as plain Go values.
func (n *node) value() any {
	if n.yaml == nil {
		return n.bare()
	}
	var v any
	_ = n.yaml.Decode(&v) // it was decoded as a whole
	return v
}

func (n *node) json() string {
	b, err := json.Marshal(n.value())
	if err != nil {
		return "null" // keys that are no texts
	}
	return string(b)
}

// text is the node's text; false if it is no string.
func (n *node) text() (string, bool) {
	s, ok := n.value().(string)
	return s, ok
}

// source is a document: the node's text if it is one, else itself as JSON.
func (n *node) source() string {
	if s, ok := n.text(); ok {
		return s
	}
	return n.json()
}

// unpacked is the JSON value in a text, as Kuiper's exports have them.
func (n *node) unpacked() *node {
	s, ok := n.text()
	var v any
	if !ok || json.Unmarshal([]byte(s), &v) != nil {
		return n
	}
	return &node{line: n.line, val: v}
}

func (n *node) isMap() bool {
	_, ok := n.bare().(map[string]any)
	return n.yaml == nil && ok || n.yaml != nil && n.yaml.Kind == yaml.MappingNode
}

func (n *node) isList() bool {
	_, ok := n.bare().([]any)
	return n.yaml == nil && ok || n.yaml != nil && n.yaml.Kind == yaml.SequenceNode
}

func (n *node) has(key string) bool { return n.isMap() && n.get(key).value() != nil }

// get returns a member; one that is missing is null.
func (n *node) get(key string) *node {
	found := &node{line: n.line}
	n.each(func(k string, v *node) {
		if k == key {
			found = v
		}
	})
	return found
}

// each calls f for the members of a map in their order, or the elements of a
// list, whose key is "".
func (n *node) each(f func(key string, val *node)) {
	switch {
	case n.yaml != nil && n.yaml.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.yaml.Content); i += 2 {
			f(n.yaml.Content[i].Value, ofYAML(n.yaml.Content[i+1]))
		}
	case n.yaml != nil && n.yaml.Kind == yaml.SequenceNode:
		for _, y := range n.yaml.Content {
			f("", ofYAML(y))
		}
	case n.yaml == nil:
		n.eachPlain(f)
	}
}

func (n *node) eachPlain(f func(key string, val *node)) {
	l, known := n.val.(*located)
	member := func(v any, y *yaml.Node) *node {
		m := &node{line: n.line, val: v}
		if y != nil {
			m.locate(y)
		}
		return m
	}
	switch v := n.bare().(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			var y *yaml.Node
			if known {
				y = l.sub[key]
			}
			f(key, member(v[key], y))
		}
	case []any:
		for i, e := range v {
			var y *yaml.Node
			if known && i < len(l.list) {
				y = l.list[i]
			}
			f("", member(e, y))
		}
	}
}
