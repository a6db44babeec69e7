package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// decodeAnything decodes with several sets of wanted columns, which must agree
// on whether there is a row, and touches all of the result.
func decodeAnything(t *testing.T, msg []byte) {
	var all, some row.Batch
	errAll := New(Config{}).Decode(msg, &all)
	s := &row.Schema{Cols: []value.Field{{Name: "Temperature", Type: value.Type{Kind: value.Int}}}, Open: true}
	errSome := New(Config{Schema: s, NoMeta: true}).Decode(msg, &some)
	if (errAll == nil) != (errSome == nil) || (errAll == nil) != (len(all.Rows) == 1) {
		t.Fatalf("%v and %v, %d rows", errAll, errSome, len(all.Rows))
	}
	for _, r := range all.Rows {
		_ = r.Rest.String()
		_ = r.Meta.All().String()
	}
	for _, r := range some.Rows {
		_ = r.Rest.String()
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, file := range eventFiles {
		f.Add(readRecords(f, file)[0].message())
	}
	f.Fuzz(decodeAnything)
}

func FuzzEventJSON(f *testing.F) {
	f.Add([]byte(eventWith(plainReading("Temperature", "Float32Array", "[1.5, NaN]"))))
	for _, rec := range readRecords(f, "v4-events.jsonl")[:40] {
		f.Add([]byte(rec.Payload))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		decodeAnything(t, append([]byte{'{'}, event...))
		decodeAnything(t, []byte(`{"payload":"`+base64.StdEncoding.EncodeToString(event)+`"}`))
	})
}

func FuzzEventCBOR(f *testing.F) {
	for _, rec := range readRecords(f, "v4-events-cbor-envelope.jsonl")[:20] {
		f.Add(rec.message())
	}
	f.Add([]byte("\xbf\x68readings\x9f\xbf\x6cresourceName\x7f\x61T\x61x\xff\x69valueType\x64Int8\x65value\x615\xff\xff\xff"))
	f.Fuzz(decodeAnything)
}

// FuzzFloat compares the short way with strconv.
func FuzzFloat(f *testing.F) {
	f.Add("3.141593e+00")
	f.Add("-1e-22")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := shortFloat([]byte(s))
		if !ok {
			return
		}
		want, err := strconv.ParseFloat(s, 64)
		if err != nil || math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%q: got %v, want %v %v", s, got, want, err)
		}
	})
}
