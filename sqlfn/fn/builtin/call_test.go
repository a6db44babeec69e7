package builtin_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var (
	nan      = value.OfFloat(math.NaN())
	inf      = value.OfFloat(math.Inf(1))
	minusInf = value.OfFloat(math.Inf(-1))
)

func TestWrongCallsAreRefusedWhenTheRuleIsMade(t *testing.T) {
	for expr, want := range map[string]string{
		`concat("a", 1)`:            "Expect string type for parameter 2.",
		`concat()`:                  "Expect at least 1 arguments but found 0.",
		`startswith("a")`:           "Expect 2 arguments but found 1.",
		`round(1, 2, 3)`:            "Expect 1 to 2 arguments but found 3.",
		`abs("a")`:                  "Expect number type for parameter 1.",
		`bitand(1, 1.5)`:            "Expect int type for parameter 2.",
		`hour("x")`:                 "Expect datetime type for parameter 1.",
		`hour(5)`:                   "Expect datetime type for parameter 1.",
		`format_time(x, 5)`:         "Expect string type for parameter 2.",
		`cast(1, "text")`:           "Expect one of following value for the 2nd parameter: bigint, float, string, boolean, datetime, bytea.",
		`cast(1, x)`:                "Expect a literal for parameter 2.",
		`substring("a", -1)`:        "The start index should not be a nagtive integer.",
		`substring("a", 2, 1)`:      "The end index should be larger than start index.",
		`split_value("a", "b", -1)`: "The index should not be a nagtive integer.",
		`regexp_matches("a", "(")`:  "error parsing regexp: missing closing ): `(`",
		`encode("a", "hex")`:        "Only base64 encoding is supported.",
		`mqtt("qos")`:               "Parameter of mqtt function can be only topic or messageid.",
		`object_construct("a")`:     "the args must be key value pairs",
		`object_construct(1, 2)`:    "Expect string type for parameter 1.",
		`coalesce()`:                "Expect at least 1 arguments but found 0.",
		`lag(x, 0)`:                 "the offset of lag must be 1 to 100000, not 0",
		`lag(x, y)`:                 "Expect a literal for parameter 2.",
		`had_changed(1, x)`:         "Expect bool type for parameter 1.",
		`sum("a")`:                  "Expect number type for parameter 1.",
		`acc_sum(x, true)`:          "begin and reset of an acc function are given together",
		`array_map("sum", x)`:       "array_map cannot call sum: it is not a scalar function of one argument",
		`array_contains(1, 2)`:      "Expect array type for parameter 1.",
		`sum(*)`:                    "sum does not take *",
	} {
		if _, err := newEvaluator().run(expr, ""); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", expr, err, want)
		}
	}
}

