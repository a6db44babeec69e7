package wire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// eventWith is a bare event with the readings given as JSON.
func eventWith(readings ...string) []byte {
	return []byte(`{"id":"e1","deviceName":"press-01","profileName":"press","sourceName":"Snapshot","origin":1700000000123456789,` +
		`"readings":[` + strings.Join(readings, ",") + `]}`)
}

func plainReading(name, valueType, text string) string {
	return fmt.Sprintf(`{"resourceName":%q,"valueType":%q,"value":%q}`, name, valueType, text)
}

func decodeOne(t *testing.T, cfg Config, msg []byte) row.Row {
	t.Helper()
	var b row.Batch
	if err := New(cfg).Decode(msg, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Rows) != 1 {
		t.Fatalf("%d rows", len(b.Rows))
	}
	return b.Rows[0]
}

func TestTheKindOfMessageIsFoundFromTheMessage(t *testing.T) {
	event := string(eventWith(plainReading("T", "Int8", "7")))
	request := `{"apiVersion":"v3","requestId":"r","event":` + event + `}`
	b64 := base64.StdEncoding.EncodeToString([]byte(request))
	for name, msg := range map[string]string{
		"bare event":                         event,
		"bare request":                       request,
		"envelope with object":               `{"payload":` + event + `}`,
		"envelope with request":              `{"errorCode":0,"payload":` + request + `}`,
		"envelope with base64":               `{"contentType":"application/json; charset=utf-8","payload":"` + b64 + `"}`,
		"base64 with escaped slashes":        `{"payload":"` + strings.ReplaceAll(b64, "/", `\/`) + `"}`,
		"payload before the rest":            `{"payload":"` + b64 + `","errorCode":0,"correlationID":"c"}`,
		"EdgeX 2 capitals":                   `{"ReceivedTopic":"","CorrelationID":"c","ApiVersion":"v2","Payload":"` + b64 + `","ContentType":"application/json"}`,
		"white space everywhere":             " {\n \"payload\" :\t{ \"event\" : " + event + " } }\r\n",
		"base64 of an indented request":      `{"payload":"` + base64.StdEncoding.EncodeToString([]byte("\n "+request)) + `"}`,
		"unknown members, some of them deep": `{"x":[{"a":"]}"}],"event":` + event + `,"y":-1.5e3,"z":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := decodeOne(t, Config{}, []byte(msg))
			if v, _ := r.Rest.Lookup("T"); v.Kind() != value.Int || v.Int() != 7 {
				t.Errorf("got %v", r.Rest)
			}
			if got := r.Meta.Key("deviceName").Str(); got != "press-01" {
				t.Errorf("device %q", got)
			}
			if got := r.Meta.Key("T->valueType").Str(); got != "Int8" {
				t.Errorf("value type %q", got)
			}
			if r.TS != 1700000000123 {
				t.Errorf("time %d", r.TS)
			}
		})
	}
}

func TestReadingsAreTypedByTheirValueType(t *testing.T) {
	for _, tt := range []struct {
		valueType, text string
		want            value.Value
	}{
		{"Int64", "-9223372036854775808", value.OfInt(math.MinInt64)},
		{"Uint64", "18446744073709551615", value.OfUint(math.MaxUint64)},
		{"uint64", "18446744073709551615", value.OfUint(math.MaxUint64)},
		{"Float32", "6.452435e+01", value.OfFloat(64.52435)},
		{"Float64", "1.7976931348623157e+308", value.OfFloat(math.MaxFloat64)},
		{"Float64", "-Inf", value.OfFloat(math.Inf(-1))},
		{"Float64", "-0.000000e+00", value.OfFloat(math.Copysign(0, -1))},
		{"BOOL", "TRUE", value.True},
		{"String", `tab	"quote" \ 中`, value.OfString("tab\t\"quote\" \\ 中")},
		{"Int16Array", "[]", value.OfInts(nil)},
		{"Int16Array", "[1,-2 , 3]", value.OfInts([]int64{1, -2, 3})},
		{"Int16Array", "[1, null]", value.OfArray([]value.Value{value.OfInt(1), value.ExplicitNull})},
		{"Uint64Array", "[0, 18446744073709551615]", value.OfArray([]value.Value{value.OfInt(0), value.OfUint(math.MaxUint64)})},
		{"Float32Array", `["1.5", 2]`, value.OfFloats([]float64{1.5, 2})},
		{"float32array", "[1e+00]", value.OfFloats([]float64{1})},
		{"BoolArray", "[true, false]", value.OfArray([]value.Value{value.True, value.False})},
		{"StringArray", "[a, b c, d,e]", strs("a", "b c", "d,e")},
		{"StringArray", `["a","b, c"]`, strs("a", "b, c")},
		{"StringArray", `["a", b]`, strs(`"a"`, "b")},
		{"StringArray", `["a\"\u4e2d"]`, strs(`a"中`)},
		{"Mystery", "kept as text", value.OfString("kept as text")},
	} {
		t.Run(tt.valueType+" "+tt.text, func(t *testing.T) {
			got, _ := decodeOne(t, Config{}, eventWith(plainReading("X", tt.valueType, tt.text))).Rest.Lookup("X")
			if got.Kind() != tt.want.Kind() || !value.Equal(got, tt.want) {
				t.Errorf("got %v %v, want %v %v", got.Kind(), got, tt.want.Kind(), tt.want)
			}
		})
	}
}

