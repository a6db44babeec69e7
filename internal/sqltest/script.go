package sqltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// testCase is one rule with what it is given and what must come of it.
type testCase struct {
	ddl    string
	rule   rule
	input  string
	expect map[string]string // by section
}

// rule is what counts of a rule's JSON.
type rule struct {
	SQL     string
	Options options
}

type options struct {
	EventTime     bool
	LateTolerance time.Duration
	IdleTimeout   time.Duration
	LateStream    string
	QoS           int
	SendNil       bool
	SendMeta      bool
	IgnoreCase    bool
	Zone          *time.Location
}

var sections = []string{"ddl", "rule", "input", "output", "status", "error", "explain"}

func parseScript(data []byte) ([]*testCase, error) {
	var cases []*testCase
	var ddl, input string
	var own *testCase // the rule that the sections belong to
	for _, f := range txtar.Parse(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))).Files {
		text := string(f.Data)
		switch {
		case f.Name == "ddl":
			ddl, own = text, nil
		case f.Name == "input" && own == nil:
			input = text
		case f.Name == "input":
			input, own.input = text, text
		case f.Name == "rule":
			r, err := parseRule(text)
			if err != nil {
				return nil, fmt.Errorf("rule %d: %w", len(cases)+1, err)
			}
			own = &testCase{ddl: ddl, rule: r, input: input, expect: map[string]string{}}
			cases = append(cases, own)
		case !slices.Contains(sections, f.Name):
			return nil, diag.New(diag.General, "section %q is not known", f.Name).WithHint(diag.DidYouMean(f.Name, sections))
		case own == nil:
			return nil, fmt.Errorf("section %q must stand behind a rule", f.Name)
		case own.has(f.Name):
			return nil, fmt.Errorf("rule %d has two sections %q", len(cases), f.Name)
		default:
			own.expect[f.Name] = text
		}
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("script has no section \"rule\"")
	}
	for i, c := range cases {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("rule %d %w", i+1, err)
		}
	}
	return cases, nil
}

func (c *testCase) has(section string) bool {
	_, ok := c.expect[section]
	return ok
}

// check refuses a rule that could not fail.
func (c *testCase) check() error {
	switch {
	case c.has("error"), c.has("output"), c.has("explain"):
		return nil
	case len(c.expect) == 0:
		return fmt.Errorf("is not checked: it has no section output, error or explain")
	}
	return fmt.Errorf("has no section \"output\"")
}

// parseRule reads SQL, or JSON with unknown members as other tools write them;
// in options only those that mean something here may stand.
func parseRule(text string) (rule, error) {
	r := rule{Options: options{LateTolerance: time.Second, Zone: time.UTC}}
	if text = strings.TrimSpace(text); !strings.HasPrefix(text, "{") {
		r.SQL = text
		return r, nil
	}
	var js struct {
		SQL     string                     `json:"sql"`
		Options map[string]json.RawMessage `json:"options"`
	}
	if err := json.Unmarshal([]byte(text), &js); err != nil {
		return r, err
	}
	if r.SQL = js.SQL; r.SQL == "" {
		return r, fmt.Errorf(`JSON has no "sql"`)
	}
	for name, val := range js.Options {
		if err := r.Options.set(name, val); err != nil {
			return r, fmt.Errorf("option %s: %w", name, err)
		}
	}
	return r, nil
}

