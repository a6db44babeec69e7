package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// request sends a request with headers.
func (s *service) request(t *testing.T, method, path string, headers map[string]string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

func TestAnyOriginMayReadAnswers(t *testing.T) {
	s := newService(t)
	resp := s.request(t, "GET", "/rules", map[string]string{"Origin": "http://ui.example"})
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("allowed origin %q", got)
	}
	if resp := s.request(t, "GET", "/rules", nil); resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("an answer without an origin allows one")
	}
	resp = s.request(t, "OPTIONS", "/rules/r1", map[string]string{"Origin": "http://ui.example", "Access-Control-Request-Method": "PUT"})
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Access-Control-Allow-Methods"), "PUT") || !strings.Contains(resp.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %s %v", resp.Status, resp.Header)
	}
}

func TestAllButAboutAndPingAreGuarded(t *testing.T) {
	s := newService(t, func(c *Config) {
		c.Metrics = http.NotFoundHandler()
		c.Guard = func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if c.Request().Header.Get("Authorization") != "token" {
					return echo.NewHTTPError(http.StatusUnauthorized, "missing_token")
				}
				return next(c)
			}
		}
	})
	for _, path := range []string{"/", "/ping"} {
		if resp := s.request(t, "GET", path, nil); resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"/rules", "/streams", "/metadata/functions", "/connections", "/metrics", "/data/export"} {
		if resp := s.request(t, "GET", path, nil); resp.StatusCode != 401 {
			t.Errorf("%s without a token: %s", path, resp.Status)
		}
	}
	if resp := s.request(t, "GET", "/rules", map[string]string{"Authorization": "token"}); resp.StatusCode != 200 {
		t.Errorf("with a token: %s", resp.Status)
	}
	req, _ := http.NewRequest("POST", s.URL+"/batch/req", strings.NewReader(`[{"method":"GET","path":"/rules"}]`))
	req.Header.Set("Authorization", "token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("batch with a token: %v %v", resp, err)
	}
}

func TestAPanicOfAHandlerIsAnAnswer(t *testing.T) {
	s := newService(t, func(c *Config) { c.Apply = func(Changes) error { panic("no luck") } })
	resp, body := s.call(t, "PATCH", "/configs", `{}`)
	if resp.StatusCode != 500 || strings.Contains(body, "no luck") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp := s.request(t, "GET", "/ping", nil); resp.StatusCode != 200 {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	s := newService(t)
	resp, body := s.call(t, "POST", "/rules", strings.Repeat(" ", maxBody+1))
	if resp.StatusCode != 400 || !strings.Contains(body, "too large") {
		t.Errorf("%s %s", resp.Status, body)
	}
}

func TestStopIsCalledBehindTheAnswer(t *testing.T) {
	stopped := false
	s := newService(t, func(c *Config) { c.Stop = func() { stopped = true } })
	if resp, body := s.call(t, "POST", "/stop", ""); resp.StatusCode != 200 || body != "stop success" || !stopped {
		t.Errorf("%s %s, stopped %v", resp.Status, body, stopped)
	}
}

func TestErrorsCarryCodeAndPlace(t *testing.T) {
	inSQL := diag.InSQL(diag.At(diag.Parse, 9, "found %q", "x").WithHint("use y"), "SELECT a\nx b")
	for _, test := range []struct {
		err  error
		want errorBody
	}{
		{errors.New("plain"), errorBody{Error: 1000, Message: "plain"}},
		{refuse(diag.Stream, "before: ", errors.New("plain")), errorBody{Error: 3000, Message: "before: plain"}},
		{refuse(diag.Stream, "before: ", diag.New(diag.NotFound, "gone")), errorBody{Error: 1002, Message: "before: gone"}},
		{fmt.Errorf("around: %w", inSQL), errorBody{Error: 2001, Message: "around: " + inSQL.Error(), Line: 2, Column: 1,
			Detail: inSQL.(*diag.Error).Detail(), Suggestion: "use y"}},
	} {
		if got := bodyOf(test.err); got != test.want {
			t.Errorf("%v\ngot  %+v\nwant %+v", test.err, got, test.want)
		}
	}
}

func TestManyClientsChangeThingsAtOnce(t *testing.T) {
	s := newService(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			name := fmt.Sprintf("s%d", i)
			for range 5 {
				steps := [][3]string{
					{"POST", "/streams", `{"sql": "CREATE STREAM ` + name + ` () WITH (TYPE=\"simulator\", DATASOURCE=\"x\")"}`},
					{"POST", "/rules", `{"id": "` + name + `", "sql": "SELECT * FROM ` + name + `", "actions": [{"nop": {}}]}`},
					{"GET", "/rules/" + name + "/status", ""}, {"GET", "/rules", ""}, {"GET", "/data/export", ""},
					{"POST", "/rules/" + name + "/restart", ""}, {"DELETE", "/rules/" + name, ""}, {"DELETE", "/streams/" + name, ""},
				}
				for _, st := range steps {
					if resp, body := s.call(t, st[0], st[1], st[2]); resp.StatusCode >= 300 {
						t.Errorf("%s %s: %s %s", st[0], st[1], resp.Status, body)
					}
				}
			}
		})
	}
	wg.Wait()
	if _, body := s.call(t, "GET", "/rules", ""); body != "[]" {
		t.Errorf("rules are left: %s", body)
	}
}
