package twin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var (
	intType    = value.Type{Kind: value.Int}
	floatType  = value.Type{Kind: value.Float}
	stringType = value.Type{Kind: value.String}
	boolType   = value.Type{Kind: value.Bool}
)

func limit(f float64) *float64 { return &f }

// directory describes the devices of the recorded messages.
func directory() *devicemodel.Directory {
	d := devicemodel.NewDirectory()
	d.Replace("test", []devicemodel.Model{
		{Name: "sensor-tag-model", Properties: []devicemodel.Property{
			{Name: "temperature", Type: intType, Min: limit(-40), Max: limit(100)}, {Name: "temperature-enable", Type: stringType}, {Name: "new", Type: stringType}}},
		{Name: "beta1-model", Properties: []devicemodel.Property{{Name: "temp", Type: intType}}},
	}, []devicemodel.Device{
		{Namespace: "default", Name: "dev1", Model: "sensor-tag-model"}, {Name: "sensor-tag-instance-01", Model: "sensor-tag-model"},
		{Namespace: "default", Name: "beta1-device", Model: "beta1-model", Push: []devicemodel.Push{{Property: "temp", Topic: "plant/temp"}, {Property: "temp", Path: "/push/beta"}}},
	})
	return d
}

func columns(open bool, cols ...value.Field) *row.Schema { return &row.Schema{Open: open, Cols: cols} }

type reader struct {
	*Decoder
	schema *row.Schema
	warned []string
}

