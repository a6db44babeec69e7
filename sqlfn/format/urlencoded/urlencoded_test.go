package urlencoded

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var typed = &row.Schema{Cols: []value.Field{
	{Name: "i", Type: value.Type{Kind: value.Int}},
	{Name: "a", Type: value.ArrayOf(value.Type{Kind: value.Float})},
}}

func TestFormsAreRows(t *testing.T) {
	open := &row.Schema{Open: true, Cols: []value.Field{{Name: "b"}}}
	for _, c := range []struct {
		s    *row.Schema
		in   string
		want string
	}{
		{open, "a=1&b=x+y&c=%2B", `{"a":"1","b":"x y","c":"+"}`},
		{open, "a=1&a=2&b=", `{"a":["1","2"],"b":""}`},
		{open, "", `{}`},
		{typed, "i=5&a=1&a=2.5&z=1", `{"a":[1,2.5],"i":5}`},
		{typed, "a=[1,2]", `{"a":[1,2]}`},
		{typed, "i=x", `i: cannot convert "x" to bigint: invalid syntax`},
		{typed, "i=1&i=2", `i: there are 2 values, the column is of type bigint`},
		{typed, "a=1&a=x", `a: cannot convert "x" to float: invalid syntax`},
		{typed, "a=%zz", `cannot parse urlencoded text: invalid URL escape "%zz"`},
	} {
		d, err := newDecoder(format.Config{Schema: c.s})
		if err != nil {
			t.Fatal(err)
		}
		var batch row.Batch
		got := ""
		if err := d.Decode([]byte(c.in), &batch); err != nil {
			got = err.Error()
			if len(batch.Rows) > 0 {
				t.Errorf("%s: rows in spite of the error", c.in)
			}
		} else {
			text, _ := value.AppendJSON(nil, row.Object(c.s, &batch.Rows[0]))
			got = string(text)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}

func TestRowsAreForms(t *testing.T) {
	s := &row.Schema{Cols: []value.Field{{Name: "c"}, {Name: "a"}, {Name: "l"}, {Name: "gone"}}}
	r := row.Row{Cols: []value.Value{value.OfString("y z"), value.OfInt(1), value.OfFloats([]float64{1, 2.5})}}
	if got, err := (encoder{}).EncodeRows(nil, s, []row.Row{r}); err != nil || string(got) != "a=1&c=y+z&l=1&l=2.5" {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := (encoder{}).EncodeRows(nil, s, []row.Row{r, r}); err == nil {
		t.Error("two rows went into one message")
	}
}
