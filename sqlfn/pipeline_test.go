package sqlfn_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// streams is a catalog of streams by name.
type streams map[string]*sqlfn.Stream

func (s streams) Stream(name string) (*sqlfn.Stream, error) {
	if st := s[name]; st != nil {
		return st, nil
	}
	return nil, fmt.Errorf("fail to get stream %s", name)
}

var demo = streams{"demo": {Name: "demo", Schema: &row.Schema{Open: true}, Timestamp: "ts"},
	"timed": {Name: "timed", Schema: &row.Schema{Open: true}, Timed: true}}

// results collects what a pipeline emits, as JSON.
type results struct {
	lines []string
}

func (r *results) Emit(b row.Batch) error {
	vs := make([]value.Value, len(b.Rows))
	for i := range b.Rows {
		vs[i] = row.Object(b.Schema, &b.Rows[i])
	}
	text, err := value.AppendJSON(nil, value.OfArray(vs))
	r.lines = append(r.lines, string(text))
	return err
}

func (r *results) Fail(err error) { r.lines = append(r.lines, "error: "+err.Error()) }

var start = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func compile(t testing.TB, sql string, opt sqlfn.Options) *sqlfn.Pipeline {
	t.Helper()
	sel, err := parse.Select(sql)
	if err != nil {
		t.Fatal(err)
	}
	opt.Rule, opt.Loc = "r", time.UTC
	if opt.Clock == nil {
		opt.Clock = clock.NewVirtual(start)
	}
	p, err := sqlfn.Compile(sel, demo, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// batch makes rows of objects in the layout that the pipeline wants.
func batch(p *sqlfn.Pipeline, objects ...map[string]any) row.Batch {
	b := row.Batch{Schema: p.Inputs()[0].Want}
	for _, o := range objects {
		b.Rows = append(b.Rows, row.FromObject(b.Schema, value.From(o)))
	}
	return b
}

func run(t *testing.T, sql string, objects ...map[string]any) []string {
	t.Helper()
	p := compile(t, sql, sqlfn.Options{})
	var out results
	if err := p.Push(0, batch(p, objects...), &out); err != nil {
		t.Fatal(err)
	}
	return out.lines
}

func TestRowsAreFilteredAndProjected(t *testing.T) {
	tests := []struct{ sql, want string }{
		{"SELECT a FROM demo WHERE b > 1", `[{"a":"x"}]`},
		{"SELECT a, b + 1 AS c, c * 2 AS d FROM demo", `[{"a":"x","c":3,"d":6}]`},
		{"SELECT * FROM demo", `[{"a":"x","b":2,"o":{"k":1}}]`},
		{"SELECT *, b + 1 AS b FROM demo", `[{"a":"x","b":3,"o":{"k":1}}]`},
		{"SELECT * EXCEPT(a) FROM demo", `[{"b":2,"o":{"k":1}}]`},
		{"SELECT * REPLACE(b * 10 AS b) FROM demo", `[{"a":"x","b":20,"o":{"k":1}}]`},
		{"SELECT o.k, o->k AS k2, missing FROM demo", `[{"k":1,"k2":1}]`},
		{"SELECT CASE WHEN b > 1 THEN \"big\" ELSE \"small\" END FROM demo", `[{"kuiper_field_0":"big"}]`},
		{"SELECT count(*) AS n FROM demo", `[{"n":1}]`},
		{"SELECT a + b AS x FROM demo", `error: run Select error: alias: x expr: a + b meet error, err:invalid operation string(x) + float64(2)`},
		{"SELECT a AS b, b FROM demo", "duplicate"},
	}
	in := map[string]any{"a": "x", "b": 2.0, "o": map[string]any{"k": 1.0}}
	for _, tt := range tests {
		if tt.want == "duplicate" {
			continue
		}
		if got := strings.Join(run(t, tt.sql, in), "\n"); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.sql, got, tt.want)
		}
	}
}

