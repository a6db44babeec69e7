package value

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

func TestAppendJSONWritesLikeKuiper(t *testing.T) {
	at := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		v    Value
		want string
	}{
		{Value{}, `null`},
		{ExplicitNull, `null`},
		{True, `true`},
		{OfInt(-9007199254740993), `-9007199254740993`},
		{OfUint(math.MaxUint64), `18446744073709551615`},
		{OfFloat(3.0), `3`},
		{OfFloat(22.5), `22.5`},
		{OfFloat(-0.0125), `-0.0125`},
		{OfFloat(math.Copysign(0, -1)), `-0`},
		{OfFloat(1e21), `1e+21`},
		{OfFloat(1e-7), `1e-7`},
		{OfFloat(1e20), `100000000000000000000`},
		{OfFloat(4.0 / 3), `1.3333333333333333`},
		{OfString(`<a href="x">&</a>`), `"\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e"`},
		{OfString("a\xffb\u2028\b\f\n\r\t\x01中"), `"a\ufffdb\u2028\b\f\n\r\t\u0001中"`},
		{OfBytes([]byte("hi")), `"aGk="`},
		{OfTime(at), `"2020-01-02T03:04:05Z"`},
		{OfTime(at.Add(120 * time.Millisecond)), `"2020-01-02T03:04:05.12Z"`},
		{OfInts([]int64{1, -2}), `[1,-2]`},
		{OfFloats([]float64{1, 2.5}), `[1,2.5]`},
		{OfArray([]Value{{}, ExplicitNull, True}), `[null,null,true]`},
		{OfObject([]Member{{"b", OfInt(1)}, {"gone", Value{}}, {"a", ExplicitNull}}), `{"a":null,"b":1}`},
		{OfObject([]Member{{"a<", Value{}}}), `{}`},
	} {
		got, err := AppendJSON([]byte("x"), c.v)
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("AppendJSON(%s) = %s, %v; want %s", Describe(c.v), got[1:], err, c.want)
		}
	}
}

func TestAppendJSONRefusesWhatIsNoNumber(t *testing.T) {
	for f, want := range map[float64]string{
		math.NaN():   "json: unsupported value: NaN",
		math.Inf(1):  "json: unsupported value: +Inf",
		math.Inf(-1): "json: unsupported value: -Inf",
	} {
		v := OfObject([]Member{{"a", OfInt(1)}, {"b", OfArray([]Value{True, OfFloat(f)})}})
		got, err := AppendJSON([]byte("keep"), v)
		if err == nil || err.Error() != want || string(got) != "keep" {
			t.Errorf("got %s, %v; want %s and dst untouched", got, err, want)
		}
	}
}

func TestFloatsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	check := func(f float64) {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return
		}
		want, _ := json.Marshal(f)
		if got, err := AppendJSON(nil, OfFloat(f)); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%b: got %s, want %s", f, got, want)
		}
	}
	for range 200000 {
		check(math.Float64frombits(rnd.Uint64()))
		check(float64(rnd.IntN(2e9)-1e9) / math.Pow10(rnd.IntN(9)))
		check((rnd.Float64() - 0.5) * math.Pow10(rnd.IntN(30)-8))
		check(math.Nextafter(float64(rnd.IntN(2e6))/1e4, 1e9))
	}
}

func TestParseJSONKinds(t *testing.T) {
	for _, c := range []struct {
		text string
		opt  JSONOptions
		want Value
	}{
		{` 4 `, JSONOptions{}, OfFloat(4)},
		{`4`, JSONOptions{IntWhole: true}, OfInt(4)},
		{`4.0`, JSONOptions{IntWhole: true}, OfFloat(4)},
		{`4e2`, JSONOptions{IntWhole: true}, OfFloat(400)},
		{`9223372036854775807`, JSONOptions{IntWhole: true}, OfInt(math.MaxInt64)},
		{`-9223372036854775808`, JSONOptions{IntWhole: true}, OfInt(math.MinInt64)},
		{`9223372036854775808`, JSONOptions{IntWhole: true}, OfUint(1 << 63)},
		{`18446744073709551615`, JSONOptions{IntWhole: true}, OfUint(math.MaxUint64)},
		{`18446744073709551616`, JSONOptions{IntWhole: true}, OfFloat(18446744073709551616)},
		{`-9223372036854775809`, JSONOptions{IntWhole: true}, OfFloat(-9223372036854775808)},
		{`null`, JSONOptions{}, ExplicitNull},
		{`"\u0041\ud83d\ude00\ud800x\n\/"`, JSONOptions{}, OfString("A\U0001F600\ufffdx\n/")},
		{`[1, 2.5 ,-3]`, JSONOptions{}, OfFloats([]float64{1, 2.5, -3})},
		{`[1,2]`, JSONOptions{IntWhole: true}, OfInts([]int64{1, 2})},
		{`[1.5,2.5]`, JSONOptions{IntWhole: true}, OfFloats([]float64{1.5, 2.5})},
		{`[1,2.5]`, JSONOptions{IntWhole: true}, OfArray([]Value{OfInt(1), OfFloat(2.5)})},
		{`[1,"a]",null]`, JSONOptions{}, OfArray([]Value{OfFloat(1), OfString("a]"), ExplicitNull})},
		{`[]`, JSONOptions{}, OfArray(nil)},
		{`{"b":1,"a":{"x":[true]},"b":2,"\u0063":{}}`, JSONOptions{}, OfObject([]Member{
			{"a", OfObject([]Member{{"x", OfArray([]Value{True})}})}, {"b", OfFloat(2)}, {"c", OfObject(nil)}})},
	} {
		got, err := ParseJSON([]byte(c.text), c.opt)
		if err != nil || got.Kind() != c.want.Kind() || !Equal(got, c.want) {
			t.Errorf("%s: got %s, %v; want %s", c.text, Describe(got), err, Describe(c.want))
		}
	}
}

