package nop

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestExam(t *testing.T) {
	sinktest.Run(t, sinktest.Exam{Driver: "nop", Bad: []sinktest.Refusal{
		{Props: map[string]any{"log": "yes"}, Want: "invalid log yes: expected type bool"},
	}})
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestWhatIsThrownAwayCanBeLogged(t *testing.T) {
	var out lines
	o, err := sinks.NewOutlet(sinks.OutletConfig{Name: "nop", Rule: "r1", Props: map[string]any{"log": true}, Log: slog.New(slog.NewTextHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	o.Start()
	b := row.Batch{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}}}, Rows: []row.Row{{Cols: []value.Value{value.OfInt(1)}}}}
	if err := o.Send(context.Background(), b, nil); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := out.text.String(); !strings.Contains(got, `result="[{\"a\":1}]"`) {
		t.Errorf("log: %s", got)
	}
}
