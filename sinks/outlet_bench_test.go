package sinks

import (
	"context"
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
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	return func() { b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op") }
}

// reading is a batch of the rows of the load harness: a text and three numbers.
func reading(n int) row.Batch {
	b := row.Batch{Schema: &row.Schema{}}
	for _, c := range []string{"deviceId", "temperature", "humidity", "seq"} {
		b.Schema.Cols = append(b.Schema.Cols, value.Field{Name: c})
	}
	for i := range n {
		b.Rows = append(b.Rows, row.Row{Cols: []value.Value{
			value.OfString("device-017"), value.OfFloat(31.25), value.OfInt(48), value.OfInt(int64(100000 + i)),
		}})
	}
	return b
}

// void takes everything without looking at it.
type void struct{ fake }

func (*void) Write(context.Context, Payload) error { return nil }

func init() {
	Register(&Driver{Name: "void", New: func() Sink { return &void{} }})
}

func benchmarkSend(b *testing.B, driver string, rows int, props map[string]any) {
	o, err := NewOutlet(OutletConfig{Name: driver, Props: props})
	if err != nil {
		b.Fatal(err)
	}
	start(b, o)
	in := reading(rows)
	ctx := context.Background()
	stop := reportCPU(b)
	for i := 0; i < b.N; i += rows {
		if err := o.Send(ctx, in, nil); err != nil {
			b.Fatal(err)
		}
	}
	o.Flush(ctx)
	stop()
}

var single = map[string]any{"sendSingle": true}

// Per row, from Send to the driver's Write.
func BenchmarkOutletJSONSingleLone(b *testing.B)  { benchmarkSend(b, "void", 1, single) }
func BenchmarkOutletJSONSingleBatch(b *testing.B) { benchmarkSend(b, "void", 256, single) }
func BenchmarkOutletJSONListLone(b *testing.B)    { benchmarkSend(b, "void", 1, nil) }
func BenchmarkOutletDiscardLone(b *testing.B)     { benchmarkSend(b, "bin", 1, single) }
func BenchmarkOutletDiscardBatch(b *testing.B)    { benchmarkSend(b, "bin", 256, single) }

// What the encoder alone costs.
func BenchmarkEncoderAlone(b *testing.B) {
	o, err := NewOutlet(OutletConfig{Name: "void", Props: single})
	if err != nil {
		b.Fatal(err)
	}
	in := reading(1)
	var buf []byte
	defer reportCPU(b)()
	for range b.N {
		if buf, err = o.coder.enc.EncodeRow(buf[:0], in.Schema, &in.Rows[0]); err != nil {
			b.Fatal(err)
		}
	}
}
