package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

func TestRulesAreRefusedInKuipersWords(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`not json`, "invalid rule json: Parse rule not json error : "},
		{`{"sql": "SELECT * FROM demo", "actions": [{"log": {}}]}`, "invalid rule json: Missing rule id."},
		{`{"id": "r2", "actions": [{"log": {}}]}`, "invalid rule json: Rule r2 has neither sql nor graph."},
		{`{"id": "r2", "sql": "SELECT * FROM demo"}`, "invalid rule json: Missing rule actions."},
		{`{"id": "r2", "sql": "SELECT * FROM demo", "actions": [{}]}`, "invalid rule json: Missing rule actions."},
		{`{"id": "r2", "sql": "SELECT * FROM demo", "actions": [{"log": 1}]}`, "invalid rule json: action 0: the properties of log must be an object"},
		{`{"id": "bad name", "sql": "SELECT * FROM demo", "actions": [{"log": {}}]}`, "id 'bad name' contains invalid characters: only alphanumeric, hyphens and underscores are allowed"},
		{`{"id": "r4", "sql": "SELECT * FROM demo", "actions": [{"log": {}}], "options": {"bufferLength": 0}}`, "invalid rule json: Rule r4 has invalid options: invalidBufferLength:bufferLength must be greater than 0."},
		{`{"id": "r4", "sql": "show streams", "actions": [{"log": {}}]}`, "invalid rule json: SQL show streams is not a select statement."},
		{`{"id": "r4", "sql": "select bad", "actions": [{"log": {}}]}`, `invalid rule json: Parse SQL select bad error: found "EOF", expected FROM..`},
		{`{"id": "r4", "graph": {"nodes": {}}, "actions": []}`, "invalid rule json: Rule r4 is a graph, which is not supported yet"},
	} {
		if _, err := parseRule([]byte(test.text), "", nil, time.UTC); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s\ngot  %v\nwant %s", test.text, err, test.want)
		}
	}
}

func TestBadSQLKeepsItsPlace(t *testing.T) {
	_, err := parseRule([]byte(`{"id": "r", "sql": "SELECT a FORM demo", "actions": [{"log": {}}]}`), "", nil, time.UTC)
	var d *diag.Error
	if diag.CodeOf(err) != diag.Parse || !asDiag(err, &d) {
		t.Fatalf("code %d of %v", diag.CodeOf(err), err)
	}
	if want := `invalid rule json: Parse SQL SELECT a FORM demo error: found "FORM", expected FROM.. did you mean "FROM"?`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if line, col, ok := d.Position(); !ok || line != 1 || col != 10 {
		t.Errorf("line %d, column %d, %v: %s", line, col, ok, d.Detail())
	}
}

func TestUnknownKeysOfARuleAreIgnored(t *testing.T) {
	r, err := parseRule([]byte(`{"id": "r", "sql": "SELECT a FROM demo, other", "x": {"y": 1}, "actions": [{"log": null, "mqtt": {"server": "s"}}, {"log": {}}]}`), "", nil, time.UTC)
	if err == nil {
		t.Fatalf("FROM with a comma was accepted: %v", r.Streams())
	}
	r, err = parseRule([]byte(`{"id": "r", "sql": "SELECT a FROM demo INNER JOIN other ON demo.a = other.a GROUP BY COUNTWINDOW(2)", "x": {"y": 1}, "actions": [{"mqtt": {"server": "s"}, "log": null}, {"log": {}}]}`), "", nil, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Streams(), ","); got != "demo,other" {
		t.Errorf("streams %s", got)
	}
	var names []string
	for _, a := range r.Actions {
		names = append(names, a.name())
	}
	if got := strings.Join(names, ","); got != "log_0,mqtt_0,log_1" {
		t.Errorf("actions %s", got)
	}
	if !r.Triggered || r.Name != "r" {
		t.Errorf("triggered %v, name %s", r.Triggered, r.Name)
	}
}

func TestEditingARuleKeepsItsNumbers(t *testing.T) {
	got, err := withTriggered([]byte(`{"id":"r", "big": 9007199254740993, "f": 1.50, "sql": "a > 1"}`), false)
	want := `{"big":9007199254740993,"f":1.50,"id":"r","sql":"a \u003e 1","triggered":false}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}
