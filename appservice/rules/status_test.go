package rules

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/exec"
)

func asDiag(err error, into **diag.Error) bool { return errors.As(err, into) }

func exampleStatus() Status {
	var source, filter, sink exec.Stats
	source.In.Store(3)
	filter.Failed(errors.New(`bad "quoted" text`), 1700000000000)
	link := exec.NewLink(clock.NewVirtual(time.UnixMilli(1795213948739)))
	link.Connected()
	return Status{State: Running, LastStart: 1795213948712, Nodes: []Node{
		{Kind: "source", Name: "demo", Stats: &source, Link: link.State},
		{Kind: "op", Name: "3_filter", Stats: &filter},
		{Kind: "sink", Name: "log_0", Stats: &sink, Link: link.State},
	}}
}

func TestStatusIsIndentedInTheOrderOfTheTopology(t *testing.T) {
	st := exampleStatus()
	text := string(st.Indented())
	wantBegin := `{
  "status": "running",
  "message": "",
  "lastStartTimestamp": 1795213948712,
  "lastStopTimestamp": 0,
  "nextStartTimestamp": 0,
  "source_demo_0_records_in_total": 3,
  "source_demo_0_records_out_total": 0,
  "source_demo_0_messages_processed_total": 3,
  "source_demo_0_process_latency_us": 0,
  "source_demo_0_buffer_length": 0,
  "source_demo_0_last_invocation": 0,
  "source_demo_0_exceptions_total": 0,
  "source_demo_0_last_exception": "",
  "source_demo_0_last_exception_time": 0,
  "source_demo_0_connection_status": 1,
  "source_demo_0_connection_last_connected_time": 1795213948739,
  "source_demo_0_connection_last_disconnected_time": 0,
  "source_demo_0_connection_last_disconnected_message": "",
  "source_demo_0_connection_last_try_time": 1795213948739,
  "op_3_filter_0_records_in_total": 0,
`
	if !strings.HasPrefix(text, wantBegin) {
		t.Errorf("status begins\n%s", text)
	}
	if !strings.HasSuffix(text, "\"sink_log_0_0_connection_last_try_time\": 1795213948739\n}") {
		t.Errorf("status ends\n%s", text)
	}
	if strings.Contains(text, "op_3_filter_0_connection") {
		t.Error("an operator has a connection")
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil || m["op_3_filter_0_last_exception"] != `bad "quoted" text` {
		t.Errorf("%v, %v", err, m["op_3_filter_0_last_exception"])
	}
}

func TestStatusOnOneLineHasSortedKeys(t *testing.T) {
	st := exampleStatus()
	b, err := json.Marshal(&st)
	if err != nil || !strings.HasPrefix(string(b), `{"lastStartTimestamp":1795213948712,"lastStopTimestamp":0,"message":"",`) {
		t.Errorf("%s, %v", b, err)
	}
}

func TestARuleThatNeverRanHasFiveKeys(t *testing.T) {
	st := Status{State: Stopped}
	want := "{\n  \"status\": \"stopped\",\n  \"message\": \"\",\n  \"lastStartTimestamp\": 0,\n  \"lastStopTimestamp\": 0,\n  \"nextStartTimestamp\": 0\n}"
	if got := string(st.Indented()); got != want {
		t.Errorf("got %s", got)
	}
}

func TestExceptionsAreAddedUp(t *testing.T) {
	st := exampleStatus()
	st.Nodes[2].Stats.Failed(errors.New("later"), 1700000000001)
	if n, last := st.Exceptions(); n != 2 || last != "later" {
		t.Errorf("%d, %q", n, last)
	}
}

func TestTopologyLinksSourcesOperatorsAndSinks(t *testing.T) {
	got, _ := json.Marshal(topology([]Node{
		{Kind: "source", Name: "a"}, {Kind: "source", Name: "b"}, {Kind: "op", Name: "3_join"}, {Kind: "op", Name: "4_project"},
		{Kind: "op", Name: "log_0_0_transform", Action: "log_0"}, {Kind: "sink", Name: "log_0", Action: "log_0"}, {Kind: "sink", Name: "mqtt_1", Action: "mqtt_1"},
	}))
	want := `{"sources":["source_a","source_b"],"edges":{"op_3_join":["op_4_project"],"op_4_project":["op_log_0_0_transform","sink_mqtt_1"],"op_log_0_0_transform":["sink_log_0"],"source_a":["op_3_join"],"source_b":["op_3_join"]}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
