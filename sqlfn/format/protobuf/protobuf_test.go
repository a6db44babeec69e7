package protobuf

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const plant = `syntax = "proto3";
package acme.plant;
enum Mode { OFF = 0; AUTO = 1; MANUAL = 7; }
message Reading {
  string device = 1;
  double temperature = 2;
  float pressure = 3;
  int32 i32 = 4; int64 i64 = 5; uint32 u32 = 6; uint64 u64 = 7;
  sint32 s32 = 8; sint64 s64 = 9;
  fixed32 f32 = 10; fixed64 f64 = 11; sfixed32 sf32 = 12; sfixed64 sf64 = 13;
  bool on = 14;
  bytes raw = 15;
  Mode mode = 16;
  repeated float bands = 17;
  repeated int64 counts = 18;
  repeated string tags = 19;
  message Place { string room = 1; Place inside = 2; }
  Place place = 20;
  repeated Place places = 21;
  map<string, double> limits = 22;
  map<int32, Place> by_floor = 23;
  optional int32 maybe = 24;
  oneof either { int32 left = 25; string right = 26; }
}`

const full = `{"device":"press","temperature":21.5,"pressure":1.25,"i32":-5,"i64":"-9007199254740993","u32":4294967295,"u64":"18446744073709551615",
"s32":-7,"s64":"-8","f32":9,"f64":"10","sf32":-11,"sf64":"-12","on":true,"raw":"AQID","mode":"MANUAL","bands":[0.5,1.5],"counts":["1","-2"],
"tags":["a",""],"place":{"room":"r1","inside":{"room":"hall"}},"places":[{"room":"x"},{}],"limits":{"hi":2.5,"lo":-1},"byFloor":{"3":{"room":"c"}},"maybe":0,"right":"r"}`