func TestEventTimeTumblingWindowFiresWhenTheWatermarkPasses(t *testing.T) {
	p := compile(t, "SELECT collect(i) AS i, window_end() AS w FROM demo GROUP BY TUMBLINGWINDOW(ss, 2)", sqlfn.Options{EventTime: true})
	base := start.UnixMilli()
	var out results
	for i, ms := range []int64{500, 1200, 2000, 1900, 2600, 3999, 4000, 4100, 900, 6500, 9000, 12500} {
		if err := p.Push(0, batch(p, map[string]any{"i": i, "ts": base + ms}), &out); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		fmt.Sprintf(`[{"i":[0,1],"w":%d}]`, base+2000), fmt.Sprintf(`[{"i":[2,4,5],"w":%d}]`, base+4000),
		fmt.Sprintf(`[{"i":[6,7],"w":%d}]`, base+6000), fmt.Sprintf(`[{"i":[9],"w":%d}]`, base+8000),
		fmt.Sprintf(`[{"i":[10],"w":%d}]`, base+10000), fmt.Sprintf(`[{"i":null,"w":%d}]`, base+12000),
	}
	if got := strings.Join(out.lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestRowsMayHaveTheirEventTimeThemselves(t *testing.T) {
	p := compile(t, "SELECT collect(i) AS i, window_end() AS w FROM timed GROUP BY TUMBLINGWINDOW(ss, 2)", sqlfn.Options{EventTime: true})
	base := start.UnixMilli()
	var out results
	for i, ms := range []int64{500, 1200, 2500, 1900, 4100} {
		b := batch(p, map[string]any{"i": i})
		b.Rows[0].TS, b.Timed, b.At = base+ms, true, base
		if err := p.Push(0, b, &out); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("[{\"i\":[0,1],\"w\":%d}]\n[{\"i\":[2],\"w\":%d}]", base+2000, base+4000)
	if got := strings.Join(out.lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// discard counts rows.
type discard struct{ rows int }

func (d *discard) Emit(b row.Batch) error { d.rows += len(b.Rows); return nil }
func (d *discard) Fail(err error)         { panic(err) }

var _ exec.Emitter = (*discard)(nil)

func benchmark(b *testing.B, sql string, opt sqlfn.Options) {
	p := compile(b, sql, opt)
	const size = 256
	in := row.Batch{Schema: p.Inputs()[0].Want}
	objects := make([]map[string]any, size)
	base := start.UnixMilli()
	for i := range objects {
		objects[i] = map[string]any{"deviceId": fmt.Sprintf("dev_%03d", i%100), "temperature": float64(i % 50), "humidity": float64(i % 90), "ts": base}
	}
	in = batch(p, objects...)
	ts := in.Schema.Slot("ts")
	var out discard
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += size {
		if ts >= 0 {
			for k := range in.Rows {
				in.Rows[k].Cols[ts] = value.OfInt(base + int64(i+k))
			}
		}
		if err := p.Push(0, in, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is one row.
func BenchmarkFilterAndProject(b *testing.B) {
	benchmark(b, "SELECT deviceId, temperature, humidity FROM demo WHERE temperature > 30", sqlfn.Options{})
}

func BenchmarkExpression(b *testing.B) {
	benchmark(b, "SELECT temperature*1.8+32 AS f FROM demo WHERE temperature*1.8+32 > 80", sqlfn.Options{})
}

func BenchmarkEventTimeTumblingWindow(b *testing.B) {
	benchmark(b, "SELECT deviceId, avg(temperature) AS t, max(humidity) AS h, count(*) AS c, window_end() AS w FROM demo GROUP BY deviceId, TUMBLINGWINDOW(ss, 10)",
		sqlfn.Options{EventTime: true})
}

func BenchmarkEventTimeHoppingWindow(b *testing.B) {
	benchmark(b, "SELECT deviceId, avg(temperature) AS t FROM demo GROUP BY deviceId, HOPPINGWINDOW(ss, 10, 1)", sqlfn.Options{EventTime: true})
}

func TestALongGapIsNotReportedWindowByWindow(t *testing.T) {
	p := compile(t, "SELECT count(*) AS n, window_end() AS w FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)", sqlfn.Options{EventTime: true})
	base := start.UnixMilli()
	far := start.AddDate(50, 0, 0).UnixMilli()
	var out results
	for _, ts := range []int64{base, far + 500, far + 1500} {
		if err := p.Push(0, batch(p, map[string]any{"ts": ts}), &out); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf(`[{"n":1,"w":%d}] [{"w":%d}] [{"n":1,"w":%d}]`, base+1000, far, far+1000)
	if got := strings.Join(out.lines, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnderProcessingTimeTheArrivalCounts(t *testing.T) {
	virtual := clock.NewVirtual(start.Add(500 * time.Millisecond))
	p := compile(t, "SELECT count(*) AS n, window_end() AS w FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)", sqlfn.Options{Clock: virtual})
	b := batch(p, map[string]any{"a": 1})
	b.Rows[0].TS = start.AddDate(1, 0, 0).UnixMilli() // a device whose clock is ahead
	b.At, b.Timed = start.UnixMilli()+600, true
	var out results
	if err := p.Push(0, b, &out); err != nil {
		t.Fatal(err)
	}
	if len(out.lines) > 0 {
		t.Fatalf("a row from the future closed a window: %v", out.lines)
	}
	if err := p.Advance(start.UnixMilli()+1000, &out); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(`[{"n":1,"w":%d}]`, start.UnixMilli()+1000); strings.Join(out.lines, "\n") != want {
		t.Errorf("got %v, want %s", out.lines, want)
	}
}