func strs(ss ...string) value.Value {
	vs := make([]value.Value, len(ss))
	for i, s := range ss {
		vs[i] = value.OfString(s)
	}
	return value.OfArray(vs)
}

func TestNumbersMayComeWithoutQuotes(t *testing.T) {
	r := decodeOne(t, Config{}, eventWith(
		`{"resourceName":"i","valueType":"Int32","value":-5}`, `{"resourceName":"f","valueType":"Float64","value":2}`,
		`{"resourceName":"fs","valueType":"Float32Array","value":[1, 2.5]}`, `{"resourceName":"is","valueType":"Uint8Array","value":[1,2]}`,
		`{"resourceName":"b","valueType":"Bool","value":true}`))
	want := map[string]any{"i": int64(-5), "f": 2.0, "fs": []any{1.0, 2.5}, "is": []any{int64(1), int64(2)}, "b": true}
	if !same(want, r.Rest.Any()) {
		t.Errorf("got %v", r.Rest.Any())
	}
}

func TestTheSameEventInCBORGivesTheSameRow(t *testing.T) {
	var readings []any
	for name, v := range map[string][2]any{
		"i": {"Int8", "-5"}, "fs": {"Float32Array", "[1.5, NaN]"}, "n": {"Float64", nil}, "native": {"Int64", 77}, "nf": {"Float64", float32(0.5)},
	} {
		readings = append(readings, map[string]any{"resourceName": name, "valueType": v[0], "value": v[1]})
	}
	readings = append(readings,
		map[string]any{"resourceName": "bin", "valueType": "Binary", "binaryValue": []byte{1, 2}, "mediaType": "image/png"},
		map[string]any{"resourceName": "obj", "valueType": "Object", "objectValue": map[string]any{"a": 1, "b": []any{true, nil, -2.5, uint64(math.MaxUint64)}, "c": []byte{9}}})
	event := map[string]any{"deviceName": "d", "sourceName": "s", "origin": uint64(1700000000000000000), "readings": readings, "tags": map[string]any{"line": 1}}
	for _, float := range []cbor.ShortestFloatMode{cbor.ShortestFloatNone, cbor.ShortestFloat16} {
		enc, err := cbor.EncOptions{ShortestFloat: float}.EncMode()
		if err != nil {
			t.Fatal(err)
		}
		msg, err := enc.Marshal(map[string]any{"payload": map[string]any{"event": event}, "contentType": "application/cbor"})
		if err != nil {
			t.Fatal(err)
		}
		r := decodeOne(t, Config{}, msg)
		want := map[string]any{"i": int64(-5), "fs": []any{1.5, math.NaN()}, "n": nil, "native": int64(77), "nf": 0.5, "bin": []byte{1, 2},
			"obj": map[string]any{"a": 1.0, "b": []any{true, nil, -2.5, uint64(math.MaxUint64)}, "c": []byte{9}}}
		if !same(want, r.Rest.Any()) {
			t.Errorf("got %v", r.Rest.Any())
		}
		if got := r.Meta.Key("bin->mediaType").Str(); got != "image/png" {
			t.Errorf("media type %q", got)
		}
		if got := r.Meta.Key("tags->line").String(); got != "1" || r.TS != 1700000000000 {
			t.Errorf("tag %q, time %d", got, r.TS)
		}
	}
}