func (o *options) set(name string, val json.RawMessage) error {
	var ignored any
	switch name {
	case "isEventTime":
		return json.Unmarshal(val, &o.EventTime)
	case "lateTolerance":
		return unmarshalDuration(val, &o.LateTolerance)
	case "idleTimeout":
		return unmarshalDuration(val, &o.IdleTimeout)
	case "lateStream":
		return json.Unmarshal(val, &o.LateStream)
	case "qos":
		return json.Unmarshal(val, &o.QoS)
	case "sendNilField":
		return json.Unmarshal(val, &o.SendNil)
	case "sendMetaToSink":
		return json.Unmarshal(val, &o.SendMeta)
	case "ignoreCase":
		return json.Unmarshal(val, &o.IgnoreCase)
	case "timezone":
		var zone string
		if err := json.Unmarshal(val, &zone); err != nil {
			return err
		}
		loc, err := time.LoadLocation(zone)
		o.Zone = loc
		return err
	case "sendError", "concurrency", "bufferLength", "checkpointInterval", "restartStrategy", "debug":
		return json.Unmarshal(val, &ignored)
	}
	known := []string{"isEventTime", "lateTolerance", "idleTimeout", "lateStream", "qos", "sendNilField", "sendMetaToSink", "ignoreCase", "timezone", "sendError"}
	return diag.New(diag.General, "is not known").WithHint(diag.DidYouMean(name, known))
}

// unmarshalDuration reads ms as a number, or a text such as "2s".
func unmarshalDuration(val json.RawMessage, d *time.Duration) error {
	var ms int64
	if err := json.Unmarshal(val, &ms); err == nil {
		*d = time.Duration(ms) * time.Millisecond
		return nil
	}
	var text string
	if err := json.Unmarshal(val, &text); err != nil {
		return fmt.Errorf(`want ms or "2s", not %s`, val)
	}
	parsed, err := time.ParseDuration(text)
	*d = parsed
	return err
}

// step is one line of the input.
type step struct {
	at      time.Duration
	verb    string // start wait checkpoint crash end, or "" for an event
	stream  string
	payload []byte
}

func parseInput(text string) ([]step, error) {
	var steps []step
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		s, err := parseStep(line)
		if err == nil && len(steps) > 0 && s.at < steps[len(steps)-1].at {
			err = fmt.Errorf("time goes backwards")
		}
		if err == nil && len(steps) > 0 && s.verb == "start" {
			err = fmt.Errorf("start must be the first line")
		}
		if err != nil {
			return nil, fmt.Errorf("input line %d: %q: %w", n+1, line, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(line string) (s step, err error) {
	var rest string
	if s.at, rest, err = cutTime(line); err != nil {
		return s, err
	}
	word, rest, _ := strings.Cut(rest, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case rest != "" && !(word == "end" && plainName(rest)):
		s.stream, s.payload = word, []byte(rest)
	case slices.Contains([]string{"start", "wait", "checkpoint", "crash", "end"}, word):
		s.verb, s.stream = word, rest
	default:
		return s, fmt.Errorf("want a stream and an event, or one of start, wait, checkpoint, crash, end")
	}
	return s, nil
}

func plainName(s string) bool { return !strings.ContainsAny(s, "{}[]\" ") }

// cutTime reads "@1.5s rest".
func cutTime(line string) (at time.Duration, rest string, err error) {
	if !strings.HasPrefix(line, "@") {
		return 0, "", fmt.Errorf("want a line like @1.5s ..")
	}
	word, rest, _ := strings.Cut(line[1:], " ")
	at, err = time.ParseDuration(word)
	if err == nil && at < 0 {
		err = fmt.Errorf("time is negative")
	}
	return at, strings.TrimSpace(rest), err
}

// emission is one line of the output.
type emission struct {
	at   time.Duration // noTime for a line of other text
	text string        // JSON, or "error: .."
}

const noTime time.Duration = -1

func (e emission) String() string {
	if e.at == noTime {
		return e.text
	}
	return fmt.Sprintf("@%v %s", e.at, e.text)
}

func parseOutput(text string) ([]emission, error) {
	var es []emission
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		at, rest, err := cutTime(line)
		if err == nil && !strings.HasPrefix(rest, "error: ") && !strings.HasPrefix(rest, "late ") && !json.Valid([]byte(rest)) {
			err = fmt.Errorf(`want a JSON array or "error: text"`)
		}
		if err != nil {
			return nil, fmt.Errorf("output line %d: %q: %w", n+1, line, err)
		}
		es = append(es, emission{at, rest})
	}
	return es, nil
}
