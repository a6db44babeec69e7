package httppull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// hurried is a clock that moves on as soon as somebody waits.
type hurried struct{ *clock.Virtual }

func (h hurried) After(d time.Duration) (<-chan time.Time, func()) {
	h.Set(h.Now().Add(d))
	return h.Virtual.After(0)
}

// pull runs a source until it has delivered n payloads, or fails.
func pull(t *testing.T, props map[string]any, datasource string, n int) (got []string, err error) {
	t.Helper()
	src, _, err := sources.Open("httppull", props)
	if err != nil {
		return nil, err
	}
	c := hurried{clock.NewVirtual(time.UnixMilli(1000))}
	err = src.Run(t.Context(), sources.Env{Datasource: datasource, Clock: c, Status: exec.NewLink(c)}, func(m sources.Message) error {
		got = append(got, string(m.Payload))
		if len(got) == n {
			return context.Canceled
		}
		return nil
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return got, err
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestEachAnswerIsAPayload(t *testing.T) {
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"n":%d,"path":"%s","method":"%s","body":"%s","type":"%s","head":"%s"}`, n.Add(1), r.URL, r.Method, b, r.Header.Get("Content-Type"), r.Header.Get("X-Key"))
	})
	got, err := pull(t, map[string]any{"url": url, "method": "post", "body": "hi {{.LastPullTime}}", "bodyType": "text", "interval": "2s",
		"headers": map[string]any{"X-Key": "k"}}, "/now?since={{.PullTime}}", 2)
	want := []string{
		`{"n":1,"path":"/now?since=1000","method":"POST","body":"hi 0","type":"text/plain","head":"k"}`,
		`{"n":2,"path":"/now?since=3000","method":"POST","body":"hi 1000","type":"text/plain","head":"k"}`,
	}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestIncrementalLeavesOutEqualAnswers(t *testing.T) {
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"n":%d}`, n.Add(1)/3) })
	got, err := pull(t, map[string]any{"url": url, "incremental": true}, "", 3)
	if err != nil || fmt.Sprint(got) != `[{"n":0} {"n":1} {"n":2}]` {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestStatesAreTakenFromTheAnswers(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"page":"%sx"}`, r.URL.Query().Get("page"))
	})
	got, err := pull(t, map[string]any{"url": url, "states": map[string]any{"page": "a"}}, "/?page={{.page}}", 3)
	if err != nil || fmt.Sprint(got) != `[{"page":"ax"} {"page":"axx"} {"page":"axxx"}]` {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestABadAnswerIsABrokenLink(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/code" {
			io.WriteString(w, `{"code":500}`)
			return
		}
		w.WriteHeader(503)
	})
	for path, want := range map[string]string{"/": "http return code: 503", "/code": "http status code 500"} {
		if _, err := pull(t, map[string]any{"url": url, "responseType": "body"}, path, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	for _, props := range []map[string]any{{"method": "fetch"}, {"bodyType": "yaml"}, {"timeot": 1}, {"oAuth": map[string]any{"acces": 1}}, {"interval": 0}} {
		if _, err := pull(t, props, "", 1); err == nil {
			t.Errorf("%v was accepted", props)
		}
	}
	if _, err := pull(t, map[string]any{"url": "ftp://x"}, "", 1); err == nil || !strings.Contains(err.Error(), "http://host/path") {
		t.Errorf("got %v", err)
	}
}

func TestATokenIsGotUsedAndRenewed(t *testing.T) {
	var grants []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/token":
			grants = append(grants, "access "+string(b))
			io.WriteString(w, `{"access_token":"t1","refresh_token":"r1","expires":"10"}`)
		case "/refresh":
			grants = append(grants, "refresh "+string(b)+" "+r.Header.Get("Authorization"))
			io.WriteString(w, `{"access_token":"t2"}`)
		default:
			io.WriteString(w, `"`+r.Header.Get("Authorization")+`"`)
		}
	})
	got, err := pull(t, map[string]any{
		"url": url, "interval": "5s", "headers": map[string]any{"Authorization": "Bearer {{.access_token}}"},
		"oAuth": map[string]any{
			"access":  map[string]any{"url": url + "/token", "body": `{"user":"u"}`, "expire": "{{.expires}}"},
			"refresh": map[string]any{"url": url + "/refresh", "headers": map[string]any{"Authorization": "Bearer {{.access_token}}"}, "body": "{{.refresh_token}}"},
		}}, "/data", 3)
	if err != nil || fmt.Sprint(got) != `["Bearer t1" "Bearer t1" "Bearer t2"]` {
		t.Errorf("got %v, %v", got, err)
	}
	if fmt.Sprint(grants) != `[access {"user":"u"} refresh r1 Bearer t1]` {
		t.Errorf("grants %q", grants)
	}
}

func TestALookupTakesTheRowsThatMatch(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/devices":
			io.WriteString(w, `[{"id":1,"name":"a"},{"id":2,"name":"b"},{"id":1,"name":"c"}]`)
		case "/device/2":
			io.WriteString(w, `{"name":"b"}`)
		default:
			io.WriteString(w, `[1]`)
		}
	})
	ask := func(path string, id int64) string {
		t.Helper()
		l, err := sources.OpenTable(t.Context(), sources.TableConfig{Name: "dev", Driver: "httppull", Datasource: path, Props: map[string]any{"url": url}, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		rows, err := l.Lookup(t.Context(), sources.Query{Keys: []string{"id"}, Values: []value.Value{value.OfInt(id)}})
		if err != nil {
			return "error: " + err.Error()
		}
		b, err := value.AppendJSON(nil, value.OfArray(rows))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		path string
		id   int64
		want string
	}{
		{"/devices", 1, `[{"id":1,"name":"a"},{"id":1,"name":"c"}]`}, {"/devices", 7, `[]`}, {"/device/{{.id}}", 2, `[{"name":"b"}]`},
		{"/other", 1, "error: the answer is neither a JSON object nor an array of objects"},
	} {
		if got := ask(c.path, c.id); got != c.want {
			t.Errorf("%s %d: got %s, want %s", c.path, c.id, got, c.want)
		}
	}
}
