package sqltest

import (
	"strings"
	"testing"
)

const ddl = "-- ddl --\nCREATE STREAM demo () WITH (DATASOURCE=\"demo\", FORMAT=\"JSON\")\n"

func TestScriptsThatAreWrongSayWhy(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"an output differs", ddl + `-- rule --
SELECT a FROM demo
-- input --
@1s demo {"a":1}
@2s demo {"a":2}
@3s demo {"a":3}
-- output --
@1s [{"a":1}]
@2s [{"a":9}]
@3s [{"a":3}]
`, "x.txtar: output differs:\n  @1s [{\"a\":1}]\n- @2s [{\"a\":9}]\n+ @2s [{\"a\":2}]\n  @3s [{\"a\":3}]"},
		{"an output is missing", ddl + "-- rule --\nSELECT a FROM demo\n-- input --\n@1s demo {\"a\":1}\n-- output --\n", "+ @1s [{\"a\":1}]"},
		{"an output comes too much", ddl + "-- rule --\nSELECT a FROM demo\n-- input --\n-- output --\n@1s []\n", "- @1s []"},
		{"an output comes at another time", ddl + "-- rule --\nSELECT a FROM demo\n-- input --\n@1s demo {\"a\":1}\n-- output --\n@2s [{\"a\":1}]\n", "output differs"},
		{"an error was not expected", ddl + "-- rule --\nSELECT a + 1 AS b FROM demo\n-- input --\n@1s demo {\"a\":\"x\"}\n-- output --\n", "+ @1s error: run Select error"},
		{"a status differs", ddl + "-- rule --\nSELECT a FROM demo\n-- input --\n-- output --\n-- status --\nlate 1\n", "status late is 0, want 1"},
		{"a status is not known", ddl + "-- rule --\nSELECT a FROM demo\n-- output --\n-- status --\nlost 1\n", `status "lost" is not known`},
		{"the rule is refused", ddl + "-- rule --\nSELECT a FORM demo\n-- output --\n", "line 1, column 10: found \"FORM\", expected FROM. did you mean \"FROM\"?\nSELECT a FORM demo\n         ^"},
		{"the rule is not refused", ddl + "-- rule --\nSELECT a FROM demo\n-- error --\nno such thing\n", "rule was accepted, want the error: no such thing"},
		{"another error", ddl + "-- rule --\nSELECT FROM demo\n-- error --\nno such thing\n", "- no such thing"},
		{"explain differs", ddl + "-- rule --\nSELECT a FROM demo\n-- explain --\nno such thing\n", "- no such thing"},
		{"the second rule fails", ddl + "-- rule --\nSELECT a FROM demo\n-- output --\n-- rule --\nSELECT b FROM demo\n-- output --\n@1s []\n", "rule 2: output differs:\n- @1s []\nin: SELECT b FROM demo"},
		{"no rule", ddl, `no section "rule"`},
		{"nothing is checked", ddl + "-- rule --\nSELECT a FROM demo\n", "rule 1 is not checked"},
		{"only the status is checked", ddl + "-- rule --\nSELECT a FROM demo\n-- status --\nlate 0\n", `rule 1 has no section "output"`},
		{"a section is misspelt", ddl + "-- rule --\nSELECT a FROM demo\n-- ouput --\n", `section "ouput" is not known, did you mean "output"?`},
		{"a section is given twice", ddl + "-- rule --\nSELECT a FROM demo\n-- output --\n-- output --\n", `two sections "output"`},
		{"an output without a rule", "-- output --\n", "must stand behind a rule"},
		{"bad DDL", "-- ddl --\nCREATE STREM demo\n-- rule --\nSELECT a FROM demo\n-- output --\n", `did you mean "STREAM"?`},
		{"DDL that creates nothing", "-- ddl --\nSHOW STREAMS\n-- rule --\nSELECT a FROM demo\n-- output --\n", "want CREATE, not SHOW STREAMS"},
		{"a stream is created twice", ddl + "-- rule --\nSELECT a FROM demo\n-- output --\n-- ddl --\nCREATE STREAM a () WITH ();\nCREATE STREAM a () WITH ()\n-- rule --\nSELECT a FROM a\n-- output --\n", "a is created twice"},
		{"bad JSON in the rule", ddl + "-- rule --\n{\"sql\": }\n-- output --\n", "rule 1: invalid character"},
		{"no SQL in the rule", ddl + "-- rule --\n{\"id\": \"x\"}\n-- output --\n", `JSON has no "sql"`},
		{"an option is misspelt", ddl + "-- rule --\n{\"sql\": \"SELECT a FROM demo\", \"options\": {\"lateTolerence\": 1}}\n-- output --\n", `option lateTolerence: is not known, did you mean "lateTolerance"?`},
		{"an option has no proper value", ddl + "-- rule --\n{\"sql\": \"SELECT a FROM demo\", \"options\": {\"lateTolerance\": true}}\n-- output --\n", "want ms or \"2s\", not true"},
		{"an unknown stream", input("@1s other {}"), `at @1s: stream "other" is not created in ddl`},
		{"time goes backwards", input("@2s wait\n@1s wait"), `input line 2: "@1s wait": time goes backwards`},
		{"no time", input("demo {}"), "want a line like @1.5s .."},
		{"a bad time", input("@1x demo {}"), `input line 1: "@1x demo {}": time: unknown unit`},
		{"an unknown verb", input("@1s stop"), "want a stream and an event, or one of start"},
		{"start in the middle", input("@1s wait\n@2s start"), "start must be the first line"},
		{"checkpoints without qos", input("@1s checkpoint"), "checkpoint needs a qos of 1 or 2"},
		{"the end of a stream that is not read", input("@1s end other"), `stream "other" is not in the query`},
		{"bad output", ddl + "-- rule --\nSELECT a FROM demo\n-- output --\n@1s nothing\n", `output line 1: "@1s nothing": want a JSON array or "error: text"`},
	} {
		err := Run("x.txtar", []byte(c.script))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is\n%v\nwant\n%s", c.name, err, c.want)
		}
	}
}

