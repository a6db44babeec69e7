package log

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestExam(t *testing.T) { sinktest.Run(t, sinktest.Exam{Driver: "log"}) }

func TestResultsAreInfoLines(t *testing.T) {
	var out bytes.Buffer
	o, err := sinks.NewOutlet(sinks.OutletConfig{Name: "log", Rule: "r1", Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	o.Start()
	b := row.Batch{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}}}, Rows: []row.Row{{Cols: []value.Value{value.OfInt(1)}}}}
	if err := o.Send(context.Background(), b, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.SendError(context.Background(), errors.New("no luck")); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`level=INFO msg="sink result for rule r1: [{\"a\":1}]"`, `msg="sink result for rule r1: no luck"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log: %s", out.String())
		}
	}
}
