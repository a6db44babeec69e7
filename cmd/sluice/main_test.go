package main

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rest"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sinks/all"
	_ "github.com/edgesluice/sluice/sources/all"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// screen is what a command printed, also while it still runs.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// service runs the engine's REST API and returns its address.
func service(t *testing.T) string {
	t.Helper()
	db, log := kv.NewMemory(), slog.New(slog.DiscardHandler)
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	set := rules.New(rules.Config{DB: db, Catalog: cat, Clock: clock.Wall, Log: log, DataDir: t.TempDir(), Location: time.UTC})
	server := httptest.NewServer(rest.New(rest.Config{Catalog: cat, Rules: set, Clock: clock.Wall, Log: log, Version: "test"}))
	t.Cleanup(func() {
		server.Close()
		set.Close(t.Context())
	})
	return server.URL
}

// sluice runs a command line and returns what it printed.
func sluice(server string, args ...string) (string, error) {
	out := &screen{}
	c := &cli{name: "sluice", out: out}
	cmd := c.command()
	cmd.SetArgs(append([]string{"--server", server}, args...))
	err := cmd.Execute()
	return out.String(), err
}

func TestVerbsSayWhatTheirUsersAreUsedTo(t *testing.T) {
	server := service(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	rule := `{"sql": "SELECT temperature FROM demo WHERE temperature > 30", "actions": [{"nop": {}}], "triggered": false}`
	streamFile, ruleFile := file("stream.txt", `(a BIGINT) WITH (DATASOURCE="t", TYPE="memory")`), file("rule.yaml", rule)
	saved := filepath.Join(dir, "saved.json")
	tests := []struct {
		args string // | separates
		want string
		bad  bool
	}{
		{"show|streams", "No stream definitions are found.", false},
		{`create|stream|demo|(temperature FLOAT) WITH (DATASOURCE="t", TYPE="memory")`, "Stream demo is created.", false},
		{`create|stream|demo|() WITH (DATASOURCE="t")`, "Stream command error: Create stream fails: Item demo already exists.", true},
		{"create|stream|other|-f|" + streamFile, "Creating a new stream from file " + streamFile + ".\nStream other is created.", false},
		{"show|streams", "demo\nother", false},
		{"describe|stream|demo", "temperature\tfloat", false},
		{"describe|stream|nosuch", "Stream command error: Describe stream fails, nosuch is not found.", true},
		{"show|rules", "No rule definitions are found.", false},
		{"create|rule|r1|-f|" + ruleFile, "Rule r1 was created successfully, please use 'bin/sluice getstatus rule r1' command to get rule status.", false},
		{"create|rule|r1|" + rule, "Create rule r1 error : ", true},
		{"create|rule|r2", "Expect rule name and json.\nBut found 1 args:[r2].", true},
		{`create|rule|r2|{"sql": "SELECT temprature FROM demo", "actions": [{"nop": {}}]}`, `did you mean "temperature"?`, true},
		{"show|rules", `"id": "r1"`, false},
		{"describe|rule|r1", `"id": "r1"`, false},
		{"getstatus|rule|r1", `"status": "stopped"`, false},
		{"start|rule|r1", "Rule r1 was started", false},
		{"getstatus|rule|r1", `"source_demo_0_records_in_total": 0`, false},
		{"gettopo|rule|r1", `"source_demo"`, false},
		{"explain|rule|r1", `{"op":"ProjectPlan_0","info":"Fields:[ temperature ]"}`, false},
		{"restart|rule|r1", "Rule r1 was restarted", false},
		{"stop|rule|r1", "Rule r1 was stopped.", false},
		{"validate|rule|r9|" + rule, "The rule has been successfully validated and is confirmed to be correct.", false},
		{`validate|rule|r9|{"id": "r9", "sql": "SELECT a FROM nosuch", "actions": [{"nop": {}}]}`, "nosuch", true},
		{"export|ruleset|" + saved, "exported 2 streams, 0 tables and 1 rules", false},
		{"drop|rule|r1", "Rule r1 is dropped.", false},
		{"drop|rule|r1", "Drop rule error : rule r1 not found.", true},
		{"drop|stream|demo", "Stream demo is dropped.", false},
		{"show|schemas|protobuf", "No schema definitions are found.", false},
		{"create|schema|protobuf|plant|-f|" + file("plant.proto", `syntax = "proto3"; message M { int32 a = 1; }`), "Schema plant is created.", false},
		{`create|schema|protobuf|p2|{"name": "p3", "content": "x"}`, "Create schema error: name mismatch.", true},
		{"create|schema|protobuf", "Expect schema type and name.", true},
		{"show|schemas|protobuf", `"plant"`, false},
		{"describe|schema|protobuf|plant", "message M { int32 a = 1; }", false},
		{"describe|schema|protobuf|nosuch", "Desc schema error : schema type protobuf id nosuch not found in registry.", true},
		{"drop|schema|protobuf|plant", "Schema plant is dropped", false},
		{"drop|schema|protobuf|plant", "Drop schema error : delete protobuf schema plant error: schema protobuf.plant not found.", true},
		{"import|ruleset|-f|" + saved, "imported 1 streams, 0 tables and 1 rules", false},
	}
	for _, tt := range tests {
		got, err := sluice(server, strings.Split(tt.args, "|")...)
		if !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "Connecting to ") {
			t.Errorf("%s printed\n%s\nwant %s", tt.args, got, tt.want)
		}
		if (err != nil) != tt.bad {
			t.Errorf("%s: error is %v", tt.args, err)
		}
	}
}

