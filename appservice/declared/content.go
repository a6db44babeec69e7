package declared

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/devicemodel/kubeedge"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/parse"
)

// The kinds of entries, in the order in which they are applied.
const (
	confKey    = "conf key"
	connection = "connection"
	schema     = "schema"
	stream     = "stream"
	table      = "table"
	rule       = "rule"
)

var kinds = []string{confKey, connection, schema, stream, table, rule}

// entry is one thing that is declared.
type entry struct {
	kind string
	name string // unique in its kind: sources/mqtt/cloud, demo, rule1
	text string // SQL or JSON
	file string
	line int // 0: unknown
}

func (e *entry) String() string { return e.kind + " " + e.name }

// place is where an error about the entry is.
func (e *entry) place() string { return position(e.file, e.line) }

func position(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// command is a REST call of one of Kuiper's command files that declares
// nothing: it is made once.
type command struct {
	Method string          `json:"method"`
	URL    string          `json:"url"`
	Data   json.RawMessage `json:"data"`
}

// content is what a file declares.
type content struct {
	entries  []entry
	commands []command
	profiles []edgex.Profile
	models   kubeedge.Set
	problems []error
	// faulty is true if an entry cannot be read: nothing that the file said before
	// is removed then.
	faulty bool
}

// fail notes an entry that cannot be read.
func (c *content) fail(file string, line int, err error) {
	c.faulty = true
	c.remark(file, line, err)
}

// remark notes what is wrong with an entry that counts nevertheless.
func (c *content) remark(file string, line int, err error) {
	for _, one := range unjoin(err) {
		c.problems = append(c.problems, fmt.Errorf("%s: %w", position(file, line), one))
	}
}

// unjoin splits the errors of errors.Join.
func unjoin(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range many.Unwrap() {
			all = append(all, unjoin(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// configuration are top-level keys of configuration.yaml: package config reads
// them.
var configuration = []string{"Sluice", "Writable", "Service", "Registry", "MessageBus", "Clients", "Trigger", "Database", "HttpServer", "ApplicationSettings"}

// sections are the top-level keys of our own files, and of Kuiper's exports.
var sections = map[string]func(*content, string, *node){
	"streams":          func(c *content, file string, n *node) { c.statements(file, n, stream) },
	"tables":           func(c *content, file string, n *node) { c.statements(file, n, table) },
	"rules":            (*content).rules,
	"confKeys":         (*content).confKeys,
	"connections":      (*content).connections,
	"schemas":          (*content).schemas,
	"profiles":         func(c *content, file string, n *node) { n.each(func(_ string, p *node) { c.profile(file, p) }) },
	"models":           func(c *content, file string, n *node) { n.each(func(_ string, m *node) { c.model(file, m) }) },
	"sourceConfig":     func(c *content, file string, n *node) { c.confKeysOf(file, n, "sources") },
	"sinkConfig":       func(c *content, file string, n *node) { c.confKeysOf(file, n, "sinks") },
	"connectionConfig": func(c *content, file string, n *node) { c.confKeysOf(file, n, "connections") },
	"commands":         (*content).commandFile,
}

// document recognises what a document is by its keys.
func (c *content) document(file string, n *node) {
	if n.isList() {
		n.each(func(_ string, one *node) { c.document(file, one) })
		return
	}
	switch {
	case !n.isMap():
		c.fail(file, n.line, errors.New("there must be keys such as streams or rules"))
	case n.has("deviceModels") || n.has("deviceInstances") || n.has("kind") && n.has("apiVersion"):
		c.model(file, n)
	case n.has("deviceResources") || n.has("profile"):
		c.profile(file, n)
	case n.has("sql") || n.has("actions"):
		c.rule(file, "", n)
	default:
		n.each(func(key string, part *node) { c.section(file, key, part) })
	}
}

func (c *content) section(file, key string, n *node) {
	if read := sections[key]; read != nil {
		read(c, file, n)
		return
	}
	if slices.Contains(configuration, key) {
		return
	}
	names := append(slices.Sorted(maps.Keys(sections)), configuration...)
	hint := diag.DidYouMean(key, names)
	if hint == "" {
		hint = "it has streams, tables, rules, confKeys, connections, schemas, profiles, models or commands"
	}
	c.fail(file, n.line, diag.New(diag.General, "there is no section %q", key).WithHint(hint))
}

// statements takes CREATE STREAM or CREATE TABLE: a list, or by name.
func (c *content) statements(file string, n *node, kind string) {
	n.each(func(name string, one *node) {
		sql, ok := one.text()
		if !ok {
			c.fail(file, one.line, fmt.Errorf("%s %s must be the text of a statement", kind, name))
			return
		}
		c.statement(file, one.line, kind, name, sql)
	})
}

func (c *content) statement(file string, line int, kind, name, sql string) {
	st, err := parse.Statement(sql)
	if err == nil {
		create, ok := st.(*ast.Create)
		switch {
		case !ok || create.Table != (kind == table):
			err = fmt.Errorf("%s must be a CREATE %s statement", kind, strings.ToUpper(kind))
		case name != "" && create.Name != name:
			err = fmt.Errorf("%s %s has a statement for %s", kind, name, create.Name)
		default:
			name = create.Name
		}
	}
	if err != nil {
		c.fail(file, line, diag.InSQL(err, sql))
		return
	}
	c.entries = append(c.entries, entry{kind: kind, name: name, text: sql, file: file, line: line})
}

// rules takes rule objects or their JSON texts: a list, or by id.
func (c *content) rules(file string, n *node) {
	n.each(func(id string, one *node) { c.rule(file, id, one) })
}

func (c *content) rule(file, id string, n *node) {
	text := n.source()
	var r map[string]any
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		c.fail(file, n.line, fmt.Errorf("rule %s: %w", id, err))
		return
	}
	own, _ := r["id"].(string)
	switch {
	case id == "":
		id = own
	case own == "":
		r["id"] = id
		b, _ := json.Marshal(r)
		text = string(b)
	case own != id:
		c.fail(file, n.line, fmt.Errorf("rule %s says that its id is %s", id, own))
		return
	}
	if id == "" {
		c.fail(file, n.line, errors.New("a rule has no id"))
		return
	}
	c.entries = append(c.entries, entry{kind: rule, name: id, text: text, file: file, line: n.line})
}

// confKeys takes {sources: {mqtt: {cloud: {server: ..}}}, sinks: .., connections: ..}.
func (c *content) confKeys(file string, n *node) {
	n.each(func(kind string, types *node) {
		if !slices.Contains([]string{"sources", "sinks", "connections"}, kind) {
			c.fail(file, types.line, fmt.Errorf("confKeys has sources, sinks and connections, not %q", kind))
			return
		}
		c.confKeysOf(file, types, kind)
	})
}

func (c *content) confKeysOf(file string, types *node, kind string) {
	types.each(func(typ string, keys *node) {
		keys.unpacked().each(func(key string, props *node) {
			name := kind + "/" + typ + "/" + key
			if !props.isMap() {
				c.fail(file, props.line, fmt.Errorf("conf key %s must have properties", name))
				return
			}
			c.entries = append(c.entries, entry{kind: confKey, name: name, text: props.json(), file: file, line: props.line})
		})
	})
}

// connections takes {id: {typ: mqtt, props: {..}}}, or a list of them with id.
func (c *content) connections(file string, n *node) {
	n.each(func(id string, one *node) {
		one = one.unpacked()
		if own, ok := one.get("id").text(); ok && id == "" {
			id = own
		}
		typ, ok := one.get("typ").text()
		if id == "" || !ok {
			c.fail(file, one.line, fmt.Errorf("connection %q must have id, typ and props", id))
			return
		}
		text, _ := json.Marshal(map[string]any{"id": id, "typ": typ, "props": one.get("props").value()})
		c.entries = append(c.entries, entry{kind: connection, name: id, text: string(text), file: file, line: one.line})
	})
}

// schemas takes {protobuf: {name: text of the .proto}}.
func (c *content) schemas(file string, n *node) {
	n.each(func(typ string, names *node) {
		names.each(func(name string, one *node) {
			text, ok := one.text()
			if !ok {
				c.fail(file, one.line, fmt.Errorf("schema %s must be the text of the schema", name))
				return
			}
			c.entries = append(c.entries, entry{kind: schema, name: typ + "/" + name, text: text, file: file, line: one.line})
		})
	})
}

func (c *content) profile(file string, n *node) {
	profiles, err := edgex.Parse([]byte(n.source()))
	c.profiles = append(c.profiles, profiles...)
	c.remark(file, n.line, err)
}

func (c *content) model(file string, n *node) {
	set, err := kubeedge.Parse([]byte(n.source()))
	c.models.Models, c.models.Devices = append(c.models.Models, set.Models...), append(c.models.Devices, set.Devices...)
	c.remark(file, n.line, err)
}
