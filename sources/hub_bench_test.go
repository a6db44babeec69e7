package sources

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// reportCPU adds the CPU time of all goroutines per operation: unlike the wall
// clock it does not depend on who else is using the machine.
func reportCPU(b *testing.B) func() {
	cpu := func() int64 {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return u.Utime.Nano() + u.Stime.Nano()
	}
	b.ResetTimer()
	before := cpu()
	return func() { b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op") }
}

// rules are goroutines that take from their inboxes as a rule does. counted
// gets one token for every row.
func rules(b *testing.B, h *Hub, n, inbox int, work func(*row.Row)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range n {
		in := NewInbox(inbox)
		if _, err := h.Attach(in, 0, Want{Schema: cols("x", "y"), Lossless: true}); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer context.AfterFunc(ctx, in.Wake)()
			for ctx.Err() == nil {
				<-in.Ready()
				for _, d := range in.Take() {
					for i := range d.Batch.Rows {
						work(&d.Batch.Rows[i])
					}
					d.Done(nil)
				}
			}
		})
	}
	return func() { cancel(); wg.Wait() }
}

func benchHub(b *testing.B) *Hub {
	h, err := NewHub(HubConfig{Stream: "demo", Source: newFake(), Shared: true, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.Close(context.Background()) })
	return h
}

func oneRow() Message {
	return Message{TS: 1, Batch: &row.Batch{Schema: cols("x", "y"), Rows: []row.Row{{Cols: []value.Value{value.OfInt(1), value.OfInt(2)}}}}}
}

// A lone message to many rules, each of which has gone to sleep before: the
// figure is per rule, with the wake-up and the taking.
func BenchmarkLoneMessagePerRule(b *testing.B) {
	for _, n := range []int{1, 30, 300} {
		b.Run(fmt.Sprint(n, "rules"), func(b *testing.B) {
			h := benchHub(b)
			var wg sync.WaitGroup
			stop := rules(b, h, n, 1024, func(*row.Row) { wg.Done() })
			defer stop()
			m := oneRow()
			b.ReportAllocs()
			defer reportCPU(b)()
			for i := 0; i < b.N; i += n {
				wg.Add(n)
				h.deliver(m)
				wg.Wait()
			}
		})
	}
}

// The same when the hub runs the rules itself.
func BenchmarkLoneMessageDirectPerRule(b *testing.B) {
	for _, n := range []int{1, 30, 300} {
		b.Run(fmt.Sprint(n, "rules"), func(b *testing.B) {
			h := benchHub(b)
			rows := 0
			for range n {
				in := NewInbox(1024)
				if _, err := h.Attach(in, 0, Want{Schema: cols("x", "y")}); err != nil {
					b.Fatal(err)
				}
				in.Direct(func(d *Delivery) bool { rows += len(d.Batch.Rows); d.Done(nil); return true })
			}
			m := oneRow()
			b.ReportAllocs()
			defer reportCPU(b)()
			for i := 0; i < b.N; i += n {
				h.throttle = throttle{} // never too busy
				h.deliver(m)
			}
			if rows < b.N {
				b.Fatalf("%d rows of %d", rows, b.N)
			}
		})
	}
}

// Messages of one row as fast as one rule takes them.
func BenchmarkStreamOfSingles(b *testing.B) {
	h := benchHub(b)
	var wg sync.WaitGroup
	wg.Add(b.N)
	stop := rules(b, h, 1, 1024, func(*row.Row) { wg.Done() })
	defer stop()
	m := oneRow()
	b.ReportAllocs()
	defer reportCPU(b)()
	for range b.N {
		h.deliver(m)
	}
	wg.Wait()
}

// Messages of 430 rows, as a file source delivers them; per row.
func BenchmarkStreamOfBatches(b *testing.B) {
	h := benchHub(b)
	var n int
	done := make(chan struct{})
	stop := rules(b, h, 1, 1024, func(*row.Row) {
		if n++; n == (b.N+429)/430*430 {
			close(done)
		}
	})
	defer stop()
	m := oneRow()
	for range 429 {
		m.Batch.Rows = append(m.Batch.Rows, m.Batch.Rows[0])
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	for i := 0; i < b.N; i += 430 {
		h.deliver(m)
	}
	<-done
}
