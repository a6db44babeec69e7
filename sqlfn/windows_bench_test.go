package sqlfn_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// load pushes rows of 1,000 devices, one a millisecond, into a query under
// event time.
type load struct {
	p    *sqlfn.Pipeline
	in   row.Batch
	ts   int
	next int64
	out  discard
}

func newLoad(b *testing.B, sql string) *load {
	p := compile(b, sql, sqlfn.Options{EventTime: true})
	objects := make([]map[string]any, 1000)
	for i := range objects {
		objects[i] = map[string]any{"deviceId": fmt.Sprintf("dev_%03d", i), "temperature": float64(i%50) + 0.5, "ts": 0}
	}
	l := &load{p: p, in: batch(p, objects...), next: start.UnixMilli()}
	l.ts = l.in.Schema.Slot("ts")
	return l
}

func (l *load) push(b *testing.B, rows int) {
	for ; rows > 0; rows -= len(l.in.Rows) {
		for i := range l.in.Rows {
			l.in.Rows[i].Cols[l.ts] = value.OfInt(l.next)
			l.next++
		}
		if err := l.p.Push(0, l.in, &l.out); err != nil {
			b.Fatal(err)
		}
	}
}

var benchWindows = []struct{ name, window string }{
	{"tumbling", "TUMBLINGWINDOW(ss, 10)"},
	{"hopping", "HOPPINGWINDOW(ss, 10, 1)"},
	{"hopping fine", "HOPPINGWINDOW(ss, 100, 1)"},
	{"sliding", `SLIDINGWINDOW(ss, 10) OVER (WHEN deviceId = "dev_000")`},
	{"sliding long", `SLIDINGWINDOW(ss, 100) OVER (WHEN deviceId = "dev_000")`},
	{"session", "SESSIONWINDOW(ss, 10, 1)"},
	{"count", "COUNTWINDOW(10000)"},
	{"count interval", "COUNTWINDOW(10000, 1000)"},
	{"state", `STATEWINDOW(deviceId = "dev_000")`},
}

// BenchmarkWindows: one operation is one row, of one of 1,000 devices; every
// second or more each window emits a row a device.
func BenchmarkWindows(b *testing.B) {
	for _, w := range benchWindows {
		b.Run(w.name, func(b *testing.B) {
			l := newLoad(b, "SELECT deviceId, avg(temperature) AS t FROM demo GROUP BY deviceId, "+w.window)
			l.push(b, 200_000) // until rows leave as fast as they come
			b.ReportAllocs()
			b.ResetTimer()
			l.push(b, b.N)
		})
	}
}

// BenchmarkWindowMemory measures what a window holds with so many rows of 1,000
// devices in its reach, and what taking them in costs.
func BenchmarkWindowMemory(b *testing.B) {
	for _, w := range []struct{ name, window string }{
		{"tumbling", "TUMBLINGWINDOW(hh, 1)"},
		{"hopping", "HOPPINGWINDOW(mi, 60, 1)"},
		{"sliding", "SLIDINGWINDOW(hh, 1) OVER (WHEN temperature < 0)"},
	} {
		for _, rows := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", w.name, rows), func(b *testing.B) {
				for range b.N {
					l := newLoad(b, "SELECT deviceId, avg(temperature) AS t FROM demo GROUP BY deviceId, "+w.window)
					before := heap()
					b.ResetTimer()
					l.push(b, rows)
					b.StopTimer()
					b.ReportMetric(float64(heap()-before)/1024, "heap-KiB")
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
					runtime.KeepAlive(l)
				}
			})
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
