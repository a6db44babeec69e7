package twin

import (
	"strings"
	"testing"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestWritesAreWhatEdgecoreTakes(t *testing.T) {
	model := &devicemodel.Model{Name: "m", Properties: []devicemodel.Property{
		{Name: "i", Type: intType, Writable: true, Max: limit(100)}, {Name: "f", Type: floatType, Writable: true}, {Name: "b", Type: boolType, Writable: true},
		{Name: "s", Type: stringType, Writable: true}, {Name: "r", Type: intType}}}
	for _, tt := range []struct {
		property string
		v        value.Value
		model    *devicemodel.Model
		want     string
	}{
		{"i", value.OfInt(7), model, "int 7"}, {"i", value.OfFloat(7), model, "int 7"}, {"I", value.OfInt(7), model, "int 7"}, {"i", value.OfFloat(7.5), model, "is not a bigint"},
		{"i", value.OfString("7"), model, "is not a bigint"}, {"i", value.OfInt(101), model, "more than the maximum 100"},
		{"f", value.OfFloat(1e21), model, "float 1000000000000000000000"}, {"f", value.OfInt(2), model, "float 2"}, {"f", value.OfFloat(0.000001), model, "float 0.000001"},
		{"b", value.True, model, "boolean true"}, {"b", value.OfInt(1), model, "is not a boolean"},
		{"s", value.OfString("ON"), model, "string ON"}, {"s", value.OfInt(5), model, "string 5"}, {"s", value.OfString("a b"), model, `refuses the value "a b"`},
		{"s", value.OfString(""), model, "refuses the value"}, {"s", value.OfString(strings.Repeat("x", 513)), model, "refuses the value"},
		{"r", value.OfInt(1), model, `property "r" of model "m" is read only`}, {"q", value.OfInt(1), model, `model "m" has no property "q"`},
		{"any", value.OfFloat(-1.5), nil, "float -1.5"}, {"any", value.OfInt(1), nil, "int 1"}, {"a b", value.OfInt(1), nil, "has characters that KubeEdge refuses"},
		{"a", value.OfArray(nil), nil, "refuses the value"},
	} {
		w, err := NewWrite(tt.property, tt.v, tt.model, true)
		got := w.Type + " " + w.Value
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s %v: got %s, want %s", tt.property, tt.v, got, tt.want)
		}
	}
	if _, err := NewWrite("r", value.OfInt(1), model, false); err != nil {
		t.Errorf("an actual value of what is read only: %v", err)
	}
}

func TestUpdatesHaveTheDocumentedShapeAndCanBeReadBack(t *testing.T) {
	writes := []Write{{"temperature", "25", "int"}}
	for desired, want := range map[bool]string{
		true:  `{"event_id":"e","timestamp":1697426002500,"twin":{"temperature":{"expected":{"value":"25","metadata":{"timestamp":1697426002500}},"metadata":{"type":"int"}}}}`,
		false: `{"event_id":"e","timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"25","metadata":{"timestamp":1697426002500}},"metadata":{"type":"int"}}}}`,
	} {
		got, err := Update("e", 1697426002500, writes, desired)
		if err != nil || string(got) != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
		}
		r := newReader(t, Config{Schema: columns(true)})
		var b row.Batch
		if err := r.DecodeFrom(got, &Origin{Topic: UpdateTopic("default/dev1")}, &b); err != nil {
			t.Fatal(err)
		}
		name := map[bool]string{true: "temperature" + Expected, false: "temperature"}[desired]
		if v, _ := row.Object(r.schema, &b.Rows[0]).Lookup(name); v.Int() != 25 || b.Rows[0].TS != 1697426002500 && !desired {
			t.Errorf("read back: %v", v)
		}
	}
}
