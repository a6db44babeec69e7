package json

import (
	"math"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func object(t *testing.T, text string) value.Value {
	t.Helper()
	v, err := value.ParseJSON([]byte(text), value.JSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEncodeRowSortsKeysAndMergesTheRest(t *testing.T) {
	one := value.OfInt(1)
	s := schema(true, "m", "b<", "z")
	var e Encoder
	for _, c := range []struct {
		name string
		r    row.Row
		want string
	}{
		{"columns", row.Row{Cols: []value.Value{one, value.True, value.ExplicitNull}}, `{"b\u003c":true,"m":1,"z":null}`},
		{"a short row", row.Row{Cols: []value.Value{one}}, `{"m":1}`},
		{"absent columns are left out", row.Row{Cols: []value.Value{{}, {}, {}}}, `{}`},
		{"rest before, between and behind", row.Row{Cols: []value.Value{one, one, one}, Rest: object(t, `{"a":2,"c":3,"n":4,"zz":5}`)},
			`{"a":2,"b\u003c":1,"c":3,"m":1,"n":4,"z":1,"zz":5}`},
		{"a column wins over rest", row.Row{Cols: []value.Value{one}, Rest: object(t, `{"m":9,"z":2}`)}, `{"m":1,"z":2}`},
		{"rest fills an absent column", row.Row{Cols: []value.Value{{}}, Rest: object(t, `{"m":9}`)}, `{"m":9}`},
		{"nested values", row.Row{Cols: []value.Value{value.OfString("{"), value.OfInts([]int64{1})}, Rest: object(t, `{"o":{"x":[{}]}}`)},
			`{"b\u003c":[1],"m":"{","o":{"x":[{}]}}`},
	} {
		got, err := e.EncodeRow([]byte("{"), s, &c.r)
		if err != nil || string(got) != "{"+c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, got[1:], err, c.want)
		}
	}
}

func TestEncodeRowsIsAnArray(t *testing.T) {
	s, other := schema(false, "b", "a"), schema(false, "x")
	var e Encoder
	rs := []row.Row{{Cols: []value.Value{value.OfInt(1), value.OfInt(2)}}, {}}
	for range 2 {
		if got, err := e.EncodeRows(nil, s, rs); err != nil || string(got) != `[{"a":2,"b":1},{}]` {
			t.Errorf("got %s, %v", got, err)
		}
		if got, err := e.EncodeRows(nil, other, rs[:1]); err != nil || string(got) != `[{"x":1}]` {
			t.Errorf("another schema: got %s, %v", got, err)
		}
	}
	if got, err := e.EncodeRows(nil, s, nil); err != nil || string(got) != `[]` {
		t.Errorf("no rows: got %s, %v", got, err)
	}
}

func TestARowThatCannotBeWrittenLeavesNothingBehind(t *testing.T) {
	s := schema(true, "a", "b")
	nan := value.OfFloat(math.NaN())
	var e Encoder
	for _, r := range []row.Row{
		{Cols: []value.Value{nan, value.True}},
		{Cols: []value.Value{value.True}, Rest: value.OfSorted([]value.Member{{Name: "z", Val: nan}, {Name: "zz", Val: value.True}})},
	} {
		got, err := e.EncodeRows([]byte("keep"), s, []row.Row{{}, r})
		if err == nil || err.Error() != "json: unsupported value: NaN" || string(got) != "keep" {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestTheFormatIsRegistered(t *testing.T) {
	f, err := format.Lookup("JSON")
	if err != nil {
		t.Fatal(err)
	}
	s := schema(false, "a")
	d, err := f.NewDecoder(format.Config{Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := d.(format.LinesDecoder); !ok {
		t.Error("the decoder has no fast way for lines")
	}
	e, err := f.NewEncoder(format.Config{})
	if err != nil {
		t.Fatal(err)
	}
	batch := row.Batch{Schema: s}
	if err := d.Decode([]byte(`{"a":[1,2]}`), &batch); err != nil {
		t.Fatal(err)
	}
	if got, err := e.EncodeRows(nil, s, batch.Rows); err != nil || string(got) != `[{"a":[1,2]}]` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	s := schema(false, "deviceId", "temperature", "humidity")
	r := row.Row{Cols: []value.Value{value.OfString("dev_001"), value.OfFloat(22.57), value.OfFloat(55)}}
	var e Encoder
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := e.EncodeRow(dst, s, &r); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a row", n)
	}
}
