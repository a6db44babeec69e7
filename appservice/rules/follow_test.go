package rules

import (
	"fmt"
	"strings"
	"testing"
)

// define gives the stream demo other columns, as a device profile would.
func (b *bench) define(t *testing.T, columns string) *feeder {
	t.Helper()
	_, err := b.cat.Replace("demo", false, fmt.Sprintf(`CREATE STREAM demo (%s) WITH (TYPE="hand", DATASOURCE="%s/demo", FORMAT="JSON", EXTRA="{\"fromEnd\":true}")`, columns, b.name))
	if err != nil {
		t.Fatal(err)
	}
	b.Follow("demo", `device profile "press"`)
	return feed_(b.name + "/demo")
}

func TestRulesFollowTheirStream(t *testing.T) {
	b := newBench(t, nil)
	f := b.define(t, "a BIGINT, b FLOAT")
	narrow, star := b.rule(t, "narrow", "SELECT a FROM demo", ""), b.rule(t, "star", "SELECT * FROM demo", "")
	live := func(opens int) {
		t.Helper()
		b.until(t, "narrow", "connected", func(st Status) bool { n, l, _ := f.count(); return n == opens && l == 2 })
	}
	live(2)
	f.add(`{"a":1,"b":2,"c":3}`)
	narrow.want(t, `[{"a":1}]`)
	star.want(t, `[{"a":1,"b":2}]`)

	b.define(t, "a BIGINT, b FLOAT, c BIGINT") // one more: only the star rule starts anew
	live(3)
	f.add(`{"a":4,"b":5,"c":6}`)
	narrow.want(t, `[{"a":1}]`, `[{"a":4}]`)
	star.want(t, `[{"a":1,"b":2}]`, `[{"a":4,"b":5,"c":6}]`)
	b.until(t, "narrow", "still the first run", func(st Status) bool { return st.State == Running && st.Nodes[0].Stats.In.Load() == 2 })

	b.define(t, "b FLOAT, c BIGINT")
	st := b.state(t, "narrow", Failed)
	if !strings.Contains(st.Message, `device profile "press"`) || !strings.Contains(st.Message, "unknown field a") || !strings.Contains(st.Message, "starts again") {
		t.Errorf("message %q", st.Message)
	}
	if text, _ := b.Text("narrow"); strings.Contains(string(text), `"triggered":false`) {
		t.Errorf("text of the suspended rule: %s", text)
	}
	b.define(t, "a STRING, b FLOAT, c BIGINT") // it is back, but another one
	if st := b.state(t, "narrow", Failed); st.LastStop == 0 {
		t.Errorf("%+v", st)
	}
	b.define(t, "a BIGINT, b FLOAT")
	b.state(t, "narrow", Running)
	b.define(t, "a FLOAT, b FLOAT")
	if st := b.state(t, "narrow", Failed); !strings.Contains(st.Message, "column demo.a was bigint and is float") {
		t.Errorf("message %q", st.Message)
	}
}

func TestASuspensionSurvivesARestartAndEndsWithTheUsersStop(t *testing.T) {
	b := newBench(t, nil)
	b.define(t, "a BIGINT")
	b.rule(t, "r1", "SELECT a FROM demo", "")
	b.rule(t, "r2", "SELECT a FROM demo", "")
	b.define(t, "a FLOAT")
	b.state(t, "r1", Failed)
	if err := b.Stop("r2"); err != nil {
		t.Fatal(err)
	}

	again := newBench(t, b.db)
	again.name = b.name
	if err := again.Load(); err != nil {
		t.Fatal(err)
	}
	if st := again.state(t, "r1", Failed); !strings.Contains(st.Message, "column demo.a was bigint and is float") {
		t.Errorf("message %q", st.Message)
	}
	again.define(t, "a BIGINT")
	again.state(t, "r1", Running)
	again.state(t, "r2", Stopped)
}
