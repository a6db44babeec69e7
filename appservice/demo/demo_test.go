package demo

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sinks/all"
	_ "github.com/edgesluice/sluice/sources/all"
	"github.com/edgesluice/sluice/sqlfn/clock"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
)

// screen is a terminal that can be read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func config(t *testing.T, dir string) (Config, *screen) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	log := slog.New(slog.DiscardHandler)
	db := kv.NewMemory()
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	set := rules.New(rules.Config{DB: db, Catalog: cat, Clock: clock.Wall, Log: log, DataDir: t.TempDir()})
	t.Cleanup(func() { _ = set.Close(context.Background()) })
	out := &screen{}
	return Config{Dir: dir, Broker: l, REST: "127.0.0.1:59720", Catalog: cat, Rules: set, Out: out, Log: log, Clock: clock.Wall}, out
}

func TestEventsOfTheVirtualDevicesReachTheScreenThroughTheRules(t *testing.T) {
	cfg, out := config(t, "../../res/demo")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(out.String(), "  hot      {") || !strings.Contains(out.String(), "  peaks    {") {
		select {
		case <-deadline:
			t.Fatalf("the screen shows:\n%s", out)
		case <-time.After(20 * time.Millisecond):
		}
	}
	for _, want := range []string{"stream  Press_Line (Temperature FLOAT", "Spectrum ARRAY(BIGINT)", "rule    hot: SELECT", "curl http://127.0.0.1:59720/rules/hot/status", "sluice --server 127.0.0.1:59720 query"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the screen lacks %q:\n%s", want, out)
		}
	}
}

func TestDefinitionsOfAnEarlierRunAreRenewed(t *testing.T) {
	cfg, _ := config(t, "../../res/demo")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	again, _ := config(t, "../../res/demo")
	again.Catalog, again.Rules = cfg.Catalog, cfg.Rules
	d, err = Start(ctx, again)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n := len(again.Rules.List()); n != 2 {
		t.Errorf("%d rules, want 2", n)
	}
}

func TestWhatIsMissingOrWrongInTheFolderIsNamed(t *testing.T) {
	profiles, err := os.ReadFile("../../res/demo/profiles/press-line.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no profiles", map[string]string{"rules/a.json": `{"id": "a"}`}, "profile"},
		{"no rules", map[string]string{"profiles/p.yaml": string(profiles)}, "no rules"},
		{"a rule that is no JSON", map[string]string{"profiles/p.yaml": string(profiles), "rules/a.json": "{"}, "a.json"},
		{"a rule that does not compile", map[string]string{"profiles/p.yaml": string(profiles),
			"rules/a.json": `{"id": "a", "sql": "SELECT nosuch(1) FROM Press_Line", "actions": [{"nop": {}}]}`}, `rule "a"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cfg, _ := config(t, dir)
			if _, err := Start(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