func TestCBORWithOpenLengthsIsRead(t *testing.T) {
	// {_ "readings": [_ {_ "resourceName": (_ "T" "x"), "valueType": "Int8", "value": "5"}]}
	msg := []byte("\xbf\x68readings\x9f\xbf\x6cresourceName\x7f\x61T\x61x\xff\x69valueType\x64Int8\x65value\x615\xff\xff\xff")
	if v, _ := decodeOne(t, Config{}, msg).Rest.Lookup("Tx"); v.Int() != 5 {
		t.Errorf("got %v", v)
	}
}

func TestMembersLeftOutAreFilledInFromTheEvent(t *testing.T) {
	for _, msg := range []string{
		`{"sourceName":"T","deviceName":"d","profileName":"p","origin":1700000000000000000,"readings":[{"valueType":"Int8","value":"1"}]}`,
		`{"readings":[{"valueType":"Int8","value":"1"}],"deviceName":"d","profileName":"p","origin":1700000000000000000,"sourceName":"T"}`,
	} {
		r := decodeOne(t, Config{}, []byte(msg))
		want := `map[deviceName:d origin:1700000000000000000 profileName:p valueType:Int8]`
		if got := r.Meta.Key("T").String(); got != want {
			t.Errorf("got %s", got)
		}
		if v, _ := r.Rest.Lookup("T"); v.Int() != 1 {
			t.Errorf("got %v", r.Rest)
		}
	}
}

func TestOnlyWantedColumnsAreDecoded(t *testing.T) {
	s := &row.Schema{Cols: []value.Field{{Name: "b"}, {Name: "missing"}, {Name: "a"}}}
	warned := 0
	r := decodeOne(t, Config{Schema: s, Warn: func(Warning) { warned++ }}, eventWith(
		plainReading("a", "Int8", "1"), plainReading("unwanted", "Int8", "not a number"), plainReading("b", "String", "x")))
	if r.Cols[0].Str() != "x" || r.Cols[1].Present() || r.Cols[2].Int() != 1 || r.Rest.Len() != 0 || warned != 0 {
		t.Errorf("got %v, rest %v, %d warnings", r.Cols, r.Rest, warned)
	}
}

func TestColumnsFollowReadingsThatComeInAnotherOrder(t *testing.T) {
	d := New(Config{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}, {Name: "b"}}, Open: true}})
	var b row.Batch
	for i := range 6 {
		rs := []string{plainReading("a", "Int8", "1"), plainReading("b", "Int8", "2"), plainReading("c", "Int8", "3")}
		rs[i%3], rs[(i+1)%3] = rs[(i+1)%3], rs[i%3]
		if err := d.Decode(eventWith(rs...), &b); err != nil {
			t.Fatal(err)
		}
		r := b.Rows[i]
		if c, _ := r.Rest.Lookup("c"); r.Cols[0].Int() != 1 || r.Cols[1].Int() != 2 || c.Int() != 3 {
			t.Errorf("row %d: %v %v", i, r.Cols, r.Rest)
		}
	}
}

