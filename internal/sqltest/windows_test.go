package sqltest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A window that aggregates as rows come must agree with one that keeps the
// rows, whatever the events, their order, and the crashes in between.
func TestAggregatesAgreeWithTheRowsOfTheWindow(t *testing.T) {
	windows := []string{
		"TUMBLINGWINDOW(ss, 2)", "TUMBLINGWINDOW(ms, 700)", "HOPPINGWINDOW(ss, 4, 2)", "HOPPINGWINDOW(ss, 3, 2)", "HOPPINGWINDOW(ms, 500, 900)",
		"SLIDINGWINDOW(ss, 1)", "SLIDINGWINDOW(ss, 1, 1)", "SLIDINGWINDOW(ss, 2) OVER (WHEN a % 3 = 0)", "SESSIONWINDOW(ss, 5, 1)", "COUNTWINDOW(3)", "COUNTWINDOW(5, 2)",
		"STATEWINDOW(a % 4 = 0, a % 5 = 0)", "STATEWINDOW(a % 6 = 0)",
	}
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		eventTime := seed%2 == 1
		lines := randomEvents(rnd, eventTime)
		for _, w := range windows {
			for _, where := range []string{"", " WHERE a % 7 != 3"} {
				from := " FROM demo" + where + " GROUP BY " + w
				rows := playRandom(t, "SELECT a, k"+from, lines, eventTime)
				sums := playRandom(t, "SELECT sum(a) AS s, count(*) AS n, min(a) AS lo, max(a) AS hi, avg(a + 0.0) AS v"+from, withRandomCrashes(rnd, lines), eventTime)
				groups := playRandom(t, "SELECT k, sum(a) AS s, count(*) AS n"+from+", k", lines, eventTime)
				if err := agree(rows, sums, groups); err != nil {
					t.Fatalf("seed %d, event time %v, %s%s: %v\nrows %v\nsums %v\ngroups %v\n%s", seed, eventTime, w, where, err, rows, sums, groups, lines)
				}
			}
		}
	}
}

func randomEvents(rnd *rand.Rand, eventTime bool) []string {
	var lines []string
	at := time.Duration(0)
	for i := range 40 {
		at += time.Duration(rnd.IntN(8)*rnd.IntN(300)) * time.Millisecond
		ts := at.Milliseconds()
		if eventTime {
			ts = max(0, ts-rnd.Int64N(1500))
		}
		lines = append(lines, fmt.Sprintf(`@%v demo {"ts":%d,"a":%d,"k":"%c"}`, at, ts, i*7%31, 'x'+rune(rnd.IntN(3))))
	}
	return append(lines, fmt.Sprintf("@%v wait", at+10*time.Second))
}

func withRandomCrashes(rnd *rand.Rand, lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l)
		if rnd.IntN(4) == 0 {
			at, _, _ := strings.Cut(l, " ")
			out = append(out, at+" checkpoint", at+" crash")
		}
	}
	return out
}

func playRandom(t *testing.T, sql string, lines []string, eventTime bool) []emission {
	t.Helper()
	c := &testCase{
		ddl:   `CREATE STREAM demo (ts BIGINT, a BIGINT, k STRING) WITH (DATASOURCE="demo", FORMAT="JSON", TIMESTAMP="ts")`,
		rule:  rule{SQL: sql, Options: options{EventTime: eventTime, LateTolerance: time.Second, QoS: 1, Zone: time.UTC}},
		input: strings.Join(lines, "\n"),
	}
	r, steps, err := c.begin()
	if err == nil {
		err = r.play(steps)
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return r.got
}

// agree compares the three results window by window.
func agree(rows, sums, groups []emission) error {
	for _, e := range rows {
		var content []struct {
			A int64
			K string
		}
		if err := json.Unmarshal([]byte(e.text), &content); err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
		var total, lo, hi int64
		byKey := map[string][2]int64{}
		for i, r := range content {
			total += r.A
			if i == 0 {
				lo, hi = r.A, r.A
			}
			lo, hi = min(lo, r.A), max(hi, r.A)
			g := byKey[r.K]
			byKey[r.K] = [2]int64{g[0] + r.A, g[1] + 1}
		}
		want := emission{e.at, "[{}]"}
		if len(content) > 0 {
			v, _ := json.Marshal(float64(total) / float64(len(content)))
			want.text = fmt.Sprintf(`[{"s":%d,"n":%d,"lo":%d,"hi":%d,"v":%s}]`, total, len(content), lo, hi, v)
		}
		if len(sums) == 0 || !want.same(sums[0]) {
			return fmt.Errorf("rows %v want the sums %v, not %v", e, want, sums)
		}
		sums = sums[1:]
		if len(content) == 0 {
			continue // no groups, no output
		}
		if len(groups) == 0 || groups[0].at != e.at {
			return fmt.Errorf("rows %v have no groups but %v", e, groups)
		}
		var gs []struct {
			K    string
			S, N int64
		}
		if err := json.Unmarshal([]byte(groups[0].text), &gs); err != nil {
			return fmt.Errorf("%v: %w", groups[0], err)
		}
		for _, g := range gs {
			if byKey[g.K] != [2]int64{g.S, g.N} {
				return fmt.Errorf("rows %v have another group %q than %v", e, g.K, groups[0])
			}
		}
		if len(gs) != len(byKey) {
			return fmt.Errorf("rows %v have %d groups, not %v", e, len(byKey), groups[0])
		}
		groups = groups[1:]
	}
	if len(sums) > 0 || len(groups) > 0 {
		return fmt.Errorf("windows without rows: %v %v", sums, groups)
	}
	return nil
}
