package json

import (
	"bytes"
	stdjson "encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// FuzzDecode: the decoder takes exactly the objects encoding/json takes, finds
// the same members, and does so whatever it has seen before.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"deviceId":"dev_042","temperature":23.50,"humidity":7}`, `{"humidity" : null, "deviceId":"x\n"}`,
		`[{"a":1},{"b":{"c":[1,2,"3"]}}]`, `{"a":1}{"a":2}`, `{"a":1,"a":2}`, `{}`, `{"":{"":[]}}`, `{"a":tru}`, `{"a":1{"a":2}`,
		"{\"a\":1}\n{\"b\":2}\ngarbage\n{\"a\":3}", `{"temperature":1e5,"temperature":-0.0}`, `{"\u0061":1}`, `[1]`, `nul`,
	} {
		f.Add([]byte(s), []byte(`{"a":1,"deviceId":"x","temperature":1}`))
	}
	s := schema(true, "deviceId", "temperature", "a")
	f.Fuzz(func(t *testing.T, p, before []byte) {
		d := newDecoder(t, format.Config{Schema: s})
		var batch row.Batch
		d.DecodeLines(before, &batch, func(error) {})
		batch.Rows = nil
		err := d.Decode(p, &batch)
		if bytes.Count(p, []byte("["))+bytes.Count(p, []byte("{")) > jsontext.MaxDepth || !utf8.Valid(p) {
			return
		}
		var want map[string]any
		if wantErr := stdjson.Unmarshal(p, &want); wantErr != nil || want == nil {
			if err == nil && bytes.HasPrefix(bytes.TrimSpace(p), []byte("{")) && len(batch.Rows) == 1 {
				t.Fatalf("%q: accepted, encoding/json says %v", p, wantErr)
			}
			return
		}
		if err != nil || len(batch.Rows) != 1 {
			t.Fatalf("%q: %v, %d rows", p, err, len(batch.Rows))
		}
		wantText, _ := stdjson.Marshal(want)
		var e Encoder
		got, err := e.EncodeRow(nil, s, &batch.Rows[0])
		if err != nil || !bytes.Equal(got, wantText) {
			t.Fatalf("%q after %q: got %s, %v; want %s", p, before, got, err, wantText)
		}
		again := row.Batch{}
		if err := d.Decode(got, &again); err != nil || show(t, s, again.Rows) != string(wantText) {
			t.Fatalf("%s does not come back: %v", got, err)
		}
	})
}

// FuzzTyped: no text makes a typed decoder panic, and what it takes is JSON.
func FuzzTyped(f *testing.F) {
	s := &row.Schema{Cols: []value.Field{
		{Name: "i", Type: bigint}, {Name: "f", Type: float}, {Name: "s", Type: str}, {Name: "b", Type: boolean},
		{Name: "y", Type: bytea}, {Name: "d", Type: moment}, {Name: "a", Type: value.ArrayOf(bigint)}, {Name: "o", Type: point},
	}}
	f.Add([]byte(`{"i":1,"f":2.5,"s":"x","b":"true","y":"aGk=","d":5,"a":[1,null],"o":{"x":1,"y":["a"]}}`), false)
	f.Add([]byte(`{"i":4.7,"o":{"x":"1"}}`), true)
	f.Add([]byte(`{"i":`), true)
	f.Fuzz(func(t *testing.T, p []byte, strict bool) {
		d := newDecoder(t, format.Config{Schema: s, Declared: s, Strict: strict})
		var batch row.Batch
		if err := d.Decode(p, &batch); err == nil {
			for dec := stdjson.NewDecoder(bytes.NewReader(p)); ; {
				var x any
				if err := dec.Decode(&x); err != nil {
					if err.Error() != "EOF" {
						t.Fatalf("%q was taken: %v", p, err)
					}
					break
				}
			}
		} else if len(batch.Rows) != 0 {
			t.Fatalf("%q: rows in spite of %v", p, err)
		}
		d.DecodeLines(p, &batch, func(error) {})
	})
}
