package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// service is an HTTP server that can go away and come back at its address.
type service struct {
	mu     sync.Mutex
	addr   string
	server *http.Server
	got    []string
	conns  int
}

func startService(t *testing.T) *service {
	s := &service{addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) start() {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		panic(err)
	}
	s.addr = l.Addr().String()
	s.server = &http.Server{Handler: s, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
		}
	}}
	go s.server.Serve(l)
}

func (s *service) stop() { s.server.Close() }

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, string(body))
}

func (s *service) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func TestExam(t *testing.T) {
	s := startService(t)
	sinktest.Run(t, sinktest.Exam{
		Driver: "rest", Props: map[string]any{"url": "http://" + s.addr + "/in"},
		Bad: []sinktest.Refusal{
			{Props: map[string]any{}, Want: "missing url property"},
			{Props: map[string]any{"url": "x"}, Want: `parse "x": invalid URI for request`},
			{Props: map[string]any{"url": "ftp://host/"}, Want: "write http://host/path or https://host/path"},
			{Props: map[string]any{"url": "http://h/", "method": "bad"}, Want: "Not supported HTTP method BAD."},
			{Props: map[string]any{"url": "http://h/", "bodyType": "zz"}, Want: "Invalid body type value zz."},
			{Props: map[string]any{"url": "http://h/", "headers": map[string]any{"a": "{{.x"}}, Want: "headers a"},
			{Props: map[string]any{"url": "http://h/", "rootCaPath": "/nosuch"}, Want: "rootCaPath"},
			{Props: map[string]any{"url": "http://h/", "responseType": "status"}, Want: "could be only code or body"},
		},
		Received: s.received, Break: s.stop, Mend: s.start,
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns > 20 {
		t.Errorf("%d connections for %d requests: they are not kept alive", s.conns, len(s.got))
	}
}

// connect makes a sink for properties and a payload of one row a=1 b=x&y.
func connect(t *testing.T, props map[string]any) *sink {
	t.Helper()
	s, set := &sink{}, param.New("rest")
	s.Params(set)
	if err := set.Bind(props); err != nil {
		t.Fatal(err)
	}
	if err := s.Connect(context.Background(), sinks.Env{Log: slog.New(slog.DiscardHandler), Clock: clock.Wall}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func payload(single bool) sinks.Payload {
	p := sinks.Payload{
		Schema: &row.Schema{Cols: []value.Field{{Name: "a"}, {Name: "b"}, {Name: "l"}}}, Single: single,
		Rows: []row.Row{{Cols: []value.Value{value.OfInt(1), value.OfString("x&y"), value.OfInts([]int64{1, 2})}}},
	}
	p.Data, _ = value.AppendJSON(nil, p.Value())
	return p
}

func TestRequests(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Content-Type"), " ", r.Header.Get("X-Key"), " ", string(body))
	}))
	defer server.Close()
	for _, c := range []struct {
		props  map[string]any
		single bool
		want   string
	}{
		{map[string]any{}, true, `POST / application/json  {"a":1,"b":"x\u0026y","l":[1,2]}`},
		{map[string]any{}, false, `POST / application/json  [{"a":1,"b":"x\u0026y","l":[1,2]}]`},
		{map[string]any{"url": "/{{.a}}?q={{.b | urlquery}}", "method": "put", "headers": map[string]any{"X-Key": "k{{.a}}"}}, true, `PUT /1?q=x%26y application/json k1 {"a":1,"b":"x\u0026y","l":[1,2]}`},
		{map[string]any{"url": "/{{(index . 0).a}}", "method": "patch", "bodyType": "text"}, false, `PATCH /1 text/plain  [{"a":1,"b":"x\u0026y","l":[1,2]}]`},
		{map[string]any{"bodyType": "xml", "headers": map[string]any{"content-type": "text/xml"}}, true, `POST / text/xml  {"a":1,"b":"x\u0026y","l":[1,2]}`},
		{map[string]any{"bodyType": "none"}, true, `POST /   `},
		{map[string]any{"method": "get"}, true, `GET /   `},
		{map[string]any{"bodyType": "form"}, true, `POST / application/x-www-form-urlencoded  a=1&b=x%26y&l=%5B1%2C2%5D`},
		{map[string]any{"bodyType": "form"}, false, `POST / application/x-www-form-urlencoded  result=%5B%7B%22a%22%3A1%2C%22b%22%3A%22x%5Cu0026y%22%2C%22l%22%3A%5B1%2C2%5D%7D%5D`},
	} {
		path, _ := c.props["url"].(string)
		if path == "" {
			path = "/"
		}
		c.props["url"] = server.URL + path
		s := connect(t, c.props)
		if err := s.Write(context.Background(), payload(c.single)); err != nil {
			t.Errorf("%v: %v", c.props, err)
		}
		if got != c.want {
			t.Errorf("%v:\ngot  %s\nwant %s", c.props, got, c.want)
		}
	}
}

func TestFormData(t *testing.T) {
	var name, field, file string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		field = r.FormValue("who")
		f, h, err := r.FormFile("upload")
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		text, _ := io.ReadAll(f)
		name, file = h.Filename, string(text)
	}))
	defer server.Close()
	s := connect(t, map[string]any{"url": server.URL, "bodyType": "formdata", "fileFieldName": "upload", "formData": map[string]any{"who": "d{{.a}}"}})
	if err := s.Write(context.Background(), payload(true)); err != nil {
		t.Fatal(err)
	}
	if name != "upload" || field != "d1" || !strings.HasPrefix(file, `{"a":1`) {
		t.Errorf("name %s field %s file %s", name, field, file)
	}
}

