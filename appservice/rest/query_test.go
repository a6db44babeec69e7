package rest

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

func TestAQueryStreamsLinesUntilTheFileEnds(t *testing.T) {
	h := newHarness(t, "")
	resp, body := h.call(t, "POST", "/query", `{"sql": "SELECT seq FROM demo WHERE seq < 3"}`)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("%s %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	if want := "[{\"seq\":0}]\n[{\"seq\":1}]\n[{\"seq\":2}]\n"; body != want {
		t.Errorf("got %q, want %q", body, want)
	}
}

func TestAQueryEndsWhenItsClientLeaves(t *testing.T) {
	s := newServiceAt(t, clock.Wall)
	s.call(t, "POST", "/streams", `{"sql": "CREATE STREAM sim () WITH (TYPE=\"simulator\", DATASOURCE=\"x\", EXTRA=\"{\\\"interval\\\":1}\")"}`)
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/query", strings.NewReader(`{"sql": "SELECT temperature FROM sim"}`))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for range 3 {
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), `[{"temperature":`) {
			t.Fatalf("line %q, %v", lines.Text(), lines.Err())
		}
	}
	leave()
	s.Close() // waits for the handler
}

func TestABadQueryIsRefusedBeforeAnythingStreams(t *testing.T) {
	s := newService(t)
	resp, body := s.call(t, "POST", "/query", `{"sql": "SELECT a FORM demo"}`)
	if resp.StatusCode != 400 || !strings.Contains(body, `"column":10`) {
		t.Errorf("%s: %s", resp.Status, body)
	}
}
