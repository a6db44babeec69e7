package rest

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sinks/all"
	_ "github.com/edgesluice/sluice/sinks/rest"
	_ "github.com/edgesluice/sluice/sources/all"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// service is a REST API over an empty in-memory database.
type service struct {
	*httptest.Server
	rules *rules.Set
}

// newService makes a service whose clock stands still.
func newService(t *testing.T, change ...func(*Config)) *service {
	t.Helper()
	return newServiceAt(t, clock.NewVirtual(time.UnixMilli(1_700_000_000_000)), change...)
}

func newServiceAt(t *testing.T, now clock.Clock, change ...func(*Config)) *service {
	t.Helper()
	db, log := kv.NewMemory(), slog.New(slog.DiscardHandler)
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	set := rules.New(rules.Config{DB: db, Catalog: cat, Clock: now, Log: log, Location: time.UTC, DataDir: t.TempDir()})
	cfg := Config{Catalog: cat, Rules: set, Clock: now, Log: log, Version: "1.2.3"}
	for _, f := range change {
		f(&cfg)
	}
	s := &service{httptest.NewServer(New(cfg)), set}
	t.Cleanup(func() {
		if err := set.Close(context.Background()); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s
}

// call sends a request and returns the answer with its body read.
func (s *service) call(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// kindOf names the shape of an answer as scripts do: json, text, error (text
// that browsers must not guess about), file, or none.
func kindOf(resp *http.Response, body string) string {
	ct := resp.Header.Get("Content-Type")
	switch {
	case ct == "application/json":
		return "json"
	case ct == "application/octet-stream" && strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment"):
		return "file"
	case ct == "text/plain; charset=utf-8" && resp.Header.Get("X-Content-Type-Options") == "nosniff":
		return "error"
	case ct == "text/plain; charset=utf-8":
		return "text"
	case ct == "" && body == "":
		return "none"
	}
	return ct
}

// TestScripts plays testdata/*.txtar: pairs of a request ("-- POST /streams --"
// and its body) and the answer ("-- 201 text --" and its body). In an answer
// <*> stands for anything.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps := txtar.Parse(b).Files
			if len(steps) == 0 || len(steps)%2 != 0 {
				t.Fatalf("%d sections do not make pairs", len(steps))
			}
			s := newService(t, func(c *Config) {
				c.Apply = func(Changes) error { return nil }
			})
			for i := 0; i < len(steps); i += 2 {
				s.play(t, steps[i], steps[i+1])
			}
		})
	}
}

func (s *service) play(t *testing.T, request, answer txtar.File) {
	t.Helper()
	method, path, _ := strings.Cut(request.Name, " ")
	resp, body := s.call(t, method, path, strings.TrimSpace(string(request.Data)))
	got := strings.TrimPrefix(resp.Status[:3]+" "+kindOf(resp, body), "")
	if got != answer.Name {
		t.Errorf("%s: answer is %s, want %s: %s", request.Name, got, answer.Name, body)
		return
	}
	want := strings.TrimSuffix(string(answer.Data), "\n")
	if kind := kindOf(resp, body); kind == "error" {
		if !strings.HasSuffix(body, "\n") {
			t.Errorf("%s: error has no newline at its end: %q", request.Name, body)
		}
		body = strings.TrimSuffix(body, "\n")
	}
	if !matches(want, body) {
		t.Errorf("%s\ngot  %s\nwant %s", request.Name, body, want)
	}
}

func matches(want, got string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), regexp.QuoteMeta("<*>"), `(?s:.*)`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(got)
}
