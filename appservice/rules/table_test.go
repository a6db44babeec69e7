package rules

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/edgesluice/sluice/sinks/memory"
	"github.com/edgesluice/sluice/sources"
	_ "github.com/edgesluice/sluice/sources/memory"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// table declares a table over the feeder of that name and returns it.
func (b *bench) table(t *testing.T, name, with string) *feeder {
	t.Helper()
	_, err := b.cat.Exec(fmt.Sprintf(`CREATE TABLE %s () WITH (TYPE="hand", DATASOURCE="%s/%s", FORMAT="JSON"%s)`, name, b.name, name, with))
	if err != nil {
		t.Fatal(err)
	}
	return feed_(b.name + "/" + name)
}

const joined = "SELECT demo.v AS v, t.name AS name FROM demo INNER JOIN t ON demo.id = t.id"

func TestEventsWaitUntilTheTableWasRead(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	table := b.table(t, "t", `, RETAIN_SIZE="10", EXTRA="{\"finite\":true}"`)
	f.add(`{"id":1,"v":10}`, `{"id":2,"v":20}`)
	table.add(`{"id":2,"name":"b"}`)
	out := b.rule(t, "r1", joined, "")
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[0].Stats.In.Load() == 2 && st.Nodes[1].Stats.In.Load() == 1 })
	table.add(`{"id":1,"name":"a"}`)
	table.end()
	out.want(t, `[{"name":"a","v":10}]`, `[{"name":"b","v":20}]`)
	f.add(`{"id":1,"v":30}`)
	out.want(t, `[{"name":"a","v":10}]`, `[{"name":"b","v":20}]`, `[{"name":"a","v":30}]`)
}

