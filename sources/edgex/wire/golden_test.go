package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// record is a line of a recording: payload is the message, payload_b64 if it
// is not JSON.
type record struct {
	Topic      string
	Channel    string
	Payload    json.RawMessage
	PayloadB64 []byte `json:"payload_b64"`
}

func (r record) message() []byte {
	if r.PayloadB64 != nil {
		return r.PayloadB64
	}
	return r.Payload
}

func readRecords(t testing.TB, file string) (rs []record) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		rs = append(rs, r)
	}
	return rs
}

// plainEvent decodes a message the slow way: generic decoders and the rules of
// the EdgeX documentation.
func plainEvent(t *testing.T, msg []byte) (event map[string]any, correlation string) {
	t.Helper()
	env := plainMap(t, msg)
	correlation, _ = env["correlationID"].(string)
	doc, ok := env["payload"].(map[string]any)
	if !ok {
		raw, err := base64.StdEncoding.DecodeString(env["payload"].(string))
		if err != nil {
			t.Fatal(err)
		}
		doc = plainMap(t, raw)
	}
	if event, ok := doc["event"].(map[string]any); ok {
		return event, correlation
	}
	return doc, correlation
}

func plainMap(t *testing.T, b []byte) (m map[string]any) {
	t.Helper()
	if b[0] == '{' {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	mode, err := cbor.DecOptions{DefaultMapType: nil}.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	var loose any
	if err := mode.Unmarshal(b, &loose); err != nil {
		t.Fatal(err)
	}
	return stringKeys(loose).(map[string]any)
}

func stringKeys(x any) any {
	switch x := x.(type) {
	case map[any]any:
		m := map[string]any{}
		for k, v := range x {
			m[k.(string)] = stringKeys(v)
		}
		return m
	case []any:
		for i := range x {
			x[i] = stringKeys(x[i])
		}
	}
	return x
}

// plainValue is what a reading must become, as plain Go.
func plainValue(t *testing.T, r map[string]any) any {
	t.Helper()
	typ := r["valueType"].(string)
	switch typ {
	case "Binary":
		if b, ok := r["binaryValue"].([]byte); ok {
			return b
		}
		b, err := base64.StdEncoding.DecodeString(r["binaryValue"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return b
	case "Object", "ObjectArray":
		return floats(r["objectValue"])
	}
	s := r["value"].(string)
	elem, isArray := strings.CutSuffix(typ, "Array")
	if !isArray {
		return plainScalar(t, typ, s)
	}
	out := []any{}
	if elem == "String" && strings.HasPrefix(s, `["`) {
		if err := json.Unmarshal([]byte(s), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if s = strings.Trim(s, "[]"); s == "" {
		return out
	}
	for _, e := range strings.Split(s, ", ") {
		out = append(out, plainScalar(t, elem, e))
	}
	return out
}

func plainScalar(t *testing.T, typ, s string) (x any) {
	t.Helper()
	var err error
	switch strings.TrimRight(typ, "123468") {
	case "Int", "Uint":
		n, e := strconv.ParseInt(s, 10, 64)
		if e == nil {
			return n
		}
		x, err = strconv.ParseUint(s, 10, 64)
	case "Float":
		x, err = strconv.ParseFloat(s, 64)
	case "Bool":
		x, err = strconv.ParseBool(s)
	default:
		x = s
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// floats turns every number into a float64, as schemaless streams have them.
func floats(x any) any {
	switch x := x.(type) {
	case json.Number:
		f, _ := x.Float64()
		return f
	case uint64:
		return float64(x)
	case int64:
		return float64(x)
	case []any:
		for i := range x {
			x[i] = floats(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = floats(x[k])
		}
	}
	return x
}

// same compares plain values; NaN equals NaN.
func same(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if !same(a[k], b[k]) {
				return false
			}
		}
		return true
	}
	return a == b
}

var eventFiles = []string{
	"v3-events.jsonl", "v3-events-cbor.jsonl", "v3-redis-events.jsonl", "v3-rules-events.jsonl",
	"v4-events.jsonl", "v4-events-base64.jsonl", "v4-events-cbor-envelope.jsonl",
	"v4-events-cbor-payload.jsonl", "v4-events-optimized.jsonl",
}

func TestEveryRecordedEventDecodesToItsTypedValues(t *testing.T) {
	for _, file := range eventFiles {
		t.Run(file, func(t *testing.T) {
			d := New(Config{Warn: func(w Warning) { t.Error(w) }})
			for i, rec := range readRecords(t, file) {
				var b row.Batch
				if err := d.Decode(rec.message(), &b); err != nil {
					t.Fatalf("record %d: %v", i, err)
				}
				checkEvent(t, rec, &b)
				if t.Failed() {
					t.Fatalf("record %d: %.300s", i, rec.message())
				}
			}
		})
	}
}

func checkEvent(t *testing.T, rec record, b *row.Batch) {
	t.Helper()
	event, correlation := plainEvent(t, rec.message())
	want := map[string]any{}
	var types []string
	for _, r := range event["readings"].([]any) {
		r := r.(map[string]any)
		name, ok := r["resourceName"].(string)
		if !ok {
			name = event["sourceName"].(string)
		}
		want[name] = plainValue(t, r)
		types = append(types, name+"->valueType", r["valueType"].(string))
	}
	got := b.Rows[0]
	if !same(want, got.Rest.Any()) {
		t.Errorf("got %v, want %v", got.Rest.Any(), want)
	}
	if ms := integer(event["origin"]) / 1e6; got.TS != ms {
		t.Errorf("event time %d, want %d", got.TS, ms)
	}
	for key, want := range map[string]any{
		"id": event["id"], "deviceName": event["deviceName"], "profileName": event["profileName"],
		"sourceName": event["sourceName"], "correlationid": correlation,
	} {
		if v := got.Meta.Key(key).Any(); v != want {
			t.Errorf("meta %s is %v, want %v", key, v, want)
		}
	}
	for i := 0; i < len(types); i += 2 {
		if v := got.Meta.Key(types[i]).Any(); v != types[i+1] {
			t.Errorf("meta %s is %v, want %v", types[i], v, types[i+1])
		}
	}
	if tags, _ := event["tags"].(map[string]any); len(tags) > 0 && !same(floats(tags), got.Meta.Key("tags").Any()) {
		t.Errorf("tags are %v, want %v", got.Meta.Key("tags").Any(), tags)
	}
	checkKinds(t, event, got.Rest)
}

func integer(x any) int64 {
	switch x := x.(type) {
	case json.Number:
		n, _ := x.Int64()
		return n
	case uint64:
		return int64(x)
	}
	return 0
}

// checkKinds tests that arrays of numbers are in their compact form.
func checkKinds(t *testing.T, event map[string]any, rest value.Value) {
	t.Helper()
	for _, r := range event["readings"].([]any) {
		r := r.(map[string]any)
		name, _ := r["resourceName"].(string)
		v, _ := rest.Lookup(name)
		want := map[string]value.Kind{
			"Int8Array": value.Ints, "Int64Array": value.Ints, "Uint16Array": value.Ints, "Float32Array": value.Floats,
			"Float64Array": value.Floats, "BoolArray": value.Array, "Binary": value.Bytes, "Bool": value.Bool,
			"Int8": value.Int, "Uint8": value.Int, "Float32": value.Float, "String": value.String,
		}
		if k, ok := want[r["valueType"].(string)]; ok && name != "" && v.Kind() != k {
			t.Errorf("%s of type %s is of kind %v", name, r["valueType"], v.Kind())
		}
	}
}

// encodingRecord is one reading as EdgeX's own code encodes the Go value in Go.
type encodingRecord struct {
	Go, Note, ValueType string
	Reading             json.RawMessage
}

func TestEveryEncodingOfAReadingDecodesToTheValueThatWentIn(t *testing.T) {
	for _, file := range []string{"v3-reading-encodings.jsonl", "v4-reading-encodings.jsonl"} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile("../testdata/" + file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range bytes.Split(bytes.TrimSpace(data), []byte("\n")) {
				var rec encodingRecord
				if err := json.Unmarshal(line, &rec); err != nil {
					t.Fatal(err)
				}
				checkEncoding(t, file, rec)
			}
		})
	}
}

func checkEncoding(t *testing.T, file string, rec encodingRecord) {
	t.Helper()
	msg := `{"deviceName":"D","profileName":"P","sourceName":"S","origin":1700000000000000000,"readings":[` + string(rec.Reading) + `]}`
	var b row.Batch
	if err := New(Config{Warn: func(w Warning) { t.Error(w) }}).Decode([]byte(msg), &b); err != nil {
		t.Fatalf("%s: %v", rec.Reading, err)
	}
	got := b.Rows[0].Rest.Members()[0].Val
	var want any
	switch {
	case rec.Note == "null reading":
		if !got.IsNull() || !got.Present() {
			t.Errorf("%s: got %v", rec.Reading, got)
		}
		return
	case rec.Go == "":
		want = map[string]any{
			"Binary": []byte{0, 1, 2, 250, 255}, "ObjectArray": []any{map[string]any{"a": 1.0}, map[string]any{"a": 2.0}},
			"Object":  map[string]any{"a": 1.0, "b": []any{1.0, 2.0}, "c": map[string]any{"d": "e"}},
			"Float64": 1.5,
		}[rec.ValueType]
	case strings.HasPrefix(file, "v3") && rec.ValueType == "StringArray" && rec.Note == "":
		want = []any{"a", "b", "c", "d,e", `f"g`, "中"} // as recorded: EdgeX 3 itself split "b c" up
	case strings.HasPrefix(file, "v3") && rec.Note == "one empty":
		want = []any{}
	default:
		want = goLiteral(t, rec.Go, rec.ValueType)
	}
	if !near(got.Any(), want, strings.HasPrefix(file, "v3")) {
		t.Errorf("%s: got %v (%v), want %v", rec.Reading, got.Any(), got.Kind(), want)
	}
}

// goLiteral evaluates a Go literal such as []float32{1, 2.5, NaN}.
func goLiteral(t *testing.T, lit, valueType string) any {
	t.Helper()
	_, list, ok := strings.Cut(lit, "{")
	if !ok {
		return goScalar(t, lit, valueType)
	}
	out := []any{}
	if list = strings.TrimSuffix(list, "}"); list == "" {
		return out
	}
	for _, e := range strings.Split(list, ", ") {
		out = append(out, goScalar(t, e, strings.TrimSuffix(valueType, "Array")))
	}
	return out
}

func goScalar(t *testing.T, lit, valueType string) any {
	t.Helper()
	switch {
	case valueType == "String":
		s, err := strconv.Unquote(lit)
		if err != nil {
			t.Fatal(err)
		}
		return s
	case strings.HasPrefix(lit, "0x"):
		n, err := strconv.ParseUint(lit, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		if n <= math.MaxInt64 {
			return int64(n)
		}
		return n
	}
	return plainScalar(t, valueType, lit)
}

// near allows for the six digits that EdgeX 3 gives a float.
func near(got, want any, rounded bool) bool {
	g, ok1 := got.(float64)
	w, ok2 := want.(float64)
	if ok1 && ok2 && rounded && !math.IsNaN(w) && !math.IsInf(w, 0) {
		return math.Abs(g-w) <= math.Abs(w)*1e-6 || math.Abs(g-w) < 1e-44
	}
	gs, ok1 := got.([]any)
	ws, ok2 := want.([]any)
	if !ok1 || !ok2 || len(gs) != len(ws) {
		return same(got, want)
	}
	for i := range gs {
		if !near(gs[i], ws[i], rounded) {
			return false
		}
	}
	return true
}
