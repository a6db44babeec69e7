package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos/requests"
	"github.com/edgexfoundry/go-mod-messaging/v3/pkg/types"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// lineEvent is an EdgeX 3 message with two scalars and an Int32Array of 16,
// the payload in base64 or inline.
func lineEvent(inline bool) []byte {
	reading := func(name, typ, val string) string {
		return fmt.Sprintf(`{"id":"82eb2e26-0f24-48aa-ae4c-de9dac3fb9bc","origin":1700000000000000000,"deviceName":"dev_001",`+
			`"resourceName":%q,"profileName":"bench-profile","valueType":%q,"value":%q}`, name, typ, val)
	}
	spectrum := make([]string, 16)
	for i := range spectrum {
		spectrum[i] = fmt.Sprint(i * 7919 % 2000)
	}
	event := `{"apiVersion":"v3","requestId":"1c8c2a9a-5a7c-4ff5-9f0c-7b2df3a0b36d","event":{"apiVersion":"v3","id":"0f3f9d4e-93f5-4c52-8f0c-8a16c5a8f8a5",` +
		`"deviceName":"dev_001","profileName":"bench-profile","sourceName":"all","origin":1700000000000000000,"readings":[` +
		reading("Temperature", "Float64", "3.141000e+01") + "," + reading("Seq", "Int64", "123456") + "," +
		reading("Spectrum", "Int32Array", "["+strings.Join(spectrum, ", ")+"]") + `]}}`
	payload := event
	if !inline {
		payload = `"` + base64.StdEncoding.EncodeToString([]byte(event)) + `"`
	}
	return []byte(`{"apiVersion":"v3","receivedTopic":"","correlationID":"14a42ea6-c394-41c3-8bcd-a29b9f5e6835","requestID":"","errorCode":0,"payload":` +
		payload + `,"contentType":"application/json"}`)
}

func lineSchema() *row.Schema {
	return &row.Schema{Cols: []value.Field{{Name: "Temperature"}, {Name: "Seq"}, {Name: "Spectrum"}}}
}

func BenchmarkDecode(b *testing.B) {
	for _, bm := range []struct {
		name string
		msg  []byte
		cfg  Config
	}{
		{"base64", lineEvent(false), Config{Schema: lineSchema()}},
		{"base64 without meta", lineEvent(false), Config{Schema: lineSchema(), NoMeta: true}},
		{"base64 all columns", lineEvent(false), Config{}},
		{"inline", lineEvent(true), Config{Schema: lineSchema()}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			d := New(bm.cfg)
			var batch row.Batch
			b.ReportAllocs()
			b.SetBytes(int64(len(bm.msg)))
			for b.Loop() {
				batch.Rows = batch.Rows[:0]
				if err := d.Decode(bm.msg, &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkContracts is the same message through EdgeX's own modules, values
// still in text.
func BenchmarkContracts(b *testing.B) {
	msg := lineEvent(false)
	b.ReportAllocs()
	for b.Loop() {
		var env types.MessageEnvelope
		if err := json.Unmarshal(msg, &env); err != nil {
			b.Fatal(err)
		}
		var req requests.AddEventRequest
		if err := json.Unmarshal(env.Payload, &req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBase64 is the part of it that base64 alone costs.
func BenchmarkBase64(b *testing.B) {
	src := []byte(strings.Repeat("eyJhcGlW", 200))
	dst := make([]byte, 1200)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if n, err := base64.StdEncoding.Decode(dst, src); n != len(dst) || err != nil {
			b.Fatal(n, err)
		}
	}
}
