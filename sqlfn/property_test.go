package sqlfn_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// windows are one of each kind, with and without what changes their path
// through the engine.
var windows = []string{
	"TUMBLINGWINDOW(ss, 2)", "TUMBLINGWINDOW(ms, 700)", "TUMBLINGWINDOW(ss, 2) FILTER(WHERE v > 20)",
	"HOPPINGWINDOW(ss, 4, 1)", "HOPPINGWINDOW(ss, 3, 2)", "HOPPINGWINDOW(ss, 2, 3)",
	"SLIDINGWINDOW(ss, 2)", "SLIDINGWINDOW(ss, 1, 1)", "SLIDINGWINDOW(ss, 2) OVER(WHEN v > 50)",
	"SESSIONWINDOW(ss, 5, 1)", "COUNTWINDOW(5)", "COUNTWINDOW(7, 3)",
	"STATEWINDOW(v > 80, v < 20)", "STATEWINDOW(v > 70)", "STATEWINDOW(v > 70) OVER(PARTITION BY k)",
}

var selects = []string{
	"SELECT k, count(*) AS n, sum(v) AS s, window_start() AS a, window_end() AS b FROM demo GROUP BY k, %s",
	"SELECT count(*) AS n, min(v) AS lo, max(v) AS hi, avg(v) AS m FROM demo WHERE v < 90 GROUP BY %s",
	"SELECT v, lag(v) AS before, k FROM demo GROUP BY %s",
	"SELECT k, max(v) AS hi FROM demo GROUP BY k, %s HAVING max(v) > 40 ORDER BY hi DESC LIMIT 2",
}

type event struct {
	at int64
	v  int
	k  string
}

func randomEvents(r *rand.Rand, n int) []event {
	events := make([]event, n)
	at := start.UnixMilli() + int64(r.IntN(3000))
	for i := range events {
		at += int64(r.IntN(600))
		if r.IntN(20) == 0 {
			at += 4000
		}
		events[i] = event{at, r.IntN(100), fmt.Sprintf("key%d", r.IntN(3))}
	}
	return events
}

// play runs events through a query under event time. Before the events whose
// index is in cuts, the pipeline is saved and a new one loaded.
func play(t *testing.T, sql string, events []event, cuts map[int]bool) string {
	t.Helper()
	opt := sqlfn.Options{EventTime: true, LateTolerance: 300 * time.Millisecond}
	p := compile(t, sql, opt)
	var out results
	for i, e := range events {
		if cuts[i] {
			var w state.Writer
			if err := p.Save(&w); err != nil {
				t.Fatal(err)
			}
			p = compile(t, sql, opt)
			if err := p.Load(state.NewReader(w.Bytes())); err != nil {
				t.Fatalf("load before event %d: %v", i, err)
			}
		}
		if err := p.Push(0, batch(p, map[string]any{"ts": e.at, "v": e.v, "k": e.k}), &out); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(0, &out); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out.lines, "\n")
}

func eachQuery(t *testing.T, run func(t *testing.T, sql string, r *rand.Rand)) {
	for _, sel := range selects {
		for _, w := range windows {
			sql := fmt.Sprintf(sel, w)
			t.Run(sql, func(t *testing.T) { run(t, sql, rand.New(rand.NewPCG(7, uint64(len(sql))))) })
		}
	}
}

func TestSavingAndLoadingAtAnyPointChangesNothing(t *testing.T) {
	eachQuery(t, func(t *testing.T, sql string, r *rand.Rand) {
		events := randomEvents(r, 120)
		whole := play(t, sql, events, nil)
		if !strings.Contains(whole, "{") {
			t.Fatalf("the query gave no results: %s", whole)
		}
		for range 5 {
			cuts := map[int]bool{r.IntN(120): true, r.IntN(120): true}
			if got := play(t, sql, events, cuts); got != whole {
				t.Fatalf("with cuts before %v\n got %s\nwant %s", cuts, got, whole)
			}
		}
	})
}

func TestTheOrderInsideTheToleranceChangesNothing(t *testing.T) {
	eachQuery(t, func(t *testing.T, sql string, r *rand.Rand) {
		events := randomEvents(r, 80)
		for i := range events { // distinct times: equal ones keep their order of arrival
			events[i].at = events[i].at*2 + int64(i)%2
		}
		for i := 1; i < len(events); i++ {
			if events[i].at <= events[i-1].at {
				events[i].at = events[i-1].at + 1
			}
		}
		want := play(t, sql, events, nil)
		shuffled := append([]event(nil), events...)
		for i := 2; i < len(shuffled); i++ { // the first event starts the first window
			if shuffled[i].at-shuffled[i-1].at < 300 && r.IntN(2) == 0 {
				shuffled[i], shuffled[i-1] = shuffled[i-1], shuffled[i]
				i++
			}
		}
		if got := play(t, sql, shuffled, nil); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// processing runs events whose arrival is their time, with the clock ticking
// in between.
func processing(t *testing.T, sql string, events []event) string {
	t.Helper()
	virtual := clock.NewVirtual(time.UnixMilli(events[0].at))
	p := compile(t, sql, sqlfn.Options{Clock: virtual})
	var out results
	for _, e := range events {
		for {
			at, ok := p.NextWake()
			if !ok || at > e.at {
				break
			}
			virtual.Set(time.UnixMilli(at))
			if err := p.Advance(at, &out); err != nil {
				t.Fatal(err)
			}
		}
		virtual.Set(time.UnixMilli(e.at))
		b := batch(p, map[string]any{"v": e.v, "k": e.k})
		b.Rows[0].TS = e.at
		if err := p.Push(0, b, &out); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.End(0, &out); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out.lines, "\n")
}

func TestBothTimesAgreeWhenTheInputIsInOrder(t *testing.T) {
	for _, w := range windows {
		if strings.HasPrefix(w, "SESSION") {
			continue // the clock cuts a session at its mark, a watermark may jump over it
		}
		sql := fmt.Sprintf(selects[0], w)
		t.Run(sql, func(t *testing.T) {
			events := randomEvents(rand.New(rand.NewPCG(3, 4)), 100)
			if got, want := processing(t, sql, events), play(t, sql, events, nil); got != want {
				t.Errorf("processing time\n%s\nevent time\n%s", got, want)
			}
		})
	}
}