func TestColumnsAreConvertedWhereLiteralsAreRefused(t *testing.T) {
	const rows = `[{"i":5,"f":1.5,"s":"str","b":true,"a":[1,2.5],"o":{"k":1},"n":null}]`
	for expr, want := range map[string]string{
		"concat(s, i)":          `"str5"`,
		"concat(s, f, b)":       `"str1.5true"`,
		"concat(o)":             `"map[k:1]"`,
		"length(i)":             "1",
		"upper(b)":              `"TRUE"`,
		"startswith(f, i)":      "false",
		"md5(i)":                `"e4da3b7fbbce2345d7772b0674a318d5"`,
		"bitand(i, 4)":          "4",
		"substring(f, 1)":       `".5"`,
		"indexof(s, n)":         "-1",
		"abs(s)":                "error: only float64 & int type are supported",
		"sum(s)":                "error: run sum function error: found invalid arg string(str)",
		"max(a)":                "error: run max function error: found invalid arg []interface {}([1 2.5])",
		"round(i, f)":           "error: expect int type but got float64(1.5)",
		"array_contains(a,i)":   "false",
		"element_at(a, -3)":     "error: index out of range",
		"split_value(s, s, 0)":  `""`,
		`split_value(s, "", 2)`: `"r"`,
		`split_value(s, "", 3)`: "error: 3 out of index array (size = 3)",
	} {
		if got := show(newEvaluator().run(expr, rows)); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func TestNumbersKeepTheirType(t *testing.T) {
	for expr, want := range map[string]value.Kind{
		"abs(-3)": value.Int, "abs(-3.0)": value.Float, "ceil(1)": value.Float, "mod(7, 4)": value.Float, "sign(2.5)": value.Int,
		"length(s)": value.Int, "sum(i)": value.Int, "sum(f)": value.Float, "avg(i)": value.Int, "avg(f)": value.Float, "count(i)": value.Int,
		"max(i)": value.Int, "abs(small)": value.Uint, "sum(mixed)": value.Float,
	} {
		v, err := newEvaluator().run(expr, `[{"i":1,"f":1.5,"s":"a","mixed":1},{"i":2,"f":2.5,"s":"b","mixed":1.5,"small":-9223372036854775808}]`)
		if err != nil || v.Kind() != want {
			t.Errorf("%s: got %s %v, %v, want %s", expr, v.Kind(), v, err, want)
		}
	}
}

func TestCastConvertsOrSaysWhyNot(t *testing.T) {
	moment := value.OfTime(time.UnixMilli(5).UTC())
	arr, obj := value.From([]any{3.0, 1.0}), value.From(map[string]any{"k": 1.0, "l": 2.0})
	kinds := []value.Kind{value.Int, value.Float, value.String, value.Bool, value.Time, value.Bytes}
	for _, c := range []struct {
		from value.Value
		want [6]string // in the order of kinds; "" is an error
	}{
		{value.OfInt(1), [6]string{"1", "1", `"1"`, "true", `"1970-01-01T00:00:00.001Z"`, ""}},
		{value.OfFloat(2.7), [6]string{"2", "2.7", `"2.7"`, "true", `"1970-01-01T00:00:00.002Z"`, ""}},
		{value.OfFloat(1e300), [6]string{"", "1e+300", `"1` + strings.Repeat("0", 300) + `"`, "true", "", ""}},
		{value.OfString("0x10"), [6]string{"16", "", `"0x10"`, "", "", `"MHgxMA=="`}},
		{value.OfString("12.7"), [6]string{"", "12.7", `"12.7"`, "", "", `"MTIuNw=="`}},
		{value.OfString(""), [6]string{"", "", `""`, "", "", `""`}},
		{value.OfString("t"), [6]string{"", "", `"t"`, "true", "", `"dA=="`}},
		{value.OfString("2020-01-02 03:04:05"), [6]string{"", "", `"2020-01-02 03:04:05"`, "", `"2020-01-02T03:04:05Z"`, `"MjAyMC0wMS0wMiAwMzowNDowNQ=="`}},
		{value.True, [6]string{"1", "1", `"true"`, "true", "", ""}},
		{moment, [6]string{"", "", `"1970-01-01 00:00:00.005 +0000 UTC"`, "", `"1970-01-01T00:00:00.005Z"`, ""}},
		{arr, [6]string{"", "", `"[3 1]"`, "", "", ""}},
		{obj, [6]string{"", "", `"map[k:1 l:2]"`, "", "", ""}},
		{value.OfBytes([]byte("hi")), [6]string{"", "", `"hi"`, "", "", `"aGk="`}},
	} {
		for i, k := range kinds {
			v, err := builtin.Cast(c.from, k, time.UTC)
			if got := show(v, err); c.want[i] == "" && err == nil || c.want[i] != "" && got != c.want[i] {
				t.Errorf("%s to %s: got %s, want %s", c.from, k, got, c.want[i])
			}
		}
	}
}

func TestTimesAreThoseOfTheConfiguredZone(t *testing.T) {
	e := newEvaluator()
	e.ctx.Loc = time.FixedZone("CST", 8*3600)
	for expr, want := range map[string]string{
		"hour(ts)":                         "11",
		"now()":                            `"2020-01-02 11:04:05"`,
		"cur_time(6)":                      `"11:04:05.123000"`,
		`format_time(ts, "HH:mm XXX")`:     `"11:04 +08:00"`,
		`format_time(text, "yyyy HH XXX")`: `"2020 03 +08:00"`,
		`cast("2020-01-02 03:04:05", "datetime")`: `"2020-01-02T03:04:05+08:00"`,
		"from_unix_time(5)":                       `"1970-01-01 08:00:05"`,
		`hour(bad)`:                               "error: Can't parse string as time: zz",
		`convert_tz(ts, "UTC")`:                   `"2020-01-02T03:04:05.123Z"`,
		`date_calc(text, "-4h")`:                  `"2020-01-01 23:04:05"`,
	} {
		if got := show(e.run(expr, `[{"ts":1577934245123,"text":"2020-01-02 03:04:05","bad":"zz"}]`)); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func TestAPatternInAColumnMayChange(t *testing.T) {
	const rows = `[{"p":"^a"},{"p":"^b"},{"p":"("},{"p":"^a"}]`
	e := newEvaluator()
	f := e.reg.Lookup("regexp_matches").Bind()
	var got []string
	for _, p := range []string{"^a", "^b", "(", "^a", "^a"} {
		v, err := f(e.ctx, []value.Value{value.OfString("abc"), value.OfString(p)})
		got = append(got, show(v, err))
	}
	if want := "true false error: error parsing regexp: missing closing ): `(` true true"; strings.Join(got, " ") != want {
		t.Errorf("over %s: got %s, want %s", rows, got, want)
	}
}

// odd are arguments that nobody expects.
func odd(r *rand.Rand) value.Value {
	all := []value.Value{
		{}, value.ExplicitNull, value.True, value.OfInt(0), value.OfInt(-1), value.OfInt(3), value.OfInt(math.MaxInt64), value.OfInt(math.MinInt64),
		value.OfUint(math.MaxUint64), value.OfFloat(0.5), value.OfFloat(1e308), nan, inf, minusInf, value.OfString(""), value.OfString("a"), value.OfString("\xff"),
		value.OfString("[1,{}]"), value.OfString("$..a"), value.OfString("yyyy-MM"), value.OfString("base64"), value.OfString("zstd"), value.OfBytes(nil), value.OfBytes([]byte{0, 255}),
		value.OfTime(time.Unix(0, 0)), value.OfTime(time.Time{}), value.OfArray(nil), value.OfArray([]value.Value{{}, value.OfInt(1), value.OfString("x"), value.OfObject(nil)}),
		value.OfInts([]int64{3, 1}), value.OfFloats([]float64{math.NaN(), 1}), value.OfObject(nil), value.OfObject([]value.Member{{Name: "k", Val: value.OfInt(1)}, {Name: "", Val: value.Value{}}}),
	}
	return all[r.IntN(len(all))]
}

func TestNoFunctionPanicsWhateverItIsGiven(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	e := newEvaluator()
	if _, err := e.run("rule_id()", ""); err != nil {
		t.Fatal(err)
	}
	for _, f := range e.reg.All() {
		for range 400 {
			var args []value.Value
			for _, a := range f.Args() {
				if a.Optional && r.IntN(2) == 0 {
					break
				}
				args = append(args, odd(r))
			}
			if !try(t, e.ctx, f, args) {
				break
			}
		}
	}
}

func try(t *testing.T, c *fn.Ctx, f *fn.Func, args []value.Value) (ok bool) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			ok = false
			t.Errorf("%s%v panics: %v", f.Name, args, p)
		}
	}()
	switch {
	case f.NewAggregate != nil:
		if f.RowArg {
			args = append(args, value.OfObject(nil))
		}
		a := f.NewAggregate()
		_ = a.Add(c, args)
		_, _ = a.Result(c)
	case f.NewAnalytic != nil:
		a := f.NewAnalytic()
		_, _ = a.Eval(c, args)
		_, _ = a.Eval(c, args)
	case f.Columns != nil:
		_, _ = f.Columns([]string{"", "", "a", "*", "c"}).Eval(c, args)
	case f.Rows != nil:
		_, _ = f.Rows(c, args)
	default:
		_, _ = f.Bind()(c, args)
	}
	return true
}
