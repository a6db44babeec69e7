package memory

import (
	"slices"
	"testing"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestAMemoryTableHasTheNewestRowOfEachKey(t *testing.T) {
	table := &Table{}
	if err := table.Open(t.Context(), sources.Env{Datasource: "table/#", Key: "id"}); err != nil {
		t.Fatal(err)
	}
	schema := &row.Schema{Cols: []value.Field{{Name: "id"}}, Open: true}
	publish := func(kind string, key, obj string) {
		m := topic.Message{Topic: "table/devices", Batch: row.Batch{Schema: schema, Rows: []row.Row{row.FromObject(schema, parse(t, obj))}}}
		if kind != "" {
			m.Kinds = []string{kind}
		}
		if key != "" {
			m.Keys = []value.Value{parse(t, key)}
		}
		topic.Default.Publish(m)
	}
	want := func(q sources.Query, rows ...string) {
		t.Helper()
		found, err := table.Lookup(t.Context(), q)
		var got []string
		for _, v := range found {
			text, err := value.AppendJSON(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(text))
		}
		if err != nil || !slices.Equal(got, rows) {
			t.Errorf("%v = %v: got %v, %v; want %v", q.Keys, q.Values, got, err, rows)
		}
	}
	by := func(keys []string, vals ...value.Value) sources.Query { return sources.Query{Keys: keys, Values: vals} }
	one := by([]string{"id"}, value.OfFloat(1))

	publish("", "", `{"id":1,"room":"a"}`)
	want(one, `{"id":1,"room":"a"}`)
	publish("upsert", "", `{"id":1,"room":"b"}`)
	publish("insert", "", `{"id":2,"room":"b"}`)
	publish("", "", `{"room":"nobody"}`) // no key: nobody could ask for it
	want(one, `{"id":1,"room":"b"}`)
	want(by([]string{"room"}, value.OfString("b")), `{"id":1,"room":"b"}`, `{"id":2,"room":"b"}`)
	want(by([]string{"id", "room"}, value.OfInt(1), value.OfString("a")))
	publish("delete", "2", `{"x":0}`)
	want(by([]string{"room"}, value.OfString("b")), `{"id":1,"room":"b"}`)
	publish("delete", "", `{"id":1}`)
	want(one)
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	publish("", "", `{"id":1}`)
	want(one)
}

func parse(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.ParseJSON([]byte(text), value.JSONOptions{IntWhole: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
