package json

import (
	stdjson "encoding/json"
	"strconv"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// reading appends one reading of about 145 bytes with 8 members.
func reading(b []byte, i int) []byte {
	pad := func(v, width int) {
		s := strconv.Itoa(v)
		for range width - len(s) {
			b = append(b, '0')
		}
		b = append(b, s...)
	}
	b = append(b, `{"deviceId":"dev_`...)
	pad(i%100, 3)
	b = append(b, `","temperature":`...)
	b = strconv.AppendInt(b, int64(i*7%50), 10)
	b = append(b, '.')
	pad(i*31%100, 2)
	b = append(b, `,"humidity":`...)
	b = strconv.AppendInt(b, int64(20+i%80), 10)
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, 1700000000000+int64(i), 10)
	b = append(b, `,"status":"ok","site":"plant-7/line-`...)
	pad(i%12, 2)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `,"voltage":`...)
	b = strconv.AppendInt(b, int64(220+i%5), 10)
	b = append(b, '.')
	pad(i*17%1000, 3)
	return append(b, '}')
}

func schema(open bool, names ...string) *row.Schema {
	s := &row.Schema{Open: open}
	for _, n := range names {
		s.Cols = append(s.Cols, value.Field{Name: n})
	}
	return s
}

func BenchmarkDecode(b *testing.B) {
	const rows = 1000
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
			d := NewDecoder(format.Config{Schema: c.s})
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
			d := NewDecoder(format.Config{Schema: c.s})
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
	d := NewDecoder(format.Config{Schema: s})
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
