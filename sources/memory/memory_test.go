package memory

import (
	"context"
	"runtime"
	"testing"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/sourcetest"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func publish(name, text string) error {
	v, err := value.ParseJSON([]byte(text), value.JSONOptions{})
	if err == nil {
		s := &row.Schema{Open: true}
		topic.Default.Publish(topic.Message{Topic: name, Batch: row.Batch{Schema: s, Rows: []row.Row{row.FromObject(s, v)}}})
	}
	return err
}

func TestExam(t *testing.T) {
	sourcetest.Run(t, sourcetest.Exam{
		Driver: "memory", Datasource: "exam/+/in",
		Feed: func(text string) error { return publish("exam/1/in", text) },
	})
}

func TestRowsArriveHereAndNowWithTheirTopic(t *testing.T) {
	src, common, err := sources.Open("memory", nil)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := sources.NewHub(sources.HubConfig{Stream: "s", Datasource: "now/#", Source: src, Payload: common})
	if err != nil {
		t.Fatal(err)
	}
	in := sources.NewInbox(10)
	if _, err := hub.Attach(in, 0, sources.Want{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}}}, Meta: true}); err != nil {
		t.Fatal(err)
	}
	hub.Start()
	defer hub.Close(context.Background())
	s := &row.Schema{Cols: []value.Field{{Name: "b"}, {Name: "a"}}}
	sent := []row.Row{{Cols: []value.Value{value.OfInt(2), value.OfInt(1)}, TS: 7, In: 3}}
	for hub.Link().Status != 1 {
		runtime.Gosched()
	}
	topic.Default.Publish(topic.Message{Topic: "now/x", Batch: row.Batch{Schema: s, Rows: sent}})
	<-in.Ready()
	d := in.Take()[0]
	r := d.Batch.Rows[0]
	if r.Cols[0].Int() != 1 || r.TS < 1e12 || r.In != 0 || r.Meta.Key("topic").Str() != "now/x" || r.Meta.All().Len() != 1 {
		t.Errorf("%+v", r)
	}
	if sent[0].TS != 7 {
		t.Error("the sender's row was written to")
	}
}

func TestABadTopicShowsInTheStatus(t *testing.T) {
	for _, ds := range []string{"", "a/#/b"} {
		err := (&source{}).Run(context.Background(), sources.Env{Datasource: ds}, nil)
		if err == nil {
			t.Errorf("%q is accepted", ds)
		}
	}
}
