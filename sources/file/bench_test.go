package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// benchFile writes 100,000 readings of about 145 bytes.
func benchFile(b *testing.B) (dir string, rows int) {
	b.Helper()
	dir, rows = b.TempDir(), 100000
	var text []byte
	for i := range rows {
		text = fmt.Appendf(text, `{"deviceId":"dev_%03d","temperature":%d.%02d,"humidity":%d,"ts":%d,"status":"ok","site":"plant-7/line-%02d","seq":%d,"voltage":%d.%03d}`+"\n",
			i%100, i*7919%50, i*104729%100, 20+i*31%80, 1700000000000+i, i%12, i, 220+i%5, i*7907%1000)
	}
	if err := os.WriteFile(filepath.Join(dir, "in"), text, 0o644); err != nil {
		b.Fatal(err)
	}
	return dir, rows
}

func perRow(b *testing.B, rows int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
}

func BenchmarkLines(b *testing.B) {
	dir, rows := benchFile(b)
	src, _, err := sources.Open("file", map[string]any{"fileType": "lines"})
	if err != nil {
		b.Fatal(err)
	}
	src.(*Source).lineNumbers.Store(false)
	env := sources.Env{Datasource: "in", DataDir: dir, Clock: clock.Wall, Status: exec.NewLink(clock.Wall)}
	b.ReportAllocs()
	for b.Loop() {
		if err := src.Run(context.Background(), env, func(sources.Message) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, rows)
}

// From the file to the inbox of a rule that wants three columns.
func BenchmarkLinesThroughHub(b *testing.B) {
	dir, rows := benchFile(b)
	want := sources.Want{Schema: &row.Schema{Cols: []value.Field{{Name: "deviceId"}, {Name: "temperature"}, {Name: "humidity"}}}}
	b.ReportAllocs()
	for b.Loop() {
		src, common, err := sources.Open("file", map[string]any{"fileType": "lines"})
		if err != nil {
			b.Fatal(err)
		}
		hub, err := sources.NewHub(sources.HubConfig{Stream: "demo", Datasource: "in", DataDir: dir, Source: src, Payload: common})
		if err != nil {
			b.Fatal(err)
		}
		in := sources.NewInbox(1024)
		if _, err := hub.Attach(in, 0, want); err != nil {
			b.Fatal(err)
		}
		hub.Start()
		got := 0
		for end := false; !end; {
			<-in.Ready()
			for _, d := range in.Take() {
				got += len(d.Batch.Rows)
				end = end || d.End
				d.Done(nil)
			}
		}
		if got != rows {
			b.Fatalf("%d rows", got)
		}
		if err := hub.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b, rows)
}
