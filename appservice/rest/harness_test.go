package rest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// harness makes the calls of the load harness with a small input: a file of
// JSON lines, a rule over it that ends by itself, its results.
type harness struct {
	*service
	dir string
}

const harnessRows = 5000

func harnessRow(i int) (device int, temperature float64, ts int64) {
	return i % 10, float64(i%100) / 2, 1_700_000_000_000 + int64(i)*10
}

func newHarness(t *testing.T, with string) *harness {
	t.Helper()
	h := &harness{newServiceAt(t, clock.Wall), t.TempDir()}
	var b strings.Builder
	for i := range harnessRows {
		dev, temp, ts := harnessRow(i)
		fmt.Fprintf(&b, `{"deviceId":"dev_%d","temperature":%g,"humidity":%d,"seq":%d,"ts":%d}`+"\n", dev, temp, i%7, i, ts)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "in.jsonl"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h.call(t, "DELETE", "/streams/demo", "")
	h.must(t, "PUT", "/metadata/sources/file/confKeys/bench", map[string]any{"fileType": "lines", "path": h.dir, "interval": 0, "sendInterval": 0})
	h.must(t, "POST", "/streams", map[string]any{
		"sql": `CREATE STREAM demo () WITH (TYPE="file", DATASOURCE="in.jsonl", FORMAT="JSON", CONF_KEY="bench"` + with + `)`})
	return h
}

func (h *harness) must(t *testing.T, method, path string, body any) string {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, answer := h.call(t, method, path, string(b))
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer
}

// run creates a rule and waits until it has ended.
func (h *harness) run(t *testing.T, sql string, action, options map[string]any) map[string]any {
	t.Helper()
	h.call(t, "DELETE", "/rules/bench_r", "")
	h.must(t, "POST", "/rules", map[string]any{"id": "bench_r", "sql": sql, "actions": []any{action}, "options": options})
	poll, deadline := time.NewTicker(2*time.Millisecond), time.After(20*time.Second)
	defer poll.Stop()
	for {
		var st map[string]any
		if err := json.Unmarshal([]byte(h.must(t, "GET", "/rules/bench_r/status", nil)), &st); err != nil {
			t.Fatal(err)
		}
		if st["status"] != "running" {
			return st
		}
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("the rule does not end: %v", st)
		}
	}
}

func (h *harness) fileAction(single bool) (action map[string]any, path string) {
	path = filepath.Join(h.dir, "out.jsonl")
	return map[string]any{"file": map[string]any{
		"path": path, "fileType": "lines", "format": "json", "sendSingle": single, "rollingCount": 1000000000}}, path
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

const harnessFilter = "SELECT deviceId, temperature, humidity FROM demo WHERE temperature > 30"

func passing() (n int) {
	for i := range harnessRows {
		if _, temp, _ := harnessRow(i); temp > 30 {
			n++
		}
	}
	return n
}

func TestAFileIsFilteredIntoNothing(t *testing.T) {
	h := newHarness(t, "")
	st := h.run(t, harnessFilter, map[string]any{"nop": map[string]any{}}, map[string]any{"disableBufferFullDiscard": true})
	if st["status"] != "stopped" || st["source_demo_0_records_in_total"] != float64(harnessRows) || st["sink_nop_0_0_records_in_total"] != float64(passing()) {
		t.Errorf("status %v", st)
	}
}

func TestAFileIsFilteredIntoAFileThatIsCompleteWhenTheRuleHasEnded(t *testing.T) {
	h := newHarness(t, "")
	action, path := h.fileAction(true)
	st := h.run(t, harnessFilter, action, nil) // without the lossless option too
	lines := readLines(t, path)
	if len(lines) != passing() {
		t.Fatalf("%d lines, want %d; status %v", len(lines), passing(), st)
	}
	at := 0
	for i := range harnessRows {
		dev, temp, _ := harnessRow(i)
		if temp <= 30 {
			continue
		}
		want := fmt.Sprintf(`{"deviceId":"dev_%d","humidity":%d,"temperature":%g}`, dev, i%7, temp)
		if lines[at] != want {
			t.Fatalf("line %d is %s, want %s", at, lines[at], want)
		}
		at++
	}
}

func TestAFileIsAggregatedByEventTime(t *testing.T) {
	h := newHarness(t, `, TIMESTAMP="ts"`)
	action, path := h.fileAction(false)
	h.run(t, "SELECT deviceId, avg(temperature) AS t, max(humidity) AS h, count(*) AS c, window_end() AS w "+
		"FROM demo GROUP BY deviceId, TUMBLINGWINDOW(ss, 10)", action,
		map[string]any{"disableBufferFullDiscard": true, "isEventTime": true, "lateTolerance": 0})
	total := 0.0
	windows := map[float64]int{}
	for _, line := range readLines(t, path) {
		var rows []map[string]any
		if err := json.Unmarshal([]byte(line), &rows); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			total += r["c"].(float64)
			windows[r["w"].(float64)]++
		}
	}
	if total != harnessRows {
		t.Errorf("%v readings are in windows, want %d", total, harnessRows)
	}
	for end, n := range windows {
		if n != 10 {
			t.Errorf("window %v has %d devices, want 10", end, n)
		}
	}
	if len(windows) != 5 {
		t.Errorf("%d windows, want 5: %v", len(windows), windows)
	}
}