func newReader(t testing.TB, cfg Config) *reader {
	t.Helper()
	r := &reader{schema: cfg.Schema}
	cfg.Warn = func(device, why string) { r.warned = append(r.warned, device+" "+why) }
	if cfg.Directory == nil {
		cfg.Directory = directory()
	}
	if cfg.Loc == nil {
		cfg.Loc = time.UTC
	}
	if cfg.Now == nil {
		cfg.Now = func() int64 { return 1_800_000_000_000 }
	}
	var err error
	if r.Decoder, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

// rows decodes one message and shows its rows with their times.
func (r *reader) rows(t testing.TB, from Origin, payload string) string {
	t.Helper()
	var b row.Batch
	if err := r.DecodeFrom([]byte(payload), &from, &b); err != nil {
		return "error: " + err.Error()
	}
	var out []string
	for i := range b.Rows {
		out = append(out, fmt.Sprintf("%s at %d", shown(row.Object(r.schema, &b.Rows[i])), b.Rows[i].TS))
	}
	return strings.Join(out, " ")
}

func shown(v value.Value) string {
	text, err := value.AppendJSON(nil, v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestEveryRecordedMessageGivesItsTypedRow(t *testing.T) {
	want := map[string]string{
		"$hw/events/device/default/dev1/twin/update":            `{"temperature":25,"temperature_expected":null} at 1697426002500`,
		"$hw/events/device/default/dev1/twin/update/result":     `{"temperature":25,"temperature-enable":"OFF","temperature-enable_expected":"ON"} at 1697426002456`,
		"$hw/events/device/default/dev1/twin/update/result 2":   "",
		"$hw/events/device/default/dev1/twin/update/document":   `{"new":"ON","new_expected":"ON","temperature-enable":"ON","temperature-enable_expected":"ON"} at 1697426002456`,
		"$hw/events/device/default/dev1/twin/update/delta":      `{"temperature-enable":"OFF","temperature-enable_expected":"ON"} at 1697426002456`,
		"$hw/events/device/default/dev1/twin/get/result":        `{"temperature":25,"temperature-enable":"OFF","temperature-enable_expected":"ON"} at 1697426002456`,
		"$hw/events/device/default/dev1/state/update":           `{"State":"ok"} at 1697426002500`,
		"$hw/events/device/default/beta1-device/twin/update":    `{"temp":25,"temp_expected":30} at 1697426002500`,
		"$ke/events/device/default/beta1-device/data/update":    `{"temp":25} at 1697426002500`,
		"$hw/events/device/sensor-tag-instance-01/twin/update":  `{"temperature":25} at 1697426002500`,
		"$ke/events/device/sensor-tag-instance-01/data/update":  `{"temperature":25} at 1697426002500`,
		"$hw/events/device/sensor-tag-instance-01/state/update": `{"state":"OK"} at 1697426002500`,
	}
	seen := 0
	for _, file := range []string{"edgecore-v1.17plus.jsonl", "mapper-framework-v1.23.jsonl", "mapper-v1.5.jsonl"} {
		f, err := os.Open(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var m struct{ Topic, Payload string }
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Fatal(err)
			}
			key := m.Topic
			if strings.Contains(m.Payload, `"code":404`) {
				key += " 2"
			}
			expect, ok := want[key]
			if !ok {
				continue // about the node, not about a device's values
			}
			seen++
			r := newReader(t, Config{Schema: columns(true)})
			if got := r.rows(t, Origin{Topic: m.Topic}, m.Payload); got != expect {
				t.Errorf("%s %s\ngot  %s\nwant %s", file, key, got, expect)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d messages of %d", seen, len(want))
	}
}

const hw, ke = "$hw/events/device/default/dev1/twin/update", "$ke/events/device/default/dev1/data/update"

func TestTheStreamOfAModelHasItsDevicesOnly(t *testing.T) {
	s := columns(false, value.Field{Name: "temperature", Type: intType}, value.Field{Name: DeviceID, Type: stringType}, value.Field{Name: Timestamp, Type: intType})
	d := directory()
	r := newReader(t, Config{Schema: s, Model: "Sensor-Tag-Model", Directory: d})
	const update = `{"timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"25"}}}}`
	for topic, want := range map[string]string{
		hw: `{"deviceId":"default/dev1","temperature":25,"timestamp":1697426002500} at 1697426002500`,
		"$hw/events/device/sensor-tag-instance-01/twin/update": `{"deviceId":"sensor-tag-instance-01","temperature":25,"timestamp":1697426002500} at 1697426002500`,
		"$hw/events/device/default/beta1-device/twin/update":   "",
		"$hw/events/device/default/stranger/twin/update":       "",
	} {
		if got := r.rows(t, Origin{Topic: topic}, update); got != want {
			t.Errorf("%s: got %s, want %s", topic, got, want)
		}
	}
	if got := strings.Join(r.warned, ";"); !strings.HasPrefix(got, "default/stranger is not described") || len(r.warned) != 1 {
		t.Errorf("warned %q", r.warned)
	}
	d.Replace("more", nil, []devicemodel.Device{{Namespace: "default", Name: "stranger", Model: "sensor-tag-model"}})
	if got := r.rows(t, Origin{Topic: "$hw/events/device/default/stranger/twin/update"}, update); !strings.Contains(got, "stranger") {
		t.Errorf("after it was described: %s", got)
	}
}

func TestValuesAreWhatTheirTypeSaysOrNull(t *testing.T) {
	s := columns(false, value.Field{Name: "temperature", Type: intType}, value.Field{Name: "f", Type: floatType}, value.Field{Name: "b", Type: boolType},
		value.Field{Name: "s", Type: stringType}, value.Field{Name: "y", Type: value.Type{Kind: value.Bytes}}, value.Field{Name: "a", Type: value.ArrayOf(intType)},
		value.Field{Name: "o", Type: value.Type{Kind: value.Object}})
	for _, tt := range []struct {
		name, text, want string
		skipped          int
	}{
		{"temperature", `"25"`, "25", 0}, {"temperature", `"25.0"`, "25", 0}, {"temperature", `25`, "25", 0}, {"temperature", `"-40"`, "-40", 0},
		{"TEMPERATURE", `"7"`, "7", 0}, {"temperature", `"25.5"`, "null", 1}, {"temperature", `"x"`, "null", 1}, {"temperature", `"101"`, "null", 1},
		{"temperature", `"-41"`, "null", 1}, {"temperature", `""`, "null", 0}, {"temperature", "null", "null", 0}, {"temperature", `{}`, "null", 1},
		{"f", `"1e+02"`, "100", 0}, {"f", `"1.5"`, "1.5", 0}, {"f", `"NaN"`, "null", 1}, {"f", `"+Inf"`, "null", 1}, {"f", `"a"`, "null", 1},
		{"b", `"true"`, "true", 0}, {"b", `"False"`, "false", 0}, {"b", `true`, "true", 0}, {"b", `"ON"`, "null", 1}, {"b", `"1"`, "null", 1}, {"b", `""`, "null", 0},
		{"s", `"a \"b\""`, `"a \"b\""`, 0}, {"s", `""`, `""`, 0}, {"s", `12`, `"12"`, 0},
		{"y", `"aGk="`, `"aGk="`, 0}, {"y", `"raw!"`, `"cmF3IQ=="`, 0},
		{"a", `"[1,2,3]"`, "[1,2,3]", 0}, {"a", `"1"`, "null", 1}, {"o", `"{\"x\":1}"`, `{"x":1}`, 0},
	} {
		r := newReader(t, Config{Schema: s})
		name := strings.ToLower(tt.name)
		for what, payload := range map[string]string{
			"twin": `{"timestamp":1700000000000,"twin":{"` + tt.name + `":{"actual":{"value":` + tt.text + `}}}}`,
			"data": `{"timestamp":1700000000000,"data":{"` + tt.name + `":{"value":` + tt.text + `}}}`,
			"flat": `{"` + tt.name + `":` + tt.text + `}`,
		} {
			r.warned = nil
			want := fmt.Sprintf(`{"%s":%s} at %d`, name, tt.want, map[bool]int64{true: 0, false: 1700000000000}[what == "flat"])
			if got := r.rows(t, Origin{Topic: hw}, payload); got != want || len(r.warned) != tt.skipped {
				t.Errorf("%s %s: got %s, want %s; %q", what, payload, got, want, r.warned)
			}
		}
	}
	r := newReader(t, Config{Schema: s, Booleans: true})
	for text, want := range map[string]string{"ON": "true", "off": "false", "1": "true", "0": "false", "2": "null"} {
		if got := r.rows(t, Origin{Topic: hw}, `{"b":"`+text+`"}`); got != `{"b":`+want+`} at 0` {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

func TestTypesOfValuesWithoutColumn(t *testing.T) {
	r := newReader(t, Config{Schema: columns(true)})
	for payload, want := range map[string]string{
		`{"twin":{"x":{"actual":{"value":"1"},"metadata":{"type":"int"}}}}`:                                              `{"x":1}`,
		`{"twin":{"x":{"actual":{"value":"1"},"metadata":{"type":"Updated"}}}}`:                                          `{"x":"1"}`,
		`{"twin":{"temperature":{"actual":{"value":"1"},"metadata":{"type":"string"}}}}`:                                 `{"temperature":"1"}`, // the message knows best
		`{"twin":{"temperature":{"actual":{"value":"1"},"metadata":{"type":"updated"}}}}`:                                `{"temperature":1}`,
		`{"twin":{"x":{"actual":{"value":"1"},"metadata":{"type":"deleted"}},"y":null}}`:                                 `{"x":null,"y":null}`,
		`{"data":{"x":{"value":"true","metadata":{"type":"boolean"}},"y":{"value":"1.5","metadata":{"type":"double"}}}}`: `{"x":true,"y":1.5}`,
		`{"x":"text","y":2,"z":[1,{"a":null}]}`:                                                                          `{"x":"text","y":2,"z":[1,{"a":null}]}`,
		"{\"\\u0061b\":\"c\"}":                                                                                           `{"ab":"c"}`,
	} {
		if got := r.rows(t, Origin{Topic: hw}, payload); got != want+" at 0" {
			t.Errorf("%s: got %s, want %s", payload, got, want)
		}
	}
}

func TestTheTimeOfAValue(t *testing.T) {
	s := columns(false, value.Field{Name: "temperature", Type: intType})
	for payload, want := range map[string]string{
		`{"timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"1","metadata":{"timestamp":1697426001000}}}}}`:   "1697426001000",
		`{"timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"1","metadata":{"timestamp":"1697426001000"}}}}}`: "1697426001000",
		`{"timestamp":1597213444,"data":{"temperature":{"value":"1"}}}`:                                                        "1597213444000", // seconds
		`{"timestamp":-5,"data":{"temperature":{"value":"1"}}}`:                                                                "0",
		`{"timestamp":7,"data":{"temperature":{"value":"1"}}}`:                                                                 "0",
		`{"timestamp":9000000000000000000,"data":{"temperature":{"value":"1"}}}`:                                               "0",
		`{"data":{"temperature":{"value":"1"}}}`:                                                                               "0",
		`{"timestamp":"soon","temperature":"1"}`:                                                                               "0",
	} {
		r := newReader(t, Config{Schema: s})
		got := r.rows(t, Origin{Topic: hw}, payload)
		if got != `{"temperature":1} at `+want {
			t.Errorf("%s: got %s, want %s", payload, got, want)
		}
		if absurd := want == "0" && !strings.Contains(payload, "soon"); absurd != (len(r.warned) == 1) {
			t.Errorf("%s: warned %q", payload, r.warned)
		}
	}
	s = columns(false, value.Field{Name: Timestamp, Type: intType})
	if got := newReader(t, Config{Schema: s}).rows(t, Origin{Topic: hw}, `{"temperature":"1"}`); got != `{"timestamp":1800000000000} at 0` {
		t.Errorf("without a time: %s", got)
	}
}

func TestWhatMappersPush(t *testing.T) {
	s := columns(false, value.Field{Name: "temp", Type: intType}, value.Field{Name: DeviceID, Type: stringType})
	r := newReader(t, Config{Schema: s, Model: "beta1-model"})
	const want = `{"deviceId":"default/beta1-device","temp":25} at 1697454802000`
	if got := r.rows(t, Origin{Topic: "plant/temp"}, "time is 2023-10-16 11:13:22  plant/temp: 25"); got != want {
		t.Errorf("MQTT: got %s", got)
	}
	if got := r.rows(t, Origin{Topic: "/push/beta", HTTP: true}, "temp=25&time=2023-10-16 11:13:22"); got != want {
		t.Errorf("HTTP: got %s", got)
	}
	r = newReader(t, Config{Schema: columns(true)})
	if got := r.rows(t, Origin{Topic: "a/level"}, "time is 2023-10-16 11:13:22  a/level: 2: 3"); got != `{"level":"2: 3"} at 1697454802000` {
		t.Errorf("a topic of nobody: got %s", got)
	}
	for _, bad := range []string{"time is ", "time is yesterday  a/level: 2", "time is 2023-10-16 11:13:22  a"} {
		if got := r.rows(t, Origin{Topic: "a/level"}, bad); !strings.HasPrefix(got, "error: ") {
			t.Errorf("%q: got %s", bad, got)
		}
	}
}

func TestRowsAreCompletedWithTheLastValues(t *testing.T) {
	s := columns(false, value.Field{Name: "temperature", Type: intType}, value.Field{Name: "temperature-enable", Type: stringType})
	r := newReader(t, Config{Schema: s, Merge: true})
	other := strings.Replace(hw, "dev1", "dev2", 1)
	for _, step := range [][3]string{
		{hw, `{"temperature":"1"}`, `{"temperature":1} at 0`},
		{other, `{"temperature":"9"}`, `{"temperature":9} at 0`},
		{hw, `{"temperature-enable":"ON"}`, `{"temperature":1,"temperature-enable":"ON"} at 0`},
		{hw, `{"temperature":null}`, `{"temperature":null,"temperature-enable":"ON"} at 0`},
		{other, `{"temperature-enable":"OFF"}`, `{"temperature":9,"temperature-enable":"OFF"} at 0`},
	} {
		if got := r.rows(t, Origin{Topic: step[0]}, step[1]); got != step[2] {
			t.Errorf("%s: got %s, want %s", step[1], got, step[2])
		}
	}
}

// A mapper of KubeEdge 1.5 sends updates, which edgecore answers with documents.
// One that reports by DMI is heard by the documents alone.
func TestDocumentsCountWhereThereAreNoUpdates(t *testing.T) {
	r := newReader(t, Config{Schema: columns(false, value.Field{Name: "temperature", Type: intType}, value.Field{Name: "new", Type: intType})})
	document := func(property, val string) string {
		return `{"timestamp":1697426002500,"twin":{"` + property + `":{"last":null,"current":{"actual":{"value":"` + val + `"}}}}}`
	}
	for _, step := range [][3]string{
		{hw + "/document", document("temperature", "1"), `{"temperature":1} at 1697426002500`},
		{hw, `{"timestamp":1697426002500,"twin":{"temperature":{"expected":{"value":"7"}}}}`, ""}, // a desired value is no report
		{hw + "/document", document("temperature", "2"), `{"temperature":2} at 1697426002500`},
		{hw, `{"timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"3"}}}}`, `{"temperature":3} at 1697426002500`},
		{hw + "/document", document("temperature", "3"), ""},
		{hw + "/result", `{"timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"3"}}}}`, ""},
		{hw + "/document", document("new", "4"), `{"new":4} at 1697426002500`},
		{strings.Replace(hw, "dev1", "dev2", 1) + "/document", document("temperature", "5"), `{"temperature":5} at 1697426002500`},
	} {
		if got := r.rows(t, Origin{Topic: step[0]}, step[1]); got != step[2] {
			t.Errorf("%s %s: got %s, want %s", step[0], step[1], got, step[2])
		}
	}
}

func TestGarbageIsAnErrorOrNoRow(t *testing.T) {
	r := newReader(t, Config{Schema: columns(true)})
	for payload, want := range map[string]string{
		"": "error: ", "x": "error: ", "{": "error: ", `{"twin":{"a":`: "error: ", `{"a":1}x`: "error: ", "[1]": "error: ", `{"a":1,}`: "error: ",
		"{}": "", `{"twin":null}`: "", `{"twin":{}}`: "", `{"twin":7}`: "", `{"twin":{"a":7}}`: "", `{"twin":{"a":{"actual":null}}}`: "", `{"event_id":"x","timestamp":1}`: "",
	} {
		got := r.rows(t, Origin{Topic: hw}, payload)
		if want == "" && got != "" && !strings.Contains(payload, `"a":7`) || want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", payload, got, want)
		}
	}
}

func TestMetaTellsWhereARowCameFrom(t *testing.T) {
	r := newReader(t, Config{Schema: columns(true)})
	var b row.Batch
	if err := r.DecodeFrom([]byte(`{"event_id":"e","timestamp":1697426002500,"data":{"temperature":{"value":"1"}}}`), &Origin{Topic: ke, QoS: 1, ID: 7}, &b); err != nil {
		t.Fatal(err)
	}
	want := `{"deviceId":"default/dev1","eventId":"e","messageId":7,"model":"sensor-tag-model","qos":1,"timestamp":1697426002500,"topic":"` + ke + `","verb":"data/update"}`
	if got := shown(b.Rows[0].Meta.All()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

const update = `{"event_id":"123e4567-e89b-12d3-a456-426655440000","timestamp":1697426002500,"twin":{"temperature":{"actual":{"value":"25","metadata":{"timestamp":1697426002456}},"optional":false,"metadata":{"type":"int"}}}}`

func BenchmarkTwinUpdate(b *testing.B) {
	s := columns(false, value.Field{Name: "temperature", Type: intType}, value.Field{Name: "temperature-enable", Type: stringType}, value.Field{Name: DeviceID, Type: stringType})
	for _, noMeta := range []bool{true, false} {
		b.Run(fmt.Sprintf("meta=%v", !noMeta), func(b *testing.B) {
			r := newReader(b, Config{Schema: s, Model: "sensor-tag-model", NoMeta: noMeta})
			var into row.Batch
			p, from := []byte(update), &Origin{Topic: hw}
			b.ReportAllocs()
			for b.Loop() {
				into.Rows = into.Rows[:0]
				if err := r.DecodeFrom(p, from, &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(hw, update, false)
	f.Add("plant/temp", "time is 2023-10-16 11:13:22  plant/temp: 25", false)
	f.Add("/push/beta", "temp=25&time=2023-10-16 11:13:22", true)
	f.Add(ke, `{"data":{"temperature":{"value":"25","metadata":{"timestamp":1,"type":"int"}}}}`, false)
	r := newReader(f, Config{Schema: columns(true, value.Field{Name: "temperature", Type: intType}), Merge: true})
	f.Fuzz(func(_ *testing.T, topic, payload string, http bool) {
		var into row.Batch
		_ = r.DecodeFrom([]byte(payload), &Origin{Topic: topic, HTTP: http}, &into)
		for i := range into.Rows {
			_ = row.Object(r.schema, &into.Rows[i]).String()
		}
		r.warned = nil
	})
}
