package declared

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/parse"
)

// commandFile takes the list of REST calls of Kuiper's Kubernetes tool:
// [{"url": "/streams", "method": "post", "data": {"sql": ".."}}, ..]. Calls that
// define something declare it: it stays as the file says, and goes with it. The
// others are made once.
func (c *content) commandFile(file string, n *node) {
	n.each(func(_ string, one *node) {
		var cmd command
		if err := json.Unmarshal([]byte(one.json()), &cmd); err != nil {
			c.fail(file, one.line, fmt.Errorf("command: %w", err))
			return
		}
		cmd.Method = strings.ToUpper(cmd.Method)
		if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, cmd.Method) {
			c.fail(file, one.line, fmt.Errorf("command %s: no such method %q", cmd.URL, cmd.Method))
			return
		}
		if !c.defines(file, one, &cmd) {
			c.commands = append(c.commands, cmd)
		}
	})
	c.commands = slices.DeleteFunc(c.commands, func(cmd command) bool { return c.replaces(&cmd) })
}

// defines declares what a call defines; false if it does not.
func (c *content) defines(file string, n *node, cmd *command) bool {
	path, err := url.PathUnescape(strings.Trim(cmd.URL, "/"))
	if err != nil || cmd.Method != "POST" && cmd.Method != "PUT" {
		return false
	}
	parts := strings.Split(path, "/")
	switch {
	case parts[0] == "streams" && len(parts) <= 2, parts[0] == "tables" && len(parts) <= 2:
		var body struct{ SQL string }
		if json.Unmarshal(cmd.Data, &body) != nil || !creates(body.SQL) {
			return false
		}
		name := ""
		if len(parts) == 2 {
			name = parts[1]
		}
		c.statement(file, n.line, strings.TrimSuffix(parts[0], "s"), name, body.SQL)
	case parts[0] == "rules" && len(parts) == 1:
		c.rule(file, "", n.get("data"))
	case parts[0] == "rules" && len(parts) == 2 && cmd.Method == "PUT":
		c.rule(file, parts[1], n.get("data"))
	case parts[0] == "connections" && len(parts) == 1:
		c.connections(file, &node{line: n.line, val: []any{n.get("data").value()}})
	case parts[0] == "metadata" && len(parts) == 5 && parts[3] == "confKeys":
		c.confKeysOf(file, &node{line: n.line, val: map[string]any{parts[2]: map[string]any{parts[4]: n.get("data").value()}}}, parts[1])
	default:
		return false
	}
	return true
}

// creates tells a CREATE statement from SHOW, DROP and others, which POST
// /streams takes too. What cannot be read is reported as a definition.
func creates(sql string) bool {
	st, err := parse.Statement(sql)
	_, create := st.(*ast.Create)
	return err != nil || create
}

// replaces tells whether a call removes what the same file declares: it was
// written to make room for that.
func (c *content) replaces(cmd *command) bool {
	kind, name, ok := strings.Cut(strings.Trim(cmd.URL, "/"), "/")
	return ok && cmd.Method == "DELETE" && slices.ContainsFunc(c.entries, func(e entry) bool { return e.kind+"s" == kind && e.name == name })
}
