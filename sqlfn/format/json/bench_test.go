package json

import (
	stdjson "encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// reading appends one reading of about 145 bytes with 8 members. Its numbers
// differ in length from row to row without a pattern, as real ones do.
func reading(b []byte, i int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(i), 1))
	b = fmt.Appendf(b, `{"deviceId":"dev_%03d","temperature":%d.%02d,"humidity":%d`, i%100, rnd.IntN(50), rnd.IntN(100), 20+rnd.IntN(80))
	b = fmt.Appendf(b, `,"ts":%d,"status":"ok","site":"plant-7/line-%02d","seq":%d`, 1700000000000+i, i%12, i)
	return fmt.Appendf(b, `,"voltage":%d.%03d}`, 220+rnd.IntN(5), rnd.IntN(1000))
}

func schema(open bool, names ...string) *row.Schema {
	s := &row.Schema{Open: open}
	for _, n := range names {
		s.Cols = append(s.Cols, value.Field{Name: n})
	}
	return s
}

func BenchmarkDecode(b *testing.B) {
	const rows = 1024
	var lines []byte
	var single [][]byte
	for i := range rows {
		single = append(single, reading(nil, i))
		lines = append(append(lines, single[i]...), '\n')
	}
	for _, c := range []struct {
		name string
		s    *row.Schema
	}{
		{"two fields", schema(false, "temperature", "humidity")},
		{"three fields", schema(false, "deviceId", "temperature", "humidity")},
		{"last field", schema(false, "voltage")},
		{"everything", schema(true)},
		{"typed", &row.Schema{Cols: []value.Field{
			{Name: "deviceId", Type: value.Type{Kind: value.String}},
			{Name: "temperature", Type: value.Type{Kind: value.Float}},
			{Name: "humidity", Type: value.Type{Kind: value.Int}}}}},
	} {
		b.Run(c.name+"/single", func(b *testing.B) {
			d := newDecoder(b, format.Config{Schema: c.s})
			var batch row.Batch
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				batch.Rows = batch.Rows[:0]
				if err := d.Decode(single[i%rows], &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/lines", func(b *testing.B) {
			d := newDecoder(b, format.Config{Schema: c.s})
			var batch row.Batch
			b.ReportAllocs()
			for b.Loop() {
				batch.Rows = batch.Rows[:0]
				d.DecodeLines(lines, &batch, func(err error) { b.Fatal(err) })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

func BenchmarkDecodeEncodingJSON(b *testing.B) {
	p := reading(nil, 42)
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m map[string]any
			if err := stdjson.Unmarshal(p, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("struct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m struct{ Temperature, Humidity float64 }
			if err := stdjson.Unmarshal(p, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkEncodeRow(b *testing.B) {
	s := schema(false, "deviceId", "temperature", "humidity")
	d := newDecoder(b, format.Config{Schema: s})
	batch := row.Batch{Schema: s}
	if err := d.Decode(reading(nil, 42), &batch); err != nil {
		b.Fatal(err)
	}
	var e Encoder
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = e.EncodeRow(dst[:0], s, &batch.Rows[0])
	}
}
