package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// listener keeps what is published under a filter.
type listener struct {
	mu   sync.Mutex
	got  []string
	msgs []topic.Message
}

func listen(t *testing.T, filter string) *listener {
	l := &listener{}
	t.Cleanup(topic.Default.Subscribe(filter, func(m topic.Message) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.msgs = append(l.msgs, m)
		for i := range m.Batch.Rows {
			text, _ := value.AppendJSON(nil, row.Object(m.Batch.Schema, &m.Batch.Rows[i]))
			l.got = append(l.got, string(text))
		}
		return nil
	}))
	return l
}

func (l *listener) received() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

func TestExam(t *testing.T) {
	l := listen(t, "exam/out")
	sinktest.Run(t, sinktest.Exam{
		Driver: "memory", Props: map[string]any{"topic": "exam/out"},
		Bad: []sinktest.Refusal{
			{Props: map[string]any{}, Want: "missing topic property"},
			{Props: map[string]any{"topic": "a/#"}, Want: "shouldn't contain # or +"},
		},
		Received: l.received,
	})
}

func TestRowsSayWhatTheyDoToATable(t *testing.T) {
	l := listen(t, "kinds/#")
	o, err := sinks.NewOutlet(sinks.OutletConfig{Name: "memory", Props: map[string]any{
		"topic": "kinds/{{(index . 0).id}}", "rowkindField": "kind", "keyField": "id"}})
	if err != nil {
		t.Fatal(err)
	}
	o.Start()
	s := &row.Schema{Cols: []value.Field{{Name: "id"}, {Name: "kind"}}}
	for i, kind := range []value.Value{value.OfString("upsert"), {}, value.OfString("bad"), value.OfString("delete")} {
		b := row.Batch{Schema: s, Rows: []row.Row{{Cols: []value.Value{value.OfInt(int64(i)), kind}}}}
		if err := o.Send(context.Background(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.msgs {
		got = append(got, fmt.Sprint(m.Topic, " ", m.Kinds, " ", m.Keys[0]))
	}
	if want := []string{"kinds/0 [upsert] 0", "kinds/1 [insert] 1", "kinds/3 [delete] 3"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if e := o.Stats().LastError(); e == nil || !strings.Contains(e.Text, "invalid rowkind bad") {
		t.Errorf("%v", e)
	}
}