func TestTheLastReadingOfANameWins(t *testing.T) {
	msg := eventWith(plainReading("a", "Int8", "1"), plainReading("a", "String", "two"))
	r := decodeOne(t, Config{Schema: &row.Schema{Cols: []value.Field{{Name: "a"}}}}, msg)
	open := decodeOne(t, Config{}, msg)
	if v, _ := open.Rest.Lookup("a"); r.Cols[0].Str() != "two" || v.Str() != "two" {
		t.Errorf("got %v and %v", r.Cols[0], v)
	}
	if got := r.Meta.Key("a->valueType").Str(); got != "String" {
		t.Errorf("meta of the %s", got)
	}
}

func TestValuesAreCastToTheDeclaredColumnType(t *testing.T) {
	floatsCol := value.ArrayOf(value.Type{Kind: value.Float})
	for _, tt := range []struct {
		reading string
		col     value.Type
		want    value.Value
		ok      bool
	}{
		{plainReading("x", "Int8", "3"), value.Type{Kind: value.Float}, value.OfFloat(3), true},
		{plainReading("x", "Float64", "3e+00"), value.Type{Kind: value.Int}, value.OfInt(3), true},
		{plainReading("x", "Float64", "3.5e+00"), value.Type{Kind: value.Int}, value.Value{}, false},
		{plainReading("x", "String", "12"), value.Type{Kind: value.Int}, value.OfInt(12), true},
		{plainReading("x", "String", "ON"), value.Type{Kind: value.Bool}, value.Value{}, false},
		{plainReading("x", "Int8", "1"), value.Type{Kind: value.Bool}, value.True, true},
		{plainReading("x", "Bool", "true"), value.Type{Kind: value.String}, value.OfString("true"), true},
		{plainReading("x", "Uint64", "18446744073709551615"), value.Type{Kind: value.Int}, value.OfUint(math.MaxUint64), true},
		{plainReading("x", "Int8Array", "[1, 2]"), floatsCol, value.OfFloats([]float64{1, 2}), true},
		{plainReading("x", "StringArray", "[1, 2]"), floatsCol, value.OfFloats([]float64{1, 2}), true},
		{plainReading("x", "StringArray", "[a]"), floatsCol, value.Value{}, false},
		{plainReading("x", "Int8", "3"), floatsCol, value.Value{}, false},
		{plainReading("x", "String", "AAE="), value.Type{Kind: value.Bytes}, value.OfBytes([]byte{0, 1}), true},
		{`{"resourceName":"x","valueType":"Object","objectValue":{"a":1,"b":"z"}}`,
			value.Type{Kind: value.Object, Fields: []value.Field{{Name: "a", Type: value.Type{Kind: value.Int}}}},
			value.OfObject([]value.Member{{Name: "a", Val: value.OfInt(1)}}), true},
		{`{"resourceName":"x","valueType":"Int8","value":null}`, value.Type{Kind: value.Int}, value.ExplicitNull, true},
	} {
		t.Run(tt.reading+" as "+tt.col.String(), func(t *testing.T) {
			var warned []Warning
			s := &row.Schema{Cols: []value.Field{{Name: "x", Type: tt.col}}}
			r := decodeOne(t, Config{Schema: s, Warn: func(w Warning) { warned = append(warned, w) }}, eventWith(tt.reading))
			if got := r.Cols[0]; got.Kind() != tt.want.Kind() || !value.Equal(got, tt.want) || got.Present() != tt.want.Present() {
				t.Errorf("got %v %v", got.Kind(), got)
			}
			if (len(warned) == 0) != tt.ok || !tt.ok && warned[0].Column != tt.col.String() {
				t.Errorf("warnings %v", warned)
			}
			strict := New(Config{Schema: s, Strict: true}).Decode(eventWith(tt.reading), &row.Batch{})
			if (strict == nil) != tt.ok {
				t.Errorf("strict: %v", strict)
			}
		})
	}
}

