package rest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

func TestATrialShowsItsResultsToWhoListens(t *testing.T) {
	s := newService(t)
	s.call(t, "POST", "/streams", `{"sql": "CREATE STREAM demo (a BIGINT) WITH (TYPE=\"mqtt\", DATASOURCE=\"x\")"}`)
	resp, body := s.call(t, "POST", "/ruletest", `{"id": "t1", "sql": "SELECT a FROM demo WHERE a > 1",
		"mockSource": {"demo": {"data": [{"a": 1}, {"a": 2}, {"a": 3}], "interval": 0, "loop": false}}, "sinkProps": {"sendSingle": true}}`)
	var made struct {
		ID   string
		Port int
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil || resp.StatusCode != 200 || made.ID != "t1" {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	if !strings.HasSuffix(s.URL, ":"+strconv.Itoa(made.Port)) {
		t.Errorf("port %d of %s", made.Port, s.URL)
	}
	events, err := http.Get(s.URL + "/test/t1")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	if ct := events.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("content type %s", ct)
	}
	if _, answer := s.call(t, "POST", "/ruletest/t1/start", ""); answer != "Test rule t1 was started" {
		t.Error(answer)
	}
	got, err := io.ReadAll(events.Body) // ends with the trial
	if want := "data: {\"a\":2}\n\ndata: {\"a\":3}\n\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if resp, _ := s.call(t, "GET", "/test/t1", ""); resp.StatusCode != 404 {
		t.Errorf("after its end: %s", resp.Status)
	}
	if names := s.rules.List(); len(names) != 0 {
		t.Errorf("the trial is listed: %v", names)
	}
}

func TestATrialCanBeStopped(t *testing.T) {
	s := newService(t)
	s.call(t, "POST", "/streams", `{"sql": "CREATE STREAM demo () WITH (TYPE=\"mqtt\", DATASOURCE=\"x\")"}`)
	_, body := s.call(t, "POST", "/ruletest", `{"sql": "SELECT a FROM demo", "mockSource": {"demo": {"data": [{"a": 1}], "interval": 10, "loop": true}}}`)
	if !strings.HasPrefix(body, `{"id":"ruletest_1","port":`) {
		t.Fatal(body)
	}
	events, err := http.Get(s.URL + "/test/ruletest_1")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	s.call(t, "POST", "/ruletest/ruletest_1/start", "")
	for range 2 { // an unknown one too
		if _, answer := s.call(t, "DELETE", "/ruletest/ruletest_1", ""); answer != "Test rule ruletest_1 was stopped." {
			t.Error(answer)
		}
	}
	if _, err := io.ReadAll(events.Body); err != nil {
		t.Error(err)
	}
}

func TestBadTrialsAreRefused(t *testing.T) {
	s := newService(t)
	for body, want := range map[string]string{
		`{"id": "t", "sql": "SELECT a FROM nosuch"}`: "fail to get stream nosuch",
		`{"id": "t", "sql": "SELECT a FORM x"}`:      "Parse SQL SELECT a FORM x error",
		`nonsense`:                                   "Parse rule nonsense error",
	} {
		resp, answer := s.call(t, "POST", "/ruletest", body)
		if resp.StatusCode != 400 || !strings.Contains(answer, "fail to run rule ruletest_") || !strings.Contains(answer, want) {
			t.Errorf("%s: %s %s", body, resp.Status, answer)
		}
	}
	resp, answer := s.call(t, "POST", "/ruletest/nosuch/start", "")
	if resp.StatusCode != 400 || !strings.Contains(answer, "start rule error: try to start test rule nosuch but it is not found") {
		t.Errorf("%s %s", resp.Status, answer)
	}
}