func message(t testing.TB, text, name string) *Message {
	t.Helper()
	f, err := Compile("plant", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Message(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wire is what Google's own implementation makes of JSON.
func wire(t testing.TB, m *Message, js string) []byte {
	t.Helper()
	msg := dynamicpb.NewMessage(m.desc)
	if err := protojson.Unmarshal([]byte(js), msg); err != nil {
		t.Fatal(err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoder(t testing.TB, m *Message, s *row.Schema) *Decoder {
	t.Helper()
	d, err := NewDecoder(format.Config{Schema: s, Message: m})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func decode(t testing.TB, d *Decoder, s *row.Schema, p []byte) string {
	t.Helper()
	var b row.Batch
	if err := d.Decode(p, &b); err != nil {
		return "error: " + err.Error()
	}
	text, err := value.AppendJSON(nil, row.Object(s, &b.Rows[0]))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryTypeIsReadFromTheWire(t *testing.T) {
	m := message(t, plant, "Reading")
	s := m.Schema()
	got := decode(t, decoder(t, m, s), s, wire(t, m, full))
	want := `{"bands":[0.5,1.5],"by_floor":{"3":{"room":"c"}},"counts":[1,-2],"device":"press","f32":9,"f64":10,"i32":-5,"i64":-9007199254740993,` +
		`"limits":{"hi":2.5,"lo":-1},"maybe":0,"mode":7,"on":true,"place":{"inside":{"room":"hall"},"room":"r1"},"places":[{"room":"x"},{"room":""}],` +
		`"pressure":1.25,"raw":"AQID","right":"r","s32":-7,"s64":-8,"sf32":-11,"sf64":-12,"tags":["a",""],"temperature":21.5,"u32":4294967295,"u64":18446744073709551615}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAbsentFieldsHaveTheirDefaultsUnlessAbsenceIsKnown(t *testing.T) {
	m := message(t, plant, "acme.plant.Reading")
	s := &row.Schema{Cols: []value.Field{{Name: "device"}, {Name: "i32"}, {Name: "on"}, {Name: "counts"}, {Name: "limits"}, {Name: "place"}, {Name: "maybe"}, {Name: "left"}}}
	if got, want := decode(t, decoder(t, m, s), s, nil), `{"counts":[],"device":"","i32":0,"limits":{},"on":false}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	old := message(t, `syntax = "proto2"; message M { optional int32 a = 1 [default = 5]; optional int32 b = 2; required string c = 3; optional group G = 4 { optional int32 x = 1; } }`, "M")
	s = old.Schema()
	if got, want := decode(t, decoder(t, old, s), s, wire(t, old, `{"c":"x","g":{"x":3}}`)), `{"a":5,"c":"x","g":{"x":3}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOnlyWantedColumnsAreReadAndTheRestIfAsked(t *testing.T) {
	m := message(t, plant, "Reading")
	p := wire(t, m, full)
	s := &row.Schema{Cols: []value.Field{{Name: "temperature"}, {Name: "nope"}}}
	if got := decode(t, decoder(t, m, s), s, p); got != `{"temperature":21.5}` {
		t.Errorf("got %s", got)
	}
	s.Open = true
	if got := decode(t, decoder(t, m, s), s, p); !strings.Contains(got, `"device":"press"`) || !strings.Contains(got, `"temperature":21.5`) {
		t.Errorf("got %s", got)
	}
}

func TestTheLastOfAOneofCounts(t *testing.T) {
	m := message(t, plant, "Reading")
	s := &row.Schema{Cols: []value.Field{{Name: "left"}, {Name: "right"}}}
	p := append(wire(t, m, `{"right":"r"}`), wire(t, m, `{"left":4}`)...)
	if got := decode(t, decoder(t, m, s), s, p); got != `{"left":4}` {
		t.Errorf("got %s", got)
	}
}

func TestWhatWasReadIsWrittenAsItWas(t *testing.T) {
	m := message(t, plant, "Reading")
	s, p := m.Schema(), wire(t, m, full)
	var b row.Batch
	if err := decoder(t, m, s).Decode(p, &b); err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(format.Config{Message: m})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.EncodeRow(nil, s, &b.Rows[0])
	if err != nil {
		t.Fatal(err)
	}
	x, y := dynamicpb.NewMessage(m.desc), dynamicpb.NewMessage(m.desc)
	if err := proto.Unmarshal(got, x); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(p, y); err != nil || !proto.Equal(x, y) {
		t.Errorf("got\n%v\nwant\n%v", x, y)
	}
}

func TestWhatDoesNotFitAFieldIsRefusedByName(t *testing.T) {
	m := message(t, plant, "Reading")
	e, err := NewEncoder(format.Config{Message: m})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ in, want string }{
		{`{"i32": 2147483648}`, "field i32"}, {`{"u32": -1}`, "field u32"}, {`{"i64": 1.5}`, "field i64"},
		{`{"temperature": "hot"}`, "field temperature"}, {`{"on": 1}`, "field on"}, {`{"device": true}`, "field device"},
		{`{"bands": 1}`, "is no array"}, {`{"counts": ["x"]}`, "field counts"}, {`{"place": {"room": {}}}`, "field place: field room"},
		{`{"limits": {"a": "x"}}`, "entry a"}, {`{"by_floor": {"x": {}}}`, "entry x"}, {`{"mode": "FAST"}`, "field mode"}, {`{"limits": 1}`, "is no object"},
	} {
		obj, err := value.ParseJSON([]byte(c.in), value.JSONOptions{IntWhole: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.EncodeRow(nil, &row.Schema{Open: true}, &row.Row{Rest: obj}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.in, err, c.want)
		}
	}
	if _, err := e.EncodeRows(nil, &row.Schema{}, make([]row.Row, 2)); err == nil {
		t.Error("two rows in one message")
	}
}

func TestBrokenPayloadsAreErrors(t *testing.T) {
	m := message(t, plant, "Reading")
	s := m.Schema()
	p := wire(t, m, full)
	inside := func(n int) []byte {
		b := []byte{}
		for range n {
			b = append(append([]byte{2<<3 | 2}, varint(len(b))...), b...)
		}
		return append(append([]byte{0xa2, 0x01}, varint(len(b))...), b...)
	}
	for name, c := range map[string]struct {
		p    []byte
		want string
	}{
		"cut off":            {p[:len(p)-1], "unexpected EOF"},
		"a wrong wire type":  {[]byte{2 << 3, 1}, "field temperature: wire type 0"},
		"endless varint":     {bytes.Repeat([]byte{0xff}, 20), "variable length integer overflow"},
		"a length too great": {[]byte{1<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f}, "unexpected EOF"},
		"field number 0":     {[]byte{0}, "invalid field number"},
		"too deep":           {inside(200), "nested more than 64 deep"},
	} {
		if got := decode(t, decoder(t, m, s), s, c.p); !strings.HasPrefix(got, "error: cannot parse acme.plant.Reading: ") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func TestASchemaThatCannotBeUsedSaysWhereAndWhy(t *testing.T) {
	if _, err := Compile("bad", "syntax = \"proto3\";\nmessage M { int33 a = 1; }", nil); err == nil || !strings.Contains(err.Error(), "bad.proto:2:13") {
		t.Errorf("got %v", err)
	}
	if _, err := Compile("bad", `syntax = "proto3"; import "/etc/passwd";`, nil); err == nil || !strings.Contains(err.Error(), "/etc/passwd") {
		t.Errorf("got %v", err)
	}
	if _, err := Compile("times", `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { google.protobuf.Timestamp at = 1; }`, nil); err != nil {
		t.Error(err)
	}
	f, err := Compile("plant", plant, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Message("Readnig"); err == nil || !strings.Contains(err.Error(), `did you mean "Reading"`) {
		t.Errorf("got %v", err)
	}
	if _, err := NewDecoder(format.Config{Schema: &row.Schema{}}); err == nil || !strings.Contains(err.Error(), "SCHEMAID") {
		t.Errorf("got %v", err)
	}
}

func TestTheSchemaHasAColumnForEachField(t *testing.T) {
	var got []string
	for _, c := range message(t, plant, "Reading").Schema().Cols {
		got = append(got, c.Name+" "+c.Type.String())
	}
	text := strings.Join(got, ", ")
	for _, want := range []string{"device string", "temperature float", "raw bytea", "mode bigint", "bands array(float)", "places array(struct(room string", "on boolean"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	m := message(f, plant, "Reading")
	s := m.Schema()
	d := decoder(f, m, s)
	f.Add(wire(f, m, full))
	f.Add([]byte{0xa2, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, p []byte) {
		var b row.Batch
		if d.Decode(p, &b) == nil && len(b.Rows) != 1 {
			t.Errorf("%d rows", len(b.Rows))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	m := message(b, plant, "Reading")
	p := wire(b, m, full)
	s := &row.Schema{Cols: []value.Field{{Name: "device"}, {Name: "temperature"}}}
	d := decoder(b, m, s)
	var batch row.Batch
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for range b.N {
		batch.Rows = batch.Rows[:0]
		if err := d.Decode(p, &batch); err != nil {
			b.Fatal(err)
		}
	}
}
