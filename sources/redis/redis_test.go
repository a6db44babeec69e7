package redis

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/sourcetest"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func open(t *testing.T, props map[string]any, datasource string) *sources.LookupTable {
	t.Helper()
	l, err := sources.OpenTable(t.Context(), sources.TableConfig{
		Name: "dev", Driver: "redis", Datasource: datasource, Props: props, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall,
		Declared: &row.Schema{Cols: []value.Field{{Name: "id", Type: value.Type{Kind: value.Int}}, {Name: "name", Type: value.Type{Kind: value.String}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func ask(t *testing.T, l *sources.LookupTable, key value.Value) string {
	t.Helper()
	rows, err := l.Lookup(t.Context(), sources.Query{Keys: []string{"id"}, Values: []value.Value{key}})
	if err != nil {
		return "error: " + err.Error()
	}
	var texts []string
	for _, r := range rows {
		b, err := value.AppendJSON(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return strings.Join(texts, " ")
}

func TestTheValueOfTheJoinIsTheKey(t *testing.T) {
	server := testserver.Redis(t, "--requirepass", "secret")
	client := redis.NewClient(&redis.Options{Addr: server.Addr, Password: "secret", DB: 3})
	defer client.Close()
	ctx := t.Context()
	for key, text := range map[string]string{"1": `{"id":1,"name":"press","other":true}`, "2": "[1]", "3": "no JSON"} {
		if err := client.Set(ctx, key, text, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.RPush(ctx, "4", `{"id":4,"name":"a"}`, `{"id":4,"name":"b"}`).Err(); err != nil {
		t.Fatal(err)
	}
	props := map[string]any{"addr": server.Addr, "password": "secret"}
	l := open(t, props, "3")
	for key, want := range map[int64]string{
		1: `{"id":1,"name":"press"}`, 9: "", 2: `error: what is stored under key "2" is no JSON object`, 3: `error: what is stored under key "3" is no JSON object`,
	} {
		if got := ask(t, l, value.OfInt(key)); got != want {
			t.Errorf("key %d: got %s, want %s", key, got, want)
		}
	}
	lists := open(t, map[string]any{"addr": server.Addr, "password": "secret", "dataType": "list"}, "3")
	if got, want := ask(t, lists, value.OfString("4")), `{"id":4,"name":"a"} {"id":4,"name":"b"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := l.Lookup(ctx, sources.Query{Keys: []string{"id", "x"}, Values: []value.Value{value.OfInt(1), value.OfInt(1)}}); err == nil {
		t.Error("two keys")
	}

	server.Stop()
	if got := ask(t, l, value.OfInt(1)); !strings.HasPrefix(got, "error: ") || strings.Contains(got, "secret") {
		t.Errorf("server away: got %s", got)
	}
	server.Start()
	if got := ask(t, l, value.OfInt(1)); got != "" { // its memory was empty after the restart
		t.Errorf("server back: got %s", got)
	}
}

func TestADatabaseIsANumber(t *testing.T) {
	for _, text := range []string{"16", "-1", "x"} {
		_, err := sources.OpenTable(t.Context(), sources.TableConfig{Name: "dev", Driver: "redis", Datasource: text, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall})
		if err == nil || !strings.Contains(err.Error(), "from 0 to 15") {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestExam(t *testing.T) {
	server := testserver.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	sourcetest.Run(t, sourcetest.Exam{
		Driver: "redissub", Props: map[string]any{"address": server.Addr, "channels": []any{"news"}},
		Bad: []sourcetest.Refusal{{Props: map[string]any{"db": 16}, Want: "db"}},
		Feed: func(text string) error {
			n, err := client.Publish(context.Background(), "news", text).Result()
			if err == nil && n == 0 {
				err = fmt.Errorf("nobody listens")
			}
			return err
		},
		Break: server.Stop, Mend: server.Start,
	})
}
