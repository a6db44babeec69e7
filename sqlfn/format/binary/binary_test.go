package binary

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func schema(open bool, cols ...value.Field) *row.Schema { return &row.Schema{Cols: cols, Open: open} }

func col(name string, k value.Kind) value.Field {
	return value.Field{Name: name, Type: value.Type{Kind: k}}
}

func TestThePayloadIsOneColumn(t *testing.T) {
	frame := []byte{0xff, 0, '{'}
	for _, c := range []struct {
		name string
		cfg  format.Config
		want string
	}{
		{"self is wanted", format.Config{Schema: schema(false, col("x", 0), col("self", 0))}, `{"self":"/wB7"}`},
		{"everything is wanted", format.Config{Schema: schema(true)}, `{"self":"/wB7"}`},
		{"nothing is wanted", format.Config{Schema: schema(false)}, `{}`},
		{"the declared column", format.Config{Schema: schema(false, col("img", value.Bytes)), Declared: schema(false, col("img", value.Bytes))}, `{"img":"/wB7"}`},
		{"an empty declaration", format.Config{Schema: schema(true), Declared: schema(false)}, `{"self":"/wB7"}`},
	} {
		d, err := newDecoder(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var batch row.Batch
		if err := d.Decode(frame, &batch); err != nil || len(batch.Rows) != 1 {
			t.Fatalf("%s: %v, %d rows", c.name, err, len(batch.Rows))
		}
		got, _ := value.AppendJSON(nil, row.Object(c.cfg.Schema, &batch.Rows[0]))
		if string(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOnlyOneByteaColumnMayBeDeclared(t *testing.T) {
	for _, declared := range []*row.Schema{
		schema(false, col("a", value.Bytes), col("b", value.Bytes)),
		schema(false, col("a", value.String)),
	} {
		if _, err := newDecoder(format.Config{Schema: schema(true), Declared: declared}); err == nil {
			t.Errorf("%v was accepted", declared.Names())
		}
	}
}

func TestEncodeWritesTheBytes(t *testing.T) {
	bytes := value.OfBytes([]byte{1, 2})
	for _, c := range []struct {
		name string
		s    *row.Schema
		r    row.Row
		want string
	}{
		{"column", schema(false, col("a", 0), col("self", 0)), row.Row{Cols: []value.Value{value.True, bytes}}, "\x01\x02"},
		{"rest", schema(true, col("self", 0)), row.Row{Rest: value.OfSorted([]value.Member{{Name: "self", Val: value.OfString("txt")}})}, "txt"},
		{"only column", schema(false, col("img", 0)), row.Row{Cols: []value.Value{bytes}}, "\x01\x02"},
		{"missing", schema(false, col("a", 0)), row.Row{Cols: []value.Value{value.True}}, "field self not exist"},
		{"number", schema(false, col("self", 0)), row.Row{Cols: []value.Value{value.OfInt(1)}}, "field self is of type bigint, format binary needs bytea"},
	} {
		got, err := encoder{}.EncodeRows(nil, c.s, []row.Row{c.r})
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if _, err := (encoder{}).EncodeRows(nil, schema(false), make([]row.Row, 2)); err == nil {
		t.Error("two rows went into one message")
	}
}
