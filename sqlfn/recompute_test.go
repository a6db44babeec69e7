package sqlfn_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// content is a row of a window as a query without aggregates shows it.
type content struct {
	V    float64
	K    string
	A, B int64
}

// summary is what the queries below say of one key in one window.
type summary struct {
	K                   string
	N, S, Lo, Hi, Kinds float64
	Vs                  []float64
	A, B                int64
}

// summarize is the recomputation from rows: it shares nothing with the engine.
func summarize(rows []content) []summary {
	var out []summary
	for _, r := range rows {
		i := slices.IndexFunc(out, func(s summary) bool { return s.K == r.K })
		if i < 0 {
			i = len(out)
			out = append(out, summary{K: r.K, Lo: r.V, Hi: r.V, A: r.A, B: r.B})
		}
		s := &out[i]
		s.N++
		s.S += r.V
		s.Lo, s.Hi = min(s.Lo, r.V), max(s.Hi, r.V)
		if !slices.Contains(s.Vs, r.V) {
			s.Kinds++
		}
		s.Vs = append(s.Vs, r.V)
	}
	return out
}

func parseLines[T any](t *testing.T, lines string) (windows [][]T) {
	t.Helper()
	for line := range strings.SplitSeq(lines, "\n") {
		text := line[strings.Index(line, "["):]
		var rows []T
		if err := json.Unmarshal([]byte(text), &rows); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if len(rows) > 0 { // a tick without events
			windows = append(windows, rows)
		}
	}
	return windows
}

// TestAggregatesEqualARecomputationFromTheRowsOfTheWindow compares what panes,
// moving and plain groups make of random events with sums over the rows that
// the same window emits when nothing is aggregated.
func TestAggregatesEqualARecomputationFromTheRowsOfTheWindow(t *testing.T) {
	wheres := []string{"", "WHERE v < 90", "WHERE v % 3 != 0"}
	aggregates := []string{
		"count(*) AS n, sum(v) AS s, min(v) AS lo, max(v) AS hi, count(DISTINCT v) AS kinds, window_start() AS a, window_end() AS b",
		"count(*) AS n, sum(v) AS s, min(v) AS lo, max(v) AS hi, count(DISTINCT v) AS kinds, collect(v) AS vs, window_start() AS a, window_end() AS b",
	}
	for _, w := range windows {
		for i, where := range wheres {
			t.Run(w+" "+where, func(t *testing.T) {
				r := rand.New(rand.NewPCG(11, uint64(len(w)+i)))
				for range 4 {
					events := randomEvents(r, 150)
					rows := parseLines[content](t, play(t, fmt.Sprintf("SELECT v, k, window_start() AS a, window_end() AS b FROM demo %s GROUP BY %s", where, w), events, nil))
					var want [][]summary
					for _, win := range rows {
						want = append(want, summarize(win))
					}
					for _, agg := range aggregates {
						sql := fmt.Sprintf("SELECT k, %s FROM demo %s GROUP BY k, %s", agg, where, w)
						got := parseLines[summary](t, play(t, sql, events, map[int]bool{r.IntN(150): true}))
						if len(got) == 0 {
							t.Fatal("no results")
						}
						diffSummaries(t, sql, got, want)
					}
				}
			})
		}
	}
}

func diffSummaries(t *testing.T, sql string, got, want [][]summary) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s\ngot %d windows, want %d", sql, len(got), len(want))
	}
	for i := range got {
		expect := slices.Clone(want[i])
		for k := range expect {
			if !strings.Contains(sql, "collect") {
				expect[k].Vs = nil
			}
		}
		if fmt.Sprint(got[i]) != fmt.Sprint(expect) {
			t.Fatalf("%s\nwindow %d: got\n%+v\nwant\n%+v", sql, i, got[i], expect)
		}
	}
}