func input(lines string) string {
	return ddl + "-- rule --\nSELECT a FROM demo\n-- input --\n" + lines + "\n-- output --\n"
}

func TestOutputIsComparedByItsMeaning(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{`[{"a":1,"b":[2]}]`, `[ {"b":[2], "a":1.0} ]`, true},
		{`[{"a":1}]`, `[{"a":"1"}]`, false},
		{`[{"a":1}]`, `[{"a":1},{"a":1}]`, false},
		{`[{"a":1}]`, `[{"a":1,"b":null}]`, false},
		{`[{"a":null}]`, `[{}]`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[9007199254740993]`, `[9007199254740992]`, false},
		{`[1e21]`, `[1e+21]`, true},
		{`["\u003c"]`, `["<"]`, true},
		{`error: a`, `error: a`, true},
		{`error: a`, `error: ab`, false},
		{`error: a...`, `error: ab`, true},
		{`error: ...b`, `error: ab`, true},
		{`error: a...c...e`, `error: abcde`, true},
		{`error: a...e...c`, `error: abcde`, false},
		{`error: ...`, `[]`, false},
	} {
		if got := (emission{text: c.want}).same(emission{text: c.got}); got != c.same {
			t.Errorf("%s and %s are the same: %v, want %v", c.want, c.got, got, c.same)
		}
	}
}

func TestScriptsMayShareStreamsAndInput(t *testing.T) {
	err := Run("x.txtar", []byte(ddl+"-- input --\r\n@1s demo {\"a\":1}\r\n-- rule --\r\nSELECT a FROM demo\r\n-- output --\r\n# a comment\r\n@1s [{\"a\":1}]\r\n"+
		"-- rule --\n{\"id\": \"r\", \"sql\": \"SELECT a + 1 AS b FROM demo\", \"actions\": [{\"log\": {}}], \"options\": {\"sendError\": true}}\n-- output --\n@1s [{\"b\":2}]\n-- status --\nlate 0\nerrors 0\n"))
	if err != nil {
		t.Error(err)
	}
}