func TestAnswersTellWhetherToTryAgain(t *testing.T) {
	status, body := 200, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	defer server.Close()
	for _, c := range []struct {
		status       int
		kind, answer string
		want         string
		again        bool
	}{
		{200, "code", "", "", false},
		{204, "code", "", "", false},
		{400, "code", "no such field", "answered 400: no such field", false},
		{404, "code", "", "answered 404", false},
		{408, "code", "", "answered 408", true},
		{429, "code", "", "answered 429", true},
		{500, "code", "", "answered 500", true},
		{503, "code", "", "answered 503", true},
		{200, "body", `{"code":200}`, "", false},
		{200, "body", `{"code":500}`, "answered 500", true},
		{200, "body", `{"code":400}`, "answered 400", false},
		{200, "body", `hello`, "without a code in its body", false},
		{500, "body", `{"code":200}`, "answered 500", true},
	} {
		status, body = c.status, c.answer
		s := connect(t, map[string]any{"url": server.URL, "responseType": c.kind, "debugResp": true})
		err := s.Write(context.Background(), payload(true))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || sinks.IsRetryable(err) != c.again {
			t.Errorf("%+v: %v, again %v", c, err, sinks.IsRetryable(err))
		}
	}
}

func TestASilentServiceIsTriedAgain(t *testing.T) {
	hold := make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	defer server.Close()
	defer close(hold)
	s := connect(t, map[string]any{"url": server.URL + "/?token=secret", "timeout": 20})
	err := s.Write(context.Background(), payload(true))
	if !sinks.IsRetryable(err) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the address: %v", err)
	}
}

func TestCertificatesAreTakenUnlessToldOtherwise(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	if err := connect(t, map[string]any{"url": server.URL}).Write(context.Background(), payload(true)); err != nil {
		t.Error(err)
	}
	err := connect(t, map[string]any{"url": server.URL, "insecureSkipVerify": false}).Write(context.Background(), payload(true))
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
}

func TestPing(t *testing.T) {
	s := startService(t)
	up := connect(t, map[string]any{"url": "http://" + s.addr})
	if err := up.Ping(context.Background(), sinks.Env{}); err != nil {
		t.Error(err)
	}
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := up.Ping(ctx, sinks.Env{}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}