func TestARuleDoesNotWaitForEverForItsTable(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	table := b.table(t, "t", `, RETAIN_SIZE="10", EXTRA="{\"finite\":true}"`)
	table.add(`{"id":2,"name":"b"}`)
	out := b.rule(t, "r1", joined, "")
	f.add(`{"id":1,"v":10}`, `{"id":2,"v":20}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[0].Stats.In.Load() == 2 && st.Nodes[1].Stats.In.Load() == 1 })
	b.until(t, "r1", "through", func(st Status) bool {
		b.clock.Set(b.clock.Now().Add(time.Second))
		return st.Nodes[2].Stats.In.Load() == 2
	})
	out.want(t, `[{"name":"b","v":20}]`)
}

func TestATableIsReadFromItsBeginningAfterARestart(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	table := b.table(t, "t", `, RETAIN_SIZE="2", EXTRA="{\"finite\":true}"`)
	table.add(`{"id":1,"name":"old"}`, `{"id":2,"name":"b"}`)
	table.end()
	f.add(`{"id":1,"v":1}`)
	out := b.rule(t, "r1", joined, `"qos": 1`)
	out.want(t, `[{"name":"old","v":1}]`)
	if err := b.Stop("r1"); err != nil {
		t.Fatal(err)
	}
	table.change(func() { table.rows[0] = `{"id":1,"name":"new"}` })
	if err := b.Start("r1"); err != nil {
		t.Fatal(err)
	}
	f.add(`{"id":1,"v":2}`)
	out.want(t, `[{"name":"old","v":1}]`, `[{"name":"new","v":2}]`)
}

func TestALookupTableIsFilledFromItsCreationOnAndSharedByRules(t *testing.T) {
	b := newBench(t, nil)
	define := func(sql string) {
		t.Helper()
		if _, err := b.cat.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	devices := fmt.Sprintf(`CREATE TABLE devices (id BIGINT, name STRING) WITH (TYPE="memory", KIND="lookup", DATASOURCE="%s/devices", KEY="id")`, b.name)
	define(devices)
	fill := b.stream(t, "fill", "")
	f := b.stream(t, "demo", "")
	_, err := b.Create([]byte(fmt.Sprintf(`{"id": "filler", "sql": "SELECT * FROM fill",
		"actions": [{"memory": {"topic": "%s/devices", "rowkindField": "kind", "sendSingle": true}}]}`, b.name)))
	if err != nil {
		t.Fatal(err)
	}
	filled := func(rows int64) {
		t.Helper()
		b.until(t, "filler", "through", func(st Status) bool { return st.Nodes[len(st.Nodes)-1].Stats.Out.Load() == rows })
	}
	fill.add(`{"id":1,"name":"a"}`)
	filled(1)

	join := "SELECT v, devices.name AS name FROM demo LEFT JOIN devices ON demo.id = devices.id"
	first, second := b.rule(t, "r1", join, ""), b.rule(t, "r2", join+" WHERE v > 1", "")
	f.add(`{"id":1,"v":1}`)
	first.want(t, `[{"name":"a","v":1}]`)
	fill.add(`{"id":1,"kind":"delete"}`)
	filled(2)
	f.add(`{"id":1,"v":2}`)
	first.want(t, `[{"name":"a","v":1}]`, `[{"v":2}]`)
	second.want(t, `[{"v":2}]`)

	if err := b.cat.Drop("devices", true); err != nil {
		t.Fatal(err)
	}
	f.add(`{"id":1,"v":3}`)
	st := b.until(t, "r1", "failing", func(st Status) bool { return st.Nodes[1].Stats.Errors.Load() == 1 })
	if text := st.Nodes[1].Stats.LastError().Text; !strings.Contains(text, "lookup table devices: the table was dropped") {
		t.Errorf("last exception: %s", text)
	}
	define(devices)
	if err := b.Restart("r1"); err != nil {
		t.Fatal(err)
	}
}

func TestARuleOnAWrongTableIsRefused(t *testing.T) {
	b := newBench(t, nil)
	b.stream(t, "demo", "")
	b.table(t, "t", `, KIND="lookup"`)
	_, err := b.Create([]byte(b.text("r1", joined, "")))
	if err == nil || !strings.Contains(err.Error(), "source hand cannot be a lookup table") {
		t.Errorf("got %v", err)
	}
}

// slowTable is a lookup table that is away as long as a test wants.
type slowTable struct{}

var (
	slowAway  atomic.Bool
	slowAsked atomic.Int32
)

func (slowTable) Params(*param.Set)                       {}
func (slowTable) Open(context.Context, sources.Env) error { return nil }
func (slowTable) Close() error                            { return nil }

func (slowTable) Lookup(context.Context, sources.Query) ([]value.Value, error) {
	slowAsked.Add(1)
	if slowAway.Load() {
		return nil, &net.OpError{Op: "dial", Err: errBoom}
	}
	return []value.Value{value.OfObject([]value.Member{{Name: "name", Val: value.OfString("a")}})}, nil
}

func init() {
	sources.Register(&sources.Driver{Name: "slowtable", NewTable: func() sources.Table { return slowTable{} }})
}

func TestATableThatIsAwayCostsNoEventAtQoS1(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	if _, err := b.cat.Exec(`CREATE TABLE t () WITH (TYPE="slowtable", KIND="lookup")`); err != nil {
		t.Fatal(err)
	}
	slowAway.Store(true)
	lossy := b.rule(t, "r0", joined, "")
	safe := b.rule(t, "r1", joined, `"qos": 1`)
	f.add(`{"id":1,"v":1}`)
	b.until(t, "r0", "failing", func(st Status) bool { return st.Nodes[1].Stats.Errors.Load() == 1 })
	asked := slowAsked.Load()
	b.until(t, "r1", "asking again", func(Status) bool {
		b.clock.Set(b.clock.Now().Add(time.Second))
		return slowAsked.Load() > asked+1
	})
	if err := b.Stop("r1"); err != nil { // in the middle of a question
		t.Fatal(err)
	}
	slowAway.Store(false)
	if err := b.Start("r1"); err != nil {
		t.Fatal(err)
	}
	safe.want(t, `[{"name":"a","v":1}]`)
	f.add(`{"id":1,"v":2}`)
	safe.want(t, `[{"name":"a","v":1}]`, `[{"name":"a","v":2}]`)
	lossy.want(t, `[{"name":"a","v":2}]`)
}
