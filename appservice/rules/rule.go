package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/parse"
)

// Rule is a parsed rule definition.
type Rule struct {
	ID        string
	Name      string
	SQL       string
	Actions   []Action
	Graph     map[string]any
	Triggered bool // start it when it is created and when the service starts
	Tags      []string
	Version   string
	Temp      bool // not in the database
	Options   Options

	Select *ast.Select // SQL parsed
	Text   []byte      // the JSON as it was given
}

// Action is one sink of a rule.
type Action struct {
	Type  string
	Index int // position in "actions"
	Props map[string]any
}

// name is the action's part in the names of metrics: mqtt_0.
func (a *Action) name() string { return a.Type + "_" + strconv.Itoa(a.Index) }

// definition is the JSON of a rule.
type definition struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	SQL       string           `json:"sql"`
	Actions   []map[string]any `json:"actions"`
	Graph     map[string]any   `json:"graph"`
	Triggered *bool            `json:"triggered"`
	Options   map[string]any   `json:"options"`
	Tags      []string         `json:"tags"`
	Version   string           `json:"version"`
	Temp      bool             `json:"temp"`
}

// invalid is an error in the JSON of a rule.
func invalid(format string, args ...any) error {
	return diag.New(diag.Undefined, "invalid rule json: "+format, args...)
}

// parseRule reads a rule. id is used if the text has none; defaults are the
// configured options.
func parseRule(text []byte, id string, defaults map[string]any, loc *time.Location) (*Rule, error) {
	var d definition
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, invalid("Parse rule %s error : %v", clip(text), err)
	}
	if d.ID == "" {
		d.ID = id
	}
	switch {
	case d.ID == "":
		return nil, invalid("Missing rule id.")
	case d.SQL == "" && d.Graph == nil:
		return nil, invalid("Rule %s has neither sql nor graph.", d.ID)
	case d.SQL == "":
		return nil, invalid("Rule %s is a graph, which is not supported yet: write it as sql and actions.", d.ID)
	case len(d.Actions) == 0:
		return nil, invalid("Missing rule actions.")
	}
	if err := catalog.CheckName(d.ID); err != nil {
		return nil, err
	}
	r := &Rule{
		ID: d.ID, Name: d.Name, SQL: d.SQL, Graph: d.Graph, Triggered: d.Triggered == nil || *d.Triggered,
		Tags: d.Tags, Version: d.Version, Temp: d.Temp, Text: text,
	}
	if r.Name == "" {
		r.Name = r.ID
	}
	var err error
	if r.Options, err = parseOptions(defaults, d.Options, loc); err != nil {
		return nil, fmt.Errorf("invalid rule json: Rule %s has invalid options: %w", d.ID, err)
	}
	if r.Actions, err = parseActions(d.Actions); err != nil {
		return nil, err
	}
	r.Select, err = parseSQL(d.SQL)
	return r, err
}

func parseActions(list []map[string]any) ([]Action, error) {
	var out []Action
	for i, kinds := range list {
		for _, typ := range sortedKeys(kinds) {
			props, ok := kinds[typ].(map[string]any)
			if !ok && kinds[typ] != nil {
				return nil, invalid("action %d: the properties of %s must be an object", i, typ)
			}
			out = append(out, Action{Type: typ, Index: i, Props: props})
		}
	}
	if len(out) == 0 {
		return nil, invalid("Missing rule actions.")
	}
	return out, nil
}

func parseSQL(sql string) (*ast.Select, error) {
	st, err := parse.Statement(sql)
	if err != nil {
		return nil, &badSQL{sql, diag.InSQL(err, sql)}
	}
	sel, ok := st.(*ast.Select)
	if !ok {
		return nil, invalid("SQL %s is not a select statement.", sql)
	}
	return sel, nil
}

// badSQL is a parse error in Kuiper's words; the error inside knows the place.
type badSQL struct {
	sql string
	err error
}

func (e *badSQL) Error() string {
	msg, hint := e.err.Error(), ""
	var d *diag.Error
	if errors.As(e.err, &d) && d.Hint != "" {
		msg, hint = d.Msg, " "+d.Hint
	}
	return "invalid rule json: Parse SQL " + e.sql + " error: " + msg + "." + hint
}

func (e *badSQL) Unwrap() error { return e.err }

// Streams returns the names of the streams and tables in FROM and JOIN.
func (r *Rule) Streams() []string {
	names := []string{r.Select.From.Name}
	for _, j := range r.Select.Joins {
		names = append(names, j.Name)
	}
	return names
}

// withTriggered returns the rule's JSON with "triggered" set, keys sorted as
// Kuiper writes them after start and stop.
func withTriggered(text []byte, on bool) ([]byte, error) {
	return edit(text, func(m map[string]any) { m["triggered"] = on })
}

// edit changes the top level of a JSON object and keeps every number as it was
// written.
func edit(text []byte, change func(map[string]any)) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	change(m)
	return json.Marshal(m)
}

// clip shortens a text for an error message.
func clip(b []byte) string {
	if len(b) > 200 {
		return string(b[:200]) + "..."
	}
	return string(b)
}
