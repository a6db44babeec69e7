package sources_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// asked is a table that counts questions and answers with what it was given.
type asked struct {
	answers map[string]string // JSON rows by the text of the first key's value
	n       int
	away    error
	slow    bool
}

func (a *asked) Params(*param.Set)                       {}
func (a *asked) Open(context.Context, sources.Env) error { return nil }
func (a *asked) Close() error                            { return nil }

func (a *asked) Lookup(ctx context.Context, q sources.Query) ([]value.Value, error) {
	a.n++
	if a.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	text := a.answers[q.Values[0].String()]
	if a.away != nil || text == "" {
		return nil, a.away
	}
	v, err := value.ParseJSON([]byte(text), value.JSONOptions{})
	return v.Values(), err
}

var theTable = &asked{}

func init() {
	sources.Register(&sources.Driver{Name: "asked", NewTable: func() sources.Table { return theTable }})
}

func openAsked(t *testing.T, clk clock.Clock, props map[string]any, declared *row.Schema) *sources.LookupTable {
	t.Helper()
	*theTable = asked{answers: map[string]string{
		"1": `[{"id":1,"name":"press","max":"10.5","on":1}]`,
		"3": `[{"id":3.5}]`,
	}}
	l, err := sources.OpenTable(t.Context(), sources.TableConfig{
		Name: "dev", Driver: "asked", Props: props, Declared: declared, Log: slog.New(slog.DiscardHandler), Clock: clk,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func question(id int64) sources.Query {
	return sources.Query{Keys: []string{"id"}, Values: []value.Value{value.OfInt(id)}}
}

func TestAnswersAreRememberedForTheirTime(t *testing.T) {
	clk := clock.NewVirtual(time.Unix(0, 0))
	l := openAsked(t, clk, map[string]any{"lookup": map[string]any{"cache": true, "cacheTtl": 10, "cacheMissingKey": true}}, nil)
	want := func(id int64, rows, questions int) {
		t.Helper()
		got, err := l.Lookup(t.Context(), question(id))
		if err != nil || len(got) != rows || theTable.n != questions {
			t.Errorf("key %d: %d rows, %v after %d questions; want %d rows after %d", id, len(got), err, theTable.n, rows, questions)
		}
	}
	want(1, 1, 1)
	want(1, 1, 1)
	want(2, 0, 2) // missing, remembered
	want(2, 0, 2)
	clk.Set(time.Unix(9, 999e6))
	want(1, 1, 2)
	clk.Set(time.Unix(10, 0))
	want(1, 1, 3)
	theTable.away = errors.New("away")
	if _, err := l.Lookup(t.Context(), question(9)); err == nil {
		t.Error("a table that is away has answered")
	}
	theTable.away = nil
	want(9, 0, 5) // an error is not remembered
	if hits, misses := l.Cached(); hits != 3 || misses != 5 {
		t.Errorf("%d hits, %d misses", hits, misses)
	}
}

func TestWithoutCacheMissingKeyAMissIsAskedAgain(t *testing.T) {
	l := openAsked(t, clock.Wall, map[string]any{"lookup": map[string]any{"cache": true, "cacheMissingKey": false}}, nil)
	for range 2 {
		if _, err := l.Lookup(t.Context(), question(2)); err != nil {
			t.Fatal(err)
		}
	}
	if theTable.n != 2 {
		t.Errorf("asked %d times", theTable.n)
	}
}

func TestTheCacheKeepsTheAnswersThatWereUsedLast(t *testing.T) {
	l := openAsked(t, clock.Wall, map[string]any{"lookup": map[string]any{"cache": true, "cacheSize": 2}}, nil)
	for _, id := range []int64{1, 2, 1, 4, 1, 2} { // 4 takes the place of 2
		if _, err := l.Lookup(t.Context(), question(id)); err != nil {
			t.Fatal(err)
		}
	}
	if theTable.n != 4 {
		t.Errorf("asked %d times", theTable.n)
	}
}

func TestAnswersHaveTheDeclaredColumnsInTheirTypes(t *testing.T) {
	declared := &row.Schema{Cols: []value.Field{
		{Name: "id", Type: value.Type{Kind: value.Int}}, {Name: "max", Type: value.Type{Kind: value.Float}},
		{Name: "on", Type: value.Type{Kind: value.Bool}}, {Name: "none", Type: value.Type{Kind: value.Int}},
	}}
	l := openAsked(t, clock.Wall, nil, declared)
	got, err := l.Lookup(t.Context(), question(1))
	if err != nil || len(got) != 1 || fmt.Sprint(got[0].Any()) != "map[id:1 max:10.5 on:true]" {
		t.Errorf("got %v, %v", got, err)
	}
	if id, _ := got[0].Lookup("id"); id.Kind() != value.Int {
		t.Errorf("id is of type %s", id.Kind())
	}
	if _, err := l.Lookup(t.Context(), question(3)); err == nil || !strings.Contains(err.Error(), "column id: has wrong type:float, expect:bigint") {
		t.Errorf("3.5 for a BIGINT: %v", err)
	}
}

func TestARuleWaitsOnlySoLongForAnAnswer(t *testing.T) {
	l := openAsked(t, clock.Wall, map[string]any{"lookupTimeout": "5ms"}, nil)
	theTable.slow = true
	if _, err := l.Lookup(t.Context(), question(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWrongTablesAreRefusedWithTheirReason(t *testing.T) {
	for _, c := range []struct {
		cfg  sources.TableConfig
		want string
	}{
		{sources.TableConfig{Driver: "askd"}, `did you mean "asked"`},
		{sources.TableConfig{Driver: "asked", Props: map[string]any{"lookup": map[string]any{"cashe": true}}}, `did you mean "cache"`},
		{sources.TableConfig{Driver: "asked", Props: map[string]any{"lookup": map[string]any{"cacheSize": 0}}}, "cacheSize"},
		{sources.TableConfig{Driver: "asked", Props: map[string]any{"lokup": 1}}, `did you mean "lookup"`},
	} {
		if err := sources.CheckTable(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %s", c.cfg, err, c.want)
		}
	}
	if _, _, err := sources.Open("asked", nil); err == nil || !strings.Contains(err.Error(), "cannot be read as a stream") {
		t.Errorf("a lookup table as a stream: %v", err)
	}
}