func TestAnUnreadableReadingIsSkippedAndTheRowKept(t *testing.T) {
	for _, bad := range []string{
		plainReading("bad", "Int8", "1.5"), plainReading("bad", "Int8", ""), plainReading("bad", "Float32", "1e39"),
		plainReading("bad", "Bool", "ON"), plainReading("bad", "Int8Array", "1, 2"), plainReading("bad", "Float64Array", "[x]"),
		plainReading("bad", "Uint64", "18446744073709551616"), plainReading("bad", "ObjectArray", "[]"),
		`{"resourceName":"bad","valueType":"Binary","binaryValue":"!!"}`, `{"resourceName":"bad","valueType":"Object"}`,
		`{"resourceName":"bad","valueType":"Int8"}`, `{"resourceName":"bad","valueType":"Int8","value":{"a":1}}`,
	} {
		var warned []Warning
		r := decodeOne(t, Config{Warn: func(w Warning) { warned = append(warned, w) }}, eventWith(bad, plainReading("good", "Int8", "1")))
		if len(warned) != 1 || warned[0].Resource != "bad" || warned[0].Device != "press-01" || r.Rest.Len() != 1 {
			t.Errorf("%s: warnings %v, rest %v", bad, warned, r.Rest)
		}
		if err := New(Config{}).Decode(eventWith(bad), &row.Batch{}); !errors.Is(err, ErrNoReadings) {
			t.Errorf("%s alone: %v", bad, err)
		}
	}
}

func TestRowsWithoutMetaKeepNothingOfTheMessage(t *testing.T) {
	d := New(Config{NoMeta: true})
	msg := eventWith(plainReading("s", "String", "first"), plainReading("a", "StringArray", "[x, y]"),
		`{"resourceName":"o","valueType":"Object","objectValue":{"k":"v"}}`)
	env := []byte(`{"payload":"` + base64.StdEncoding.EncodeToString(msg) + `"}`)
	var b row.Batch
	if err := d.Decode(env, &b); err != nil {
		t.Fatal(err)
	}
	want := b.Rows[0].Rest.String()
	other := []byte(`{"payload":"` + base64.StdEncoding.EncodeToString(bytes.ReplaceAll(msg, []byte("first"), []byte("OTHER"))) + `"}`)
	if err := d.Decode(other, &b); err != nil {
		t.Fatal(err)
	}
	if got := b.Rows[0].Rest.String(); got != want || b.Rows[0].Meta != nil || !strings.Contains(want, "first") {
		t.Errorf("the first row became %s", got)
	}
}

