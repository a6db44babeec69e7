package twin

import (
	"testing"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/format"
	_ "github.com/edgesluice/sluice/sqlfn/format/json"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// The cells are those measured on Kuiper 1.1.1, and right ones where it dropped
// the key.
func TestFlatValuesGetTheTypesOfTheirModel(t *testing.T) {
	types := map[string]value.Kind{"i": value.Int, "f": value.Float, "s": value.String, "b": value.Bool}
	m := devicemodel.Model{Name: "device1"}
	for name, kind := range types {
		m.Properties = append(m.Properties, devicemodel.Property{Name: name, Type: value.Type{Kind: kind}})
	}
	d := devicemodel.NewDirectory()
	d.Replace("file", []devicemodel.Model{m, {Name: "other"}}, []devicemodel.Device{{Name: "press-1", Model: "device1"}})
	for _, tt := range []struct {
		topic, payload, want string
		skipped              int
	}{
		{"$ke/events/device/DEVICE1/data/update", `{"i":"28","f":"1.5","s":"x","b":"true"}`, `{"b":true,"f":1.5,"i":28,"s":"x"}`, 0},
		{"$ke/events/device/device1/data/update", `{"i":28.7,"f":1,"s":28.5,"b":false}`, `{"b":false,"f":1,"i":28,"s":"28.5"}`, 0},
		{"$ke/events/device/device1/data/update", `{"i":-28.7,"I":"3","other":"7"}`, `{"I":3,"i":-28,"other":"7"}`, 0},
		{"$ke/events/device/device1/data/update", `{"i":true,"s":true,"b":1}`, `{"i":1}`, 2},
		{"$ke/events/device/device1/data/update", `{"i":"x","f":"y","b":"z","s":[1]}`, `{}`, 4},
		{"$ke/events/device/device1/data/update", `{"i":null,"data":{"i":"28"}}`, `{"data":{"i":"28"},"i":null}`, 0},
		{"plant/line/a/press-1/values", `{"i":"28"}`, `{"i":28}`, 0},
		{"$ke/events/device/stranger/data/update", `{"i":"28"}`, `{"i":"28"}`, 0},
		{"short", `{"i":"28"}`, `{"i":"28"}`, 0},
	} {
		for what, s := range map[string]*row.Schema{"schemaless": columns(true), "wanted columns": columns(true, value.Field{Name: "i"}, value.Field{Name: "b"})} {
			skipped := 0
			dec, err := NewFlat(format.Config{Schema: s}, d, []devicemodel.Model{m}, func(string) { skipped++ })
			if err != nil {
				t.Fatal(err)
			}
			var b row.Batch
			if err := dec.DecodeFrom([]byte(tt.payload), &Origin{Topic: tt.topic}, &b); err != nil {
				t.Fatal(err)
			}
			if got := shown(row.Object(s, &b.Rows[0])); got != tt.want || skipped != tt.skipped {
				t.Errorf("%s, %s %s: got %s, want %s; %d skipped", what, tt.topic, tt.payload, got, tt.want, skipped)
			}
		}
	}
	typed := columns(false, value.Field{Name: "i", Type: value.Type{Kind: value.Float}}, value.Field{Name: "s", Type: value.Type{Kind: value.Int}})
	dec, err := NewFlat(format.Config{Schema: typed}, d, []devicemodel.Model{m}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	var b row.Batch
	for _, topic := range []string{"$ke/events/device/device1/data/update", "stranger"} { // the declared type is the last word
		if err := dec.DecodeFrom([]byte(`{"i":"28","s":"x"}`), &Origin{Topic: topic}, &b); err != nil {
			t.Fatal(err)
		}
	}
	if got := shown(row.Object(typed, &b.Rows[0])) + shown(row.Object(typed, &b.Rows[1])); got != `{"i":28,"s":null}{"i":28,"s":null}` {
		t.Errorf("typed: %s", got)
	}
}
