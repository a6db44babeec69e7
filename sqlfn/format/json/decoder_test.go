package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var (
	bigint  = value.Type{Kind: value.Int}
	float   = value.Type{Kind: value.Float}
	str     = value.Type{Kind: value.String}
	boolean = value.Type{Kind: value.Bool}
	bytea   = value.Type{Kind: value.Bytes}
	moment  = value.Type{Kind: value.Time}
	point   = value.Type{Kind: value.Object, Fields: []value.Field{{Name: "x", Type: bigint}, {Name: "y", Type: value.ArrayOf(str)}}}
)

func newDecoder(t testing.TB, cfg format.Config) *Decoder {
	t.Helper()
	d, err := NewDecoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// decode runs one payload through a new decoder and writes the rows as JSON,
// each kind that JSON does not tell apart after a colon.
func decode(t *testing.T, cfg format.Config, payload string) (string, error) {
	t.Helper()
	batch := row.Batch{Schema: cfg.Schema}
	err := newDecoder(t, cfg).Decode([]byte(payload), &batch)
	if err != nil && len(batch.Rows) > 0 {
		t.Errorf("%s: %d rows in spite of the error", payload, len(batch.Rows))
	}
	return show(t, cfg.Schema, batch.Rows), err
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

func typed(name string, t value.Type) *row.Schema {
	return &row.Schema{Cols: []value.Field{{Name: name, Type: t}}}
}

func TestTypedColumnsAcceptAndRejectWhatKuiperDoes(t *testing.T) {
	for _, c := range []struct {
		typ  value.Type
		in   string // value of column c
		want string // JSON of the value, or the error
		kind value.Kind
	}{
		{bigint, `12`, `12`, value.Int},
		{bigint, `-9223372036854775808`, `-9223372036854775808`, value.Int},
		{bigint, `4.0`, `4`, value.Int},
		{bigint, `1e3`, `1000`, value.Int},
		{bigint, `18446744073709551615`, `18446744073709551615`, value.Uint},
		{bigint, `null`, `null`, value.Null},
		{bigint, `"12"`, `c has wrong type:string, expect:bigint`, 0},
		{bigint, `4.7`, `unparsed tail left after parsing int64 form "4.7": ".7"`, 0},
		{bigint, `-4.7`, `unparsed tail left after parsing int64 form "-4.7": ".7"`, 0},
		{bigint, `true`, `c has wrong type:true, expect:bigint`, 0},
		{bigint, `{"a":1}`, `c has wrong type:object, expect:bigint`, 0},
		{bigint, `99999999999999999999`, `c has the number 99999999999999999999, which is out of the range of bigint`, 0},
		{bigint, `nul`, `cannot parse JSON: unexpected '}' at byte 8`, 0},
		{bigint, `{"a"}`, `cannot parse JSON: unexpected '}' at byte 9`, 0},
		{bigint, `4.`, `cannot parse JSON: unexpected '}' at byte 7`, 0},
		{float, `12`, `12`, value.Float},
		{float, `-1.5e3`, `-1500`, value.Float},
		{float, `null`, `null`, value.Null},
		{float, `"1.5"`, `c has wrong type:string, expect:float`, 0},
		{float, `false`, `c has wrong type:false, expect:float`, 0},
		{float, `1e999`, `c has the number 1e999, which is out of the range of float`, 0},
		{str, `"x"`, `"x"`, value.String},
		{str, `"a\u0041\n"`, `"aA\n"`, value.String},
		{str, `5`, `"5"`, value.String},
		{str, `12345678901234567890`, `"12345678901234567890"`, value.String},
		{str, `true`, `c has wrong type:true, expect:string`, 0},
		{str, `{}`, `c has wrong type:object, expect:string`, 0},
		{str, `[1]`, `c has wrong type:array, expect:string`, 0},
		{boolean, `true`, `true`, value.Bool},
		{boolean, `false`, `false`, value.Bool},
		{boolean, `"true"`, `true`, value.Bool},
		{boolean, `"false"`, `false`, value.Bool},
		{boolean, `"1"`, `true`, value.Bool},
		{boolean, `1`, `true`, value.Bool},
		{boolean, `0`, `false`, value.Bool},
		{boolean, `"x"`, `strconv.ParseBool: parsing "x": invalid syntax`, 0},
		{boolean, `[]`, `c has wrong type:array, expect:boolean`, 0},
		{moment, `"2020-01-02"`, `"2020-01-02"`, value.String},
		{moment, `"no time at all"`, `"no time at all"`, value.String},
		{moment, `1700000000000`, `1700000000000`, value.Float},
		{bytea, `"aGk="`, `"aGk="`, value.Bytes},
		{bytea, `"not base64!"`, `"bm90IGJhc2U2NCE="`, value.Bytes},
		{bytea, `5`, `c has wrong type:number, expect:bytea`, 0},
		{value.ArrayOf(bigint), `[1, 2]`, `[1,2]`, value.Ints},
		{value.ArrayOf(bigint), `[1,null]`, `[1,null]`, value.Array},
		{value.ArrayOf(bigint), `[]`, `[]`, value.Array},
		{value.ArrayOf(bigint), `["1"]`, `array has wrong type:string, expect:bigint`, 0},
		{value.ArrayOf(bigint), `3`, `c has wrong type:number, expect:array`, 0},
		{value.ArrayOf(float), `[1,2.5]`, `[1,2.5]`, value.Floats},
		{value.ArrayOf(value.ArrayOf(str)), `[["a",1],[]]`, `[["a","1"],[]]`, value.Array},
		{value.Type{Kind: value.Array}, `[1,"a"]`, `[1,"a"]`, value.Array},
		{value.Type{Kind: value.Floats}, `[1]`, `[1]`, value.Floats},
		{point, `{"y":["a"],"x":1,"z":[{}]}`, `{"x":1,"y":["a"]}`, value.Object},
		{point, `{ }`, `{}`, value.Object},
		{point, `{"x":null}`, `{"x":null}`, value.Object},
		{point, `{"x":"1"}`, `x has wrong type:string, expect:bigint`, 0},
		{point, `{"y":3}`, `y has wrong type:number, expect:array`, 0},
		{point, `[]`, `c has wrong type:array, expect:struct`, 0},
		{value.ArrayOf(point), `[{"x":1},{"x":2.0}]`, `[{"x":1},{"x":2}]`, value.Array},
		{value.Type{Kind: value.Object}, `{"any":["thing"]}`, `{"any":["thing"]}`, value.Object},
	} {
		s := typed("c", c.typ)
		batch := row.Batch{Schema: s}
		err := newDecoder(t, format.Config{Schema: s}).Decode([]byte(`{"c":`+c.in+`}`), &batch)
		got, kind := "", value.Kind(0)
		if err != nil {
			got = err.Error()
		} else {
			v := batch.Rows[0].Cols[0]
			text, _ := value.AppendJSON(nil, v)
			got, kind = string(text), v.Kind()
		}
		if got != c.want || kind != c.kind {
			t.Errorf("%s from %s: got %s of kind %s, want %s of kind %s", c.typ, c.in, got, kind, c.want, c.kind)
		}
	}
}

func TestEmptyStructFieldsAcceptNothing(t *testing.T) {
	s := typed("c", value.Type{Kind: value.Object, Fields: []value.Field{}})
	if got, err := decode(t, format.Config{Schema: s}, `{"c":{"a":1}}`); err != nil || got != `{"c":{}}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPayloadShapes(t *testing.T) {
	ab, open := schema(false, "a", "b"), schema(true, "a")
	for _, c := range []struct {
		name string
		s    *row.Schema
		in   string
		want string
	}{
		{"an object is a row", ab, `{"a":1,"c":2}`, `{"a":1}`},
		{"an array is several rows", ab, ` [ {"a":1} , {"b":2} ] `, `{"a":1}{"b":2}`},
		{"an empty array is no row", ab, `[]`, ``},
		{"an empty object is an empty row", ab, `{ }`, `{}`},
		{"documents may follow one another", ab, "{\"a\":1}\n{\"a\":2}[{\"a\":3}]\r\n", `{"a":1}{"a":2}{"a":3}`},
		{"spaces are allowed everywhere", ab, " {\n\t\"a\" : 1 ,\r\n \"b\" : [ ] } ", `{"a":1,"b":[]}`},
		{"keys may be escaped", ab, `{"\u0061":1}`, `{"a":1}`},
		{"a null is kept", ab, `{"a":null}`, `{"a":null}`},
		{"of equal keys the last one stays", ab, `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"keys without a column are skipped", ab, `{"x":{"a":[1,{"a":"}"}]},"y":"\"","z":-1.5e-3,"t":true,"n":null,"a":1}`, `{"a":1}`},
		{"an open schema keeps them, sorted", open, `{"z":1,"a":2,"c":[1],"b":{"y":1,"x":2}}`, `{"a":2,"b":{"x":2,"y":1},"c":[1],"z":1}`},
		{"and the last of equal ones", open, `{"z":1,"a":2,"z":3}`, `{"a":2,"z":3}`},
		{"and nulls", open, `{"z":null}`, `{"z":null}`},
		{"an empty key is a key", open, `{"":1}`, `{"":1}`},
	} {
		if got, err := decode(t, format.Config{Schema: c.s}, c.in); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestBadPayloadsAppendNothing(t *testing.T) {
	for in, want := range map[string]string{
		``:                     `cannot parse JSON: the text is empty`,
		`  `:                   `cannot parse JSON: the text is empty`,
		`5`:                    `cannot parse JSON: expected an object or an array of objects, found number`,
		`"a"`:                  `cannot parse JSON: expected an object or an array of objects, found string`,
		`[{"a":1},2]`:          `cannot parse JSON: expected an object or an array of objects, found number`,
		`[{"a":1},]`:           `cannot parse JSON: unexpected ']' at byte 9`,
		`[{"a":1} {"a":2}]`:    `cannot parse JSON: unexpected '{' at byte 9, or nested deeper than 512`,
		`[`:                    `cannot parse JSON: unexpected end at byte 1`,
		`{"a":1`:               `cannot parse JSON: unexpected end at byte 6`,
		`{"a":1,}`:             `cannot parse JSON: unexpected '}' at byte 7`,
		`{"a":1}{"a":2`:        `cannot parse JSON: unexpected end at byte 13`,
		`{"a":1}x`:             `cannot parse JSON: unexpected 'x' at byte 7`,
		`{"c":tru,"a":1}`:      `cannot parse JSON: unexpected ',' at byte 8`,
		`{"c":[1,{"x":01}]}`:   `cannot parse JSON: unexpected '1' at byte 14`,
		`{"a":1 "b":2}`:        `cannot parse JSON: unexpected '"' at byte 7`,
		`{"a":1{"a":2}`:        `cannot parse JSON: unexpected '{' at byte 6, or nested deeper than 512`,
		`{,"a":1}`:             `cannot parse JSON: unexpected ',' at byte 1`,
		`{"a":1e400}`:          `cannot parse JSON: unexpected '1' at byte 5`,
		"{\"c\":\"a\x01\"}":    `cannot parse JSON: unexpected '\x01' at byte 7`,
		`{"c":"\ud8"}`:         `cannot parse JSON: unexpected '"' at byte 10`,
		`{"a":1}{"a":{}}  ]`:   `cannot parse JSON: unexpected ']' at byte 17`,
		`{"a":1,"b":2}{"a":1,`: `cannot parse JSON: unexpected end at byte 20`,
	} {
		cfg := format.Config{Schema: schema(false, "a", "b")}
		d := newDecoder(t, cfg)
		for _, warm := range []string{``, `{"a":1,"b":2}`, `{"b":1,"a":2}{"a":1,"c":0,"b":2}`} {
			var batch row.Batch
			if warm != "" {
				if err := d.Decode([]byte(warm), &batch); err != nil {
					t.Fatal(err)
				}
			}
			n := len(batch.Rows)
			err := d.Decode([]byte(in), &batch)
			if err == nil || err.Error() != want || len(batch.Rows) != n {
				t.Errorf("%q after %q: got %v and %d new rows, want %s", in, warm, err, len(batch.Rows)-n, want)
			}
		}
	}
}

func TestWholeNumbersStayExactOnRequest(t *testing.T) {
	in := `{"a":9007199254740993,"b":1.0,"c":[1,2]}`
	s := schema(true, "a", "b")
	var batch row.Batch
	if err := newDecoder(t, format.Config{Schema: s, IntWhole: true}).Decode([]byte(in), &batch); err != nil {
		t.Fatal(err)
	}
	r := batch.Rows[0]
	c, _ := r.Rest.Lookup("c")
	if r.Cols[0].Kind() != value.Int || r.Cols[0].Int() != 9007199254740993 || r.Cols[1].Kind() != value.Float || c.Kind() != value.Ints {
		t.Errorf("got %s", show(t, s, batch.Rows))
	}
}

func TestStrictValidation(t *testing.T) {
	declared := &row.Schema{Cols: []value.Field{{Name: "i", Type: bigint}, {Name: "d", Type: moment}}}
	const layout = "dd.MM.yyyy"
	wantI, wantID := typed("i", bigint), declared
	for _, c := range []struct {
		want    *row.Schema
		format  string
		in, out string
	}{
		{wantID, "", `{"i":1,"d":"2020-01-02T03:04:05Z"}`, `{"d":"2020-01-02T03:04:05Z","i":1}`},
		{wantID, "", `{"i":1,"d":1577934245120}`, `{"d":"2020-01-02T03:04:05.12Z","i":1}`},
		{wantID, "", `{"i":1,"d":null}`, `{"d":null,"i":1}`},
		{wantID, layout, `{"i":1,"d":"02.01.2020"}`, `{"d":"2020-01-02T00:00:00Z","i":1}`},
		{wantID, "", `{"i":1}`, `error in preprocessor: field d is not found`},
		{wantID, "", `{"i":1,"d":"bad"}`, `error in preprocessor: field d type mismatch: Can't parse string as time: bad`},
		{wantID, layout, `{"i":1,"d":"bad"}`, `error in preprocessor: field d type mismatch: Can't parse string as time: bad`},
		{wantID, "", `{"i":1,"d":true}`, `error in preprocessor: field d type mismatch: expected a time, found true`},
		{wantI, "", `{"i":1}`, `error in preprocessor: field d is not found`},
		{wantI, "", `{"i":1,"d":"bad"}`, `error in preprocessor: field d type mismatch: Can't parse string as time: bad`},
		{wantI, "", `{"i":1,"d":5}`, `{"i":1}`},
		{wantI, "yyy", `{"i":1}`, `TIMESTAMP_FORMAT: invalid time format yyy for Y/y`},
	} {
		var got string
		cfg := format.Config{Schema: c.want, Declared: declared, Strict: true, TimestampFormat: c.format}
		d, err := NewDecoder(cfg)
		if err == nil {
			batch := row.Batch{Schema: c.want}
			err = d.Decode([]byte(c.in), &batch)
			got = show(t, c.want, batch.Rows)
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.out {
			t.Errorf("%s for %v: got %s, want %s", c.in, c.want.Names(), got, c.out)
		}
	}
}

// One decoder sees objects of many shapes; each must come out as it went in.
func TestAnyOrderOfKeysDecodesTheSame(t *testing.T) {
	s := schema(true, "a", "bb", "deviceIdentifier")
	d := newDecoder(t, format.Config{Schema: s})
	keys := []string{"a", "bb", "deviceIdentifier", "z", "rest", "a-very-long-name-of-a-member", "y\\n", "中"}
	for i := range 3000 {
		var in []byte
		names := slices.Clone(keys)
		for k := range names { // a different subset in a different order each time
			j := (i*7 + k*3) % len(names)
			names[k], names[j] = names[j], names[k]
		}
		names = names[:1+i%len(names)]
		for k, name := range names {
			sep := [...]string{",", ", ", " ,\n"}[i/8%3]
			if k == 0 {
				sep = "{"
			}
			in = fmt.Appendf(in, "%s\"%s\":%d", sep, name, i+k)
		}
		in = append(in, '}')
		var batch row.Batch
		if err := d.Decode(in, &batch); err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		var want map[string]any
		if err := stdjson.Unmarshal(in, &want); err != nil {
			t.Fatal(err)
		}
		wantText, _ := stdjson.Marshal(want)
		if got := show(t, s, batch.Rows); got != string(wantText) {
			t.Fatalf("%s: got %s", in, got)
		}
	}
}

func TestObjectsWithThousandsOfKeysDecode(t *testing.T) {
	s := schema(true, "k5", "k2999")
	d := newDecoder(t, format.Config{Schema: s})
	for round := range 3 {
		want := map[string]any{}
		for i := range 3000 {
			want[fmt.Sprintf("k%d", i+round)] = float64(i)
		}
		in, _ := stdjson.Marshal(want)
		var batch row.Batch
		if err := d.Decode(in, &batch); err != nil {
			t.Fatal(err)
		}
		if got := show(t, s, batch.Rows); got != string(in) {
			t.Fatalf("round %d: differs", round)
		}
	}
	if n := len(d.shape.members); n > maxMembers {
		t.Errorf("%d keys are remembered", n)
	}
	if n := len(d.rest.names); n > maxNames {
		t.Errorf("%d names are remembered", n)
	}
}

func TestABadLineLosesOnlyItself(t *testing.T) {
	s := typed("a", bigint)
	in := "{\"a\":1}\n" +
		"garbage\n" +
		"{\"a\":2\n" + // the object goes on into the next line
		"{\"a\":3}\r\n" +
		"\n  \n" +
		"{\"a\":4} {\"a\":5}\n" +
		"{\"a\":\"x\"}\n" +
		"[{\"a\":6},{\"a\":7}]\n" +
		"[{\"a\":8},{\"a\":\"x\"}]\n" +
		"{\"a\":\"unterminated\n" +
		"{\"a\":9}\t\n" +
		"7\n" +
		"{\"a\":10}"
	batch := row.Batch{Schema: s}
	var errs []string
	newDecoder(t, format.Config{Schema: s}).DecodeLines([]byte(in), &batch, func(err error) { errs = append(errs, err.Error()) })
	if got, want := show(t, s, batch.Rows), `{"a":1}{"a":3}{"a":6}{"a":7}{"a":9}{"a":10}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want := []string{
		`cannot parse JSON: unexpected 'g' at byte 0`,
		`cannot parse JSON: unexpected end at byte 6`,
		`cannot parse JSON: unexpected '{' at byte 8, or nested deeper than 512`,
		`a has wrong type:string, expect:bigint`,
		`a has wrong type:string, expect:bigint`,
		`cannot parse JSON: unexpected end at byte 18`,
		`cannot parse JSON: expected an object or an array of objects, found number`,
	}
	if !slices.Equal(errs, want) {
		t.Errorf("errors:\n%s\nwant:\n%s", strings.Join(errs, "\n"), strings.Join(want, "\n"))
	}
}

func TestRowsOfLinesDoNotHoldThePayload(t *testing.T) {
	s := &row.Schema{Open: true, Cols: []value.Field{
		{Name: "s"}, {Name: "n", Type: str}, {Name: "y", Type: bytea}, {Name: "o", Type: point}, {Name: "a", Type: value.ArrayOf(str)}}}
	line := `{"a":["z"],"n":12.50,"o":{"y":["é"]},"other":{"key":["x"]},"s":"\u003cplain","y":"aGk="}`
	p := []byte(line + "\n" + strings.ReplaceAll(line, "aGk=", "raw!") + "\n")
	batch := row.Batch{Schema: s}
	newDecoder(t, format.Config{Schema: s}).DecodeLines(p, &batch, func(err error) { t.Error(err) })
	clear(p)
	want := strings.ReplaceAll(line, "12.50", `"12.50"`)
	if got := show(t, s, batch.Rows); got != want+strings.ReplaceAll(want, "aGk=", "cmF3IQ==") {
		t.Errorf("got %s", got)
	}
}

func TestRowsOfOneBatchDoNotShareCells(t *testing.T) {
	s := schema(true, "a")
	d := newDecoder(t, format.Config{Schema: s})
	var batch row.Batch
	var want bytes.Buffer
	for i := range 1000 {
		in := fmt.Appendf(nil, `{"a":%d,"z":%d}`, i, -i)
		if i%3 == 0 {
			in = fmt.Appendf(nil, `{"z":%d}`, i)
		}
		want.Write(in)
		if err := d.Decode(in, &batch); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode([]byte(`{"a":7,"q":1,"z":`), &batch); err == nil {
			t.Fatal("broken text was accepted")
		}
	}
	if got := strings.ReplaceAll(show(t, s, batch.Rows), `"z":-0`, `"z":0`); got != want.String() {
		t.Errorf("got %.200s", got)
	}
	_ = append(batch.Rows[0].Cols, value.True)
	if batch.Rows[1].Cols[0].Kind() != value.Float {
		t.Error("appending to a row's columns overwrote the next row")
	}
}

func TestDecodingAllocatesSlabsOnly(t *testing.T) {
	s := schema(false, "deviceId", "temperature", "humidity")
	d := newDecoder(t, format.Config{Schema: s})
	p := reading(nil, 7)
	var batch row.Batch
	allocs := testing.AllocsPerRun(10000, func() {
		batch.Rows = batch.Rows[:0]
		if err := d.Decode(p, &batch); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0.02 {
		t.Errorf("%v allocations a row", allocs)
	}
}