func TestParseJSONNamesThePlaceOfAnError(t *testing.T) {
	for text, want := range map[string]string{
		``:                       `cannot parse JSON: the text is empty`,
		`{"a":1`:                 `cannot parse JSON: unexpected end at byte 6`,
		`{"a":tru}`:              `cannot parse JSON: unexpected '}' at byte 8`,
		`{"a" 1}`:                `cannot parse JSON: unexpected '1' at byte 5`,
		`[1,]`:                   `cannot parse JSON: unexpected ']' at byte 3`,
		`[1] x`:                  `cannot parse JSON: unexpected 'x' at byte 4`,
		`01`:                     `cannot parse JSON: unexpected '1' at byte 1`,
		`[1.]`:                   `cannot parse JSON: unexpected ']' at byte 3`,
		`-`:                      `cannot parse JSON: unexpected end at byte 1`,
		`1e400`:                  `cannot parse JSON: unexpected '1' at byte 0`,
		"\"a\nb\"":               `cannot parse JSON: unexpected '\n' at byte 2`,
		`"\x"`:                   `cannot parse JSON: unexpected 'x' at byte 2`,
		`"\u12`:                  `cannot parse JSON: unexpected end at byte 5`,
		`{a:1}`:                  `cannot parse JSON: unexpected 'a' at byte 1`,
		strings.Repeat("[", 600): `cannot parse JSON: unexpected '[' at byte 512, or nested deeper than 512`,
	} {
		_, err := ParseJSON([]byte(text), JSONOptions{})
		if err == nil || err.Error() != want {
			t.Errorf("%.20q: got %v, want %s", text, err, want)
		}
	}
}

func TestParsedStringsShareTheText(t *testing.T) {
	b := []byte(`{"a":"plain"}`)
	v, err := ParseJSON(b, JSONOptions{})
	if err != nil {
		t.Fatal(err)
	}
	copy(b[6:], "P")
	if got, _ := v.Lookup("a"); got.Str() != "Plain" {
		t.Errorf("got %q: the text was copied", got.Str())
	}
}

// FuzzParseJSON: whatever encoding/json takes is taken, means the same, and is
// written the same; whatever it refuses is refused.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{
		`{"deviceId":"dev_042","temperature":23.50,"ok":true,"n":null}`, `[1,2.5,-3e-2,"a\u00e9\\\"",[],{}]`,
		`"\ud83d\ude00 \ud83d x"`, ` [ 1 , 2 ] `, `-0`, `1e400`, `00`, `[1.5,2,"x"]`, `{"a":{"a":{"a":[{}]}}}`, "\"\x7f<>&\u2028\"",
		`123456789012345678`, `0.1234567890123456789`, `{"":0,"":1}`, `tru`, `[,]`, `{"a":}`, "\"abcdefgh\x01\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > jsontext.MaxDepth || !utf8.Valid(b) {
			return
		}
		var want any
		wantErr := json.Unmarshal(b, &want)
		got, err := ParseJSON(b, JSONOptions{})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got error %v, encoding/json %v", b, err, wantErr)
		}
		i := jsontext.Space(b, 0)
		if end := jsontext.Skip(b, i); (end >= 0 && jsontext.Space(b, end) == len(b)) != json.Valid(b) {
			t.Fatalf("%q: Skip ended at %d, encoding/json valid: %v", b, end, json.Valid(b))
		}
		if err != nil {
			return
		}
		text, err := AppendJSON(nil, got)
		wantText, _ := json.Marshal(want)
		if err != nil || !bytes.Equal(text, wantText) {
			t.Fatalf("%q: written %s, %v; encoding/json %s", b, text, err, wantText)
		}
		exact, err := ParseJSON(b, JSONOptions{IntWhole: true})
		if err != nil {
			t.Fatalf("%q: with IntWhole: %v", b, err)
		}
		if _, err := AppendJSON(nil, exact); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppendJSONObject(b *testing.B) {
	v, _ := ParseJSON([]byte(`{"deviceId":"dev_042","temperature":23.57,"humidity":55}`), JSONOptions{})
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = AppendJSON(dst[:0], v)
	}
}