func TestNoServiceIsSaid(t *testing.T) {
	got, err := sluice("http://127.0.0.1:1", "show", "rules")
	if err == nil || !strings.Contains(got, "Failed to connect the server, please start the server.") {
		t.Errorf("printed %s, error %v", got, err)
	}
}

func TestQueriesShowTheirResultsWhileTheNextIsAwaited(t *testing.T) {
	server := service(t)
	if _, err := sluice(server, "create", "stream", "sim", `() WITH (TYPE="simulator")`); err != nil {
		t.Fatal(err)
	}
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out := &screen{}
	c := &cli{name: "sluice", server: server, out: out, in: in}
	ended := make(chan error, 1)
	go func() { ended <- c.prompt() }()
	typed.WriteString("SELECT nonsense\nSELECT temperature FROM sim\n")
	deadline := time.After(10 * time.Second)
	for !strings.Contains(out.String(), `[{"temperature":22.5}]`) {
		select {
		case <-deadline:
			t.Fatalf("no result, only\n%s", out)
		case err := <-ended:
			t.Fatalf("the prompt ended: %v\n%s", err, out)
		case <-time.Tick(10 * time.Millisecond):
		}
	}
	typed.WriteString("quit\n")
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sluice > ", "Query was submit successfully.", "expected FROM"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

func TestScriptsPassOrFail(t *testing.T) {
	good := `A filter.
-- ddl --
CREATE STREAM demo () WITH (DATASOURCE="demo")
-- rule --
SELECT a FROM demo WHERE a > 1
-- input --
@0s demo {"a":1}
@1s demo {"a":2}
-- output --
@1s [{"a":2}]
`
	dir := t.TempDir()
	for name, text := range map[string]string{"good.txtar": good, "bad.txtar": strings.Replace(good, `[{"a":2}]`, `[{"a":3}]`, 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := sluice("unused", "test", filepath.Join(dir, "good.txtar")); err != nil || !strings.HasPrefix(got, "ok ") {
		t.Errorf("printed %s, error %v", got, err)
	}
	got, err := sluice("unused", "test", filepath.Join(dir, "bad.txtar"))
	if err == nil || !strings.Contains(got, `{"a":3}`) || !strings.Contains(got, "1 of 1 scripts failed.") {
		t.Errorf("printed %s, error %v", got, err)
	}
}
