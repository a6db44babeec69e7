package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
)

// fixed is a set of rules that tests can change.
type fixed map[string]rules.Status

func (f fixed) Each(do func(string, rules.Status)) {
	for id, st := range f {
		do(id, st)
	}
}

func scrape(t *testing.T, set Rules) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(set, func() []Gauge { return []Gauge{{"sluice_profiles", "Profiles.", 3}} }).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestCountersAreShownUnderKuipersNames(t *testing.T) {
	var source, filter, sink exec.Stats
	source.In.Store(7)
	filter.Errors.Store(2)
	sink.Buffered.Store(3)
	link := exec.NewLink(clock.Wall)
	link.Connected()
	text := scrape(t, fixed{
		"r1": {State: rules.Running, Nodes: []rules.Node{
			{Kind: "source", Name: "demo", Stats: &source, Link: link.State},
			{Kind: "op", Name: "4_filter", Stats: &filter},
			{Kind: "sink", Name: "mqtt_0", Stats: &sink, Link: link.State},
		}},
		"r2": {State: rules.Failed},
		"r3": {State: rules.Stopped},
	})
	for _, line := range []string{
		`kuiper_source_records_in_total{op="demo",op_instance="0",rule="r1",type="source"} 7`,
		`kuiper_op_exceptions_total{op="4_filter",op_instance="0",rule="r1",type="op"} 2`,
		`kuiper_sink_buffer_length{op="mqtt_0",op_instance="0",rule="r1",type="sink"} 3`,
		`kuiper_source_connection_status{op="demo",op_instance="0",rule="r1",type="source"} 1`,
		`kuiper_rule_status{rule="r1"} 1`,
		`kuiper_rule_status{rule="r2"} -1`,
		`kuiper_rule_status{rule="r3"} 0`,
		`kuiper_rule_count{status="running"} 1`,
		`kuiper_rule_count{status="stop"} 2`,
		`# TYPE kuiper_op_records_in_total counter`,
		`# TYPE kuiper_op_process_latency_us gauge`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	if strings.Contains(text, "kuiper_op_connection_status{") {
		t.Error("operators have a connection status")
	}
}

func TestDeletedRulesLeaveNoSeriesBehind(t *testing.T) {
	set := fixed{"r1": {State: rules.Running, Nodes: []rules.Node{{Kind: "op", Name: "4_filter", Stats: &exec.Stats{}}}}}
	if !strings.Contains(scrape(t, set), `rule="r1"`) {
		t.Fatal("r1 is not shown")
	}
	delete(set, "r1")
	if text := scrape(t, set); strings.Contains(text, `rule="r1"`) {
		t.Error("r1 is still shown")
	}
}