func TestMessagesThatAreNoEventSayWhatTheyAre(t *testing.T) {
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	for _, tt := range []struct{ name, msg, want string }{
		{"empty", "", "neither JSON nor CBOR"},
		{"text", "hello", `it begins with "hello"`},
		{"array", "[1]", "neither JSON nor CBOR"},
		{"no event", `{"a":1}`, ErrNotEvent.Error()},
		{"no readings", `{"deviceName":"d","readings":[]}`, `device "d"`},
		{"null readings", `{"deviceName":"d","readings":null}`, ErrNoReadings.Error()},
		{"error answer", `{"errorCode":1,"payload":"ZGV2aWNlIG5vdCBmb3VuZA==","contentType":"text/plain"}`, "code 1"},
		{"bad base64", `{"payload":"@@@@"}`, "payload is not base64"},
		{"base64 of text", `{"payload":"aGVsbG8="}`, `payload is neither JSON nor CBOR: it begins with "hello"`},
		{"cut in a string", `{"event":{"deviceName":"d`, `expected '"' at byte 25, found the end`},
		{"cut in a list", `{"event":{"readings":[{"value":"1"}`, "found the end"},
		{"missing colon", `{"event" {}}`, `expected ':' at byte 9, found '{'`},
		{"missing comma", `{"readings":[] "a":1}`, `at byte 15`},
		{"wrong bracket", `{"readings":[{"resourceName":"a","value":"1"]]}`, "at byte 32 of the readings, found ']'"},
		{"bare word", `{"a":nope}`, "expected a value at byte 5"},
		{"readings of text", `{"readings":"x"}`, "expected an array"},
		{"reading of text", `{"readings":["x"]}`, "expected an object at byte 1 of the readings"},
		{"reading of text behind its source", `{"sourceName":"s","readings":["x"]}`, "expected an object at byte 30"},
		{"tags nested too deep to matter", `{"tags":{"x":` + deep + `}}`, ErrNotEvent.Error()},
		{"truncated CBOR", "\xa1\x68read", "a string of 8 bytes is announced, but only 4 follow"},
		{"CBOR map of nothing", "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "announced"},
		{"CBOR array of nothing", "\xa1\x68readings\x9a\xff\xff\xff\xff", "4294967295 values are announced, but only 0 bytes follow"},
		{"CBOR string of nothing", "\xa1\x68readings\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "a string of 9223372036854775807 bytes is announced, but only 0 follow"},
		{"CBOR reserved length", "\xa1\x1c\x00", "invalid CBOR item 0x1c"},
		{"CBOR bottomless", "\xa1\x61a" + strings.Repeat("\x81", 5000), "64 levels"},
		{"CBOR in base64 cut short", `{"payload":"` + base64.StdEncoding.EncodeToString([]byte("\xa1\x65event\xa1")) + `"}`, "payload (CBOR, 8 bytes)"},
		{"too large", `{"a":"` + strings.Repeat("x", MaxMessage) + `"}`, "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b row.Batch
			err := New(Config{}).Decode([]byte(tt.msg), &b)
			if err == nil || !strings.Contains(err.Error(), tt.want) || len(b.Rows) != 0 {
				t.Errorf("got error %v, %d rows, want %s", err, len(b.Rows), tt.want)
			}
		})
	}
}

func TestHugeReadingsAreRefusedBeforeTheyCostMuchMemory(t *testing.T) {
	many := "[" + strings.Repeat("1,", maxElements) + "1]"
	for name, reading := range map[string]string{
		"numbers": plainReading("x", "BoolArray", many),
		"objects": `{"resourceName":"x","valueType":"ObjectArray","objectValue":` + many + `}`,
		"nested":  `{"resourceName":"x","valueType":"Object","objectValue":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
	} {
		err := New(Config{}).Decode(eventWith(reading), &row.Batch{})
		if !errors.Is(err, ErrNoReadings) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryBeginningOfAMessageIsAnErrorOrARow(t *testing.T) {
	for _, file := range []string{"v3-events.jsonl", "v4-events.jsonl", "v4-events-cbor-envelope.jsonl", "v4-events-cbor-payload.jsonl"} {
		msg := readRecords(t, file)[0].message()
		d := New(Config{})
		for n := range msg {
			var b row.Batch
			if err := d.Decode(msg[:n:n], &b); (err == nil) != (len(b.Rows) == 1) {
				t.Fatalf("%s cut at %d: error %v, %d rows", file, n, err, len(b.Rows))
			}
		}
	}
}

func TestMessagesOfOtherKindsAreNotTakenForEvents(t *testing.T) {
	for _, file := range []string{"v3-system-events.jsonl", "v4-system-events.jsonl", "v3-telemetry.jsonl", "v3-request-response.jsonl"} {
		for i, rec := range readRecords(t, file) {
			if err := New(Config{}).Decode(rec.message(), &row.Batch{}); err == nil {
				t.Errorf("%s record %d gave a row", file, i)
			}
		}
	}
}

func TestMetaStarHasEveryEntry(t *testing.T) {
	msg := []byte(`{"correlationID":"c1","payload":{"event":{"id":"e1","deviceName":"d","profileName":"p","sourceName":"s","origin":1700000000000000001,` +
		`"tags":{"line":1,"at":{"hall":"A"}},"readings":[{"id":"r1","origin":5,"resourceName":"T","valueType":"Binary","mediaType":"m","units":"Cel","binaryValue":"AA=="}]}}}`)
	m := decodeOne(t, Config{}, msg).Meta
	want := map[string]any{"id": "e1", "deviceName": "d", "profileName": "p", "sourceName": "s", "origin": int64(1700000000000000001),
		"correlationid": "c1", "tags": map[string]any{"line": 1.0, "at": map[string]any{"hall": "A"}},
		"T": map[string]any{"id": "r1", "origin": int64(5), "deviceName": "d", "profileName": "p", "valueType": "Binary", "mediaType": "m"}}
	if got := m.All().Any(); !same(want, got) {
		t.Errorf("got %v", got)
	}
	for key, want := range map[string]any{"T->units": "Cel", "T->origin": int64(5), "T->nosuch": nil, "nosuch": nil, "nosuch->id": nil, "tags->line": 1.0} {
		if got := m.Key(key).Any(); got != want {
			t.Errorf("meta(%s) is %v", key, got)
		}
	}
	if bare := decodeOne(t, Config{}, eventWith(plainReading("a", "Int8", "1"))).Meta; bare.Key("tags").Present() || bare.All().Len() != 7 {
		t.Errorf("without tags: %v", bare.All())
	}
}

func TestOriginsOfEdgeX1AreMilliseconds(t *testing.T) {
	r := decodeOne(t, Config{}, []byte(`{"device":"d","origin":1700000000123,"readings":[{"name":"T","valueType":"Int8","value":"1"}]}`))
	if v, _ := r.Rest.Lookup("T"); r.TS != 1700000000123 || v.Int() != 1 || r.Meta.Key("deviceName").Str() != "d" {
		t.Errorf("got %v at %d", r.Rest, r.TS)
	}
}

func TestOriginsThatCannotBeAreNotBelieved(t *testing.T) {
	for origin, want := range map[string]int64{
		"1700000000123456789": 1700000000123, "1700000000123": 1700000000123, "1700086400000": 1700086400000,
		"0": 0, "-5": 0, "1": 0, "1700100000000000000": 0, "9223372036854775807": 0,
	} {
		var warned []string
		cfg := Config{Now: func() int64 { return 1700000001000 }, Warn: func(w Warning) { warned = append(warned, w.String()) }}
		r := decodeOne(t, cfg, []byte(`{"deviceName":"d","origin":`+origin+`,"readings":[{"resourceName":"T","valueType":"Int8","value":"1"}]}`))
		if r.TS != want || (want == 0) != (len(warned) == 1 && strings.Contains(warned[0], "origin "+origin)) {
			t.Errorf("%s: %d, warned %q", origin, r.TS, warned)
		}
	}
}

func TestEscapesInTextsAreResolved(t *testing.T) {
	for in, want := range map[string]string{
		`a\nb\t\"\\\/\b\f\r`: "a\nb\t\"\\/\b\f\r", `\u4e2d\ud83d\ude00`: "中😀", `\ud83dx`: "\uFFFDx", `\uZZZZ`: "\uFFFDZZZZ", `tail\\`: `tail\`,
	} {
		r := decodeOne(t, Config{}, eventWith(`{"resourceName":"x","valueType":"String","value":"`+in+`"}`))
		if v, _ := r.Rest.Lookup("x"); v.Str() != want {
			t.Errorf("%s: got %q", in, v.Str())
		}
	}
}

func TestShortFloatsAreExact(t *testing.T) {
	for _, s := range []string{"3.141593e+00", "1e+02", "-9.97594e-22", "123456789012345e+22", "0.1", "2.3", "1e-22", "9007199254740993", "1.7976931348623157e308"} {
		got, ok := parseFloat([]byte(s))
		want := plainScalar(t, "Float64", s).(float64)
		if !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v", s, got)
		}
	}
}
