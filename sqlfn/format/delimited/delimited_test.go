package delimited

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func schema(open bool, names ...string) *row.Schema {
	s := &row.Schema{Open: open}
	for _, n := range names {
		s.Cols = append(s.Cols, value.Field{Name: n})
	}
	return s
}

func show(t *testing.T, s *row.Schema, rows []row.Row) string {
	t.Helper()
	var out []byte
	for i := range rows {
		var err error
		if out, err = value.AppendJSON(out, row.Object(s, &rows[i])); err != nil {
			t.Fatal(err)
		}
	}
	return string(out)
}

var typed = &row.Schema{Cols: []value.Field{
	{Name: "i", Type: value.Type{Kind: value.Int}},
	{Name: "f", Type: value.Type{Kind: value.Float}},
	{Name: "s", Type: value.Type{Kind: value.String}},
	{Name: "b", Type: value.Type{Kind: value.Bool}},
	{Name: "y", Type: value.Type{Kind: value.Bytes}},
	{Name: "d", Type: value.Type{Kind: value.Time}},
	{Name: "a", Type: value.ArrayOf(value.Type{Kind: value.Int})},
	{Name: "o", Type: value.Type{Kind: value.Object}},
}}

func TestDecodeNamesCellsByPosition(t *testing.T) {
	for _, c := range []struct {
		name   string
		cfg    format.Config
		quoted bool
		in     string
		want   string
	}{
		{"without names", format.Config{Schema: schema(true)}, false, "a,,3", `{"col0":"a","col1":"","col2":"3"}`},
		{"only wanted ones", format.Config{Schema: schema(false, "col2")}, false, "a,b,c\nd\ne,f,g,h", `{"col2":"c"}{}{"col2":"g"}`},
		{"fields", format.Config{Schema: schema(true), Fields: []string{"x", "y"}}, false, "1,2,3", `{"x":"1","y":"2"}`},
		{"header", format.Config{Schema: schema(true, "y"), HasHeader: true, Fields: []string{"p", "q"}}, false, "x, y\n1,2\n\n3\n", `{"x":"1","y":"2"}{"x":"3"}`},
		{"delimiter", format.Config{Schema: schema(true), Delimiter: "::"}, false, "a::b:c", `{"col0":"a","col1":"b:c"}`},
		{"carriage returns", format.Config{Schema: schema(true)}, false, "a,b\r\nc\r\n", `{"col0":"a","col1":"b"}{"col0":"c"}`},
		{"quotes are text", format.Config{Schema: schema(true)}, false, `"a,b"`, `{"col0":"\"a","col1":"b\""}`},
		{"quotes in CSV", format.Config{Schema: schema(true)}, true, "\"a,\"\"b\"\"\n\",\"\" ,c\n\"open", `{"col0":"a,\"b\"\n","col1":"","col2":"c"}{"col0":"open"}`},
		{"a mark before the header", format.Config{Schema: schema(true), HasHeader: true}, true, "\ufeffa,\"b\"\n1,2", `{"a":"1","b":"2"}`},
		{"declared types", format.Config{Schema: typed, Declared: typed}, false, "1,2.5,x,true,aGk=,2020-01-02,[1],{\"k\":1}",
			`{"a":[1],"b":true,"d":"2020-01-02","f":2.5,"i":1,"o":{"k":1},"s":"x","y":"aGk="}`},
		{"empty cells", format.Config{Schema: typed, Declared: typed}, false, ",,,,,,,",
			`{"a":null,"b":null,"d":null,"f":null,"i":null,"o":null,"s":"","y":""}`},
		{"a whole number with a point", format.Config{Schema: typed, Declared: typed}, false, "4.0", `{"i":4}`},
		{"not base64", format.Config{Schema: typed, Declared: typed}, false, "1,1,s,1,h!", `{"b":true,"f":1,"i":1,"s":"s","y":"aCE="}`},
	} {
		d, err := NewDecoder(c.cfg, c.quoted)
		if err != nil {
			t.Fatal(err)
		}
		batch := row.Batch{Schema: c.cfg.Schema}
		err = d.Decode([]byte(c.in), &batch)
		if got := show(t, c.cfg.Schema, batch.Rows); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestDecodeNamesTheCellThatDoesNotFit(t *testing.T) {
	for in, want := range map[string]string{
		"":                     `cannot parse delimited text: the text is empty`,
		"x":                    `i: cannot convert "x" to bigint: invalid syntax`,
		"4.7":                  `i: cannot convert "4.7" to bigint: invalid syntax`,
		"99999999999999999999": `i: cannot convert "99999999999999999999" to bigint: value out of range`,
		"1,x":                  `f: cannot convert "x" to float: invalid syntax`,
		"1,1,s,maybe":          `b: cannot convert "maybe" to boolean: invalid syntax`,
		"1,1,s,1,,,{}":         `a: cannot convert "{}" to array: the text is JSON of type struct`,
		"1,1,s,1,,,,[1":        `o: cannot convert "[1" to struct: cannot parse JSON: unexpected end at byte 2`,
		"1,1,s,1,,,,3":         `o: cannot convert "3" to struct: the text is JSON of type float`,
		"1\n2\nx\n3":           `i: cannot convert "x" to bigint: invalid syntax`,
	} {
		d, err := NewDecoder(format.Config{Schema: typed, Declared: typed}, false)
		if err != nil {
			t.Fatal(err)
		}
		batch := row.Batch{Schema: typed}
		err = d.Decode([]byte(in), &batch)
		if err == nil || err.Error() != want || len(batch.Rows) > 0 {
			t.Errorf("%q: got %v and %d rows, want %s", in, err, len(batch.Rows), want)
		}
	}
}

func TestABadLineLosesOnlyItself(t *testing.T) {
	d, err := NewDecoder(format.Config{Schema: typed, HasHeader: true}, true)
	if err != nil {
		t.Fatal(err)
	}
	batch := row.Batch{Schema: typed}
	var errs []string
	fail := func(err error) { errs = append(errs, err.Error()) }
	d.DecodeLines([]byte("s,i\na,1\nb,x\nc,3\n"), &batch, fail)
	d.DecodeLines([]byte("i,s\n4,d\n"), &batch, fail)
	if got, want := show(t, typed, batch.Rows), `{"i":1,"s":"a"}{"i":3,"s":"c"}{"i":4,"s":"d"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := []string{`i: cannot convert "x" to bigint: invalid syntax`}; !slices.Equal(errs, want) {
		t.Errorf("got %q, want %q", errs, want)
	}
}

func TestRowsDoNotHoldThePayload(t *testing.T) {
	s := schema(true, "col0")
	d, err := NewDecoder(format.Config{Schema: s}, true)
	if err != nil {
		t.Fatal(err)
	}
	batch := row.Batch{Schema: s}
	p := []byte("a,\"b\"\nc," + strings.Repeat("d", 600))
	d.DecodeLines(p, &batch, func(err error) { t.Error(err) })
	clear(p)
	if got, want := show(t, s, batch.Rows), `{"col0":"a","col1":"b"}{"col0":"c","col1":"`+strings.Repeat("d", 600)+`"}`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestStrictValidation(t *testing.T) {
	s := &row.Schema{Cols: []value.Field{{Name: "i", Type: value.Type{Kind: value.Int}}, {Name: "d", Type: value.Type{Kind: value.Time}}}}
	for in, want := range map[string]string{
		"1,02.01.2020": `{"d":"2020-01-02T00:00:00+01:00","i":1}`,
		"1,2020-01-02": `{"d":"2020-01-02T00:00:00+01:00","i":1}`,
		"1,bad":        `d: cannot convert "bad" to datetime: Can't parse string as time: bad`,
		"1":            `error in preprocessor: field d is not found`,
	} {
		cfg := format.Config{Schema: s, Declared: s, Strict: true, TimestampFormat: "dd.MM.yyyy", Loc: time.FixedZone("", 3600)}
		d, err := NewDecoder(cfg, false)
		if err != nil {
			t.Fatal(err)
		}
		batch := row.Batch{Schema: s}
		err = d.Decode([]byte(in), &batch)
		got := show(t, s, batch.Rows)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if _, err := NewDecoder(format.Config{Schema: s, TimestampFormat: "yyy"}, false); err == nil {
		t.Error("a bad TIMESTAMP_FORMAT was accepted")
	}
}

func TestEncodeJoinsValuesInOrder(t *testing.T) {
	s := schema(true, "z", "a")
	rest, err := value.ParseJSON([]byte(`{"m":{"z":1},"l":[1,"x"]}`), value.JSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := []row.Row{
		{Cols: []value.Value{value.OfFloat(math.Pi), value.OfString("a b")}},
		{Cols: []value.Value{value.ExplicitNull, value.True}, Rest: rest},
	}
	for _, c := range []struct {
		name string
		cfg  format.Config
		rows []row.Row
		want string
	}{
		{"sorted", format.Config{}, rows[:1], "a b,3.141592653589793"},
		{"with the rest, the same columns in each row", format.Config{}, rows, "a b,,,3.141592653589793\ntrue,[1 x],map[z:1],"},
		{"fields", format.Config{Fields: []string{"z", "none", "m", "a"}, Delimiter: ";"}, rows[1:], ";;map[z:1];true"},
		{"header", format.Config{HasHeader: true}, rows, "a,l,m,z\na b,,,3.141592653589793\ntrue,[1 x],map[z:1],"},
		{"no rows", format.Config{}, nil, ""},
	} {
		e := newEncoder(c.cfg)
		for range 2 {
			got, err := e.EncodeRows([]byte("<"), s, c.rows)
			if err != nil || string(got) != "<"+c.want {
				t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
			}
		}
	}
	got, err := newEncoder(format.Config{}).EncodeRow(nil, schema(false, "b", "a"), &row.Row{Cols: []value.Value{value.OfInt(1), value.OfInt(2)}})
	if err != nil || string(got) != "2,1" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTheFormatIsRegistered(t *testing.T) {
	f, err := format.Lookup("DELIMITED")
	if err != nil {
		t.Fatal(err)
	}
	e, err := f.NewEncoder(format.Config{Delimiter: "|"})
	if err != nil {
		t.Fatal(err)
	}
	s := schema(false, "col0", "col1")
	d, err := f.NewDecoder(format.Config{Schema: s, Delimiter: "|"})
	if err != nil {
		t.Fatal(err)
	}
	batch := row.Batch{Schema: s}
	if err := d.Decode([]byte("x|y"), &batch); err != nil {
		t.Fatal(err)
	}
	if got, err := e.EncodeRows(nil, s, batch.Rows); err != nil || string(got) != "x|y" {
		t.Errorf("got %q, %v", got, err)
	}
}

// FuzzDecode: no text makes the decoder panic, and what it reads as text comes
// back from the encoder.
func FuzzDecode(f *testing.F) {
	f.Add("a,b\n1,2\n", false, true)
	f.Add("\"a\"\"\n,\",b\n,\n\"", true, false)
	f.Add("a,,\n", false, false)
	f.Fuzz(func(t *testing.T, in string, quoted, header bool) {
		for _, s := range []*row.Schema{schema(true), typed} {
			d, err := NewDecoder(format.Config{Schema: s, HasHeader: header}, quoted)
			if err != nil {
				t.Fatal(err)
			}
			batch := row.Batch{Schema: s}
			d.DecodeLines([]byte(in), &batch, func(error) {})
		}
		s := schema(true)
		d, _ := NewDecoder(format.Config{Schema: s}, false)
		batch := row.Batch{Schema: s}
		if strings.ContainsAny(in, "\r\n") || in == "" || strings.Count(in, ",") > 9 || d.Decode([]byte(in), &batch) != nil {
			return
		}
		if got, err := newEncoder(format.Config{}).EncodeRows(nil, s, batch.Rows); err != nil || string(got) != in {
			t.Fatalf("%q came back as %q, %v", in, got, err)
		}
	})
}
