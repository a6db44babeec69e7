package httppush

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/sourcetest"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func call(method, path, body string) (int, string, error) {
	req, err := http.NewRequest(method, "http://"+dataserver.Default.Addr()+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(text)), err
}

func TestExam(t *testing.T) {
	Listen("127.0.0.1:0")
	sourcetest.Run(t, sourcetest.Exam{
		Driver: "httppush", Datasource: "exam",
		Bad: []sourcetest.Refusal{{Props: map[string]any{"method": "GET"}, Want: "could be only POST or PUT"}},
		Feed: func(text string) error {
			code, body, err := call("POST", "/exam", text)
			if err == nil && code != 200 {
				err = fmt.Errorf("%d %s", code, body)
			}
			return err
		},
	})
}

// rule runs a stream of the type with one rule that settles what it takes.
func rule(t *testing.T, path string, props map[string]any, settle func(sources.Delivery)) (tap *sources.Tap, stop func()) {
	t.Helper()
	src, common, err := sources.Open("httppush", props)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := sources.NewHub(sources.HubConfig{Stream: "s", Datasource: path, Source: src, Payload: common})
	if err != nil {
		t.Fatal(err)
	}
	in := sources.NewInbox(100)
	tap, err = hub.Attach(in, 0, sources.Want{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}}}, Errors: true})
	if err != nil {
		t.Fatal(err)
	}
	hub.Start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan bool)
	go func() {
		defer close(ended)
		defer context.AfterFunc(ctx, in.Wake)()
		for ctx.Err() == nil {
			<-in.Ready()
			for _, d := range in.Take() {
				settle(d)
			}
		}
	}()
	for hub.Link().Status != 1 {
		runtime.Gosched()
	}
	return tap, func() {
		cancel()
		<-ended
		tap.Detach()
		if err := hub.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestAnswers(t *testing.T) {
	Listen("127.0.0.1:0")
	rows := 0
	tap, stop := rule(t, "/a/b", nil, func(d sources.Delivery) { rows += len(d.Batch.Rows); d.Done(nil) })
	defer stop()
	for _, c := range []struct {
		method, path, body string
		code               int
		text               string
	}{
		{"POST", "/a/b", `{"a":1}`, 200, "ok"},
		{"POST", "/a/b", `[{"a":1},{"a":2},{"a":3}]`, 200, "ok"},
		{"POST", "/a/b", `not JSON`, 200, "ok"},
		{"POST", "/a/b", ``, 200, "ok"},
		{"GET", "/a/b", ``, 405, "method not allowed"},
		{"PUT", "/a/b", `{"a":1}`, 405, "method not allowed"},
		{"POST", "/a", `{"a":1}`, 404, "404 page not found"},
	} {
		code, text, err := call(c.method, c.path, c.body)
		if err != nil || code != c.code || text != c.text {
			t.Errorf("%s %s %s: %d %s %v", c.method, c.path, c.body, code, text, err)
		}
	}
	if s := tap.Stats(); s.In.Load() != 4 || s.Errors.Load() != 2 {
		t.Errorf("%d rows, %d errors", s.In.Load(), s.Errors.Load())
	}
}

func TestStreamsMayShareAPath(t *testing.T) {
	Listen("127.0.0.1:0")
	var a, b int
	ta, stopA := rule(t, "same", nil, func(d sources.Delivery) { a++; d.Done(nil) })
	_, stopB := rule(t, "/same", nil, func(d sources.Delivery) { b++; d.Done(nil) })
	defer stopB()
	_, stopC := rule(t, "/same", map[string]any{"method": "put"}, func(d sources.Delivery) { d.Done(nil) })
	defer stopC()
	for _, method := range []string{"POST", "PUT"} {
		if code, _, err := call(method, "/same", `{"a":1}`); err != nil || code != 200 {
			t.Errorf("%d %v", code, err)
		}
	}
	stopA()
	if code, _, err := call("POST", "/same", `{"a":1}`); err != nil || code != 200 {
		t.Errorf("%d %v", code, err)
	}
	if ta.Stats().In.Load() != 1 || b != 2 {
		t.Errorf("first stream %d, second %d", a, b)
	}
}

func TestWhatNoRuleHasIsNotAnswered200(t *testing.T) {
	Listen("127.0.0.1:0")
	_, stop := rule(t, "fails", nil, func(d sources.Delivery) { d.Done(fmt.Errorf("rule is stopping")) })
	defer stop()
	code, text, err := call("POST", "/fails", `{"a":1}`)
	if err != nil || code != 503 || text != "rule is stopping" {
		t.Errorf("%d %s %v", code, text, err)
	}
}

func TestTooLargeABodyIsRefused(t *testing.T) {
	Listen("127.0.0.1:0")
	_, stop := rule(t, "large", nil, func(d sources.Delivery) { d.Done(nil) })
	defer stop()
	code, text, err := call("POST", "/large", strings.Repeat(" ", dataserver.MaxBody+1))
	if err == nil && (code != 413 || text != "the body is larger than 64 MiB") { // or the connection is cut while sending
		t.Errorf("%d %s", code, text)
	}
	if code, _, err := call("POST", "/large", `{"a":1}`); err != nil || code != 200 {
		t.Errorf("afterwards: %d %v", code, err)
	}
}

func TestATakenPortShowsInTheStatus(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	Listen(l.Addr().String())
	defer Listen("127.0.0.1:0")
	src, _, err := sources.Open("httppush", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = src.Run(context.Background(), sources.Env{Datasource: "x"}, nil)
	if err == nil || !strings.Contains(err.Error(), "source.httpServerPort") {
		t.Error(err)
	}
}
