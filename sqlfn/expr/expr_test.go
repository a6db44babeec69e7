package expr_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// The columns of the expressions below, by slot.
var columns = []value.Member{
	{Name: "i", Val: value.OfInt(7)},
	{Name: "f", Val: value.OfFloat(2.5)},
	{Name: "s", Val: value.OfString("str")},
	{Name: "b", Val: value.True},
	{Name: "n", Val: value.Value{}},
	{Name: "big", Val: value.OfUint(math.MaxUint64)},
	{Name: "nan", Val: value.OfFloat(math.NaN())},
	{Name: "ints", Val: value.OfInts([]int64{3, 1, 2})},
	{Name: "floats", Val: value.OfFloats([]float64{0.5, 1.5})},
	{Name: "o", Val: value.From(map[string]any{"k": 5, "sub": map[string]any{"z": "deep"}})},
	{Name: "t", Val: value.OfTime(time.UnixMilli(1577934245123).UTC())},
}

func compile(t testing.TB, text string) expr.Func {
	t.Helper()
	tree, err := parse.Expr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	tree, err = ast.Rewrite(tree, func(e ast.Expr) (ast.Expr, error) {
		id, ok := e.(*ast.Ident)
		if !ok {
			return nil, nil
		}
		name := id.Name
		if id.Stream != "" {
			name = id.Stream
		}
		for i, c := range columns {
			if c.Name != name {
				continue
			}
			if id.Stream != "" {
				return &ast.Deref{X: &plan.Slot{Index: i, Name: name}, Name: id.Name}, nil
			}
			return &plan.Slot{Index: i, Name: name}, nil
		}
		t.Fatalf("%s: no column %s", text, name)
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := expr.Compile(tree)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

func testRow() *row.Row {
	r := &row.Row{}
	for _, c := range columns {
		r.Cols = append(r.Cols, c.Val)
	}
	return r
}

func TestOperatorsFollowTheRulesOfTheLanguage(t *testing.T) {
	tests := map[string]string{
		"i / 2": "3", "-7 / 2": "-3", "-5 % 3": "-2", "i + f": "9.5", "5.5 % -2": "1.5", "i * 2 - 4": "10", "-i": "-7",
		"9223372036854775807 + 1": "-9223372036854775808", "big - i": "18446744073709551608", "big > i": "true", "i < big": "true",
		"i / 0": "error: divided by zero", "f % 0": "error: divided by zero",
		"s + s": "error: invalid operation string(str) + string(str)", "f > s": "error: invalid operation float64(2.5) > string(str)",
		"b > b": "error: invalid operation bool(true) > bool(true)", "o = o": "error: = is an invalid operation for map[string]interface {}",
		"n + 1": "null", "n = 1": "false", "n != 1": "false", "n OR TRUE": "false", "b AND n": "false", "NOT n": "null", "NOT b": "false",
		"b OR s": "true", "b AND s": "error: invalid operation bool(true) AND string(str)",
		"1 = 1.0": "true", "nan = nan": "false", "nan != nan": "true", "nan > 1": "false", `s < "sts"`: "true",
		"i & 3": "3", "i | 8": "15", "i ^ 2": "5", "f & 1": "error: invalid operation float64(2.5) & int64(1)",
		"i BETWEEN 7 AND 9": "true", "i NOT BETWEEN 7 AND 9": "false", "n BETWEEN 1 AND 2": "false",
		`s LIKE "s%"`: "true", `s LIKE "s.r"`: "false", `s LIKE "s_r"`: "true", `"a%b" LIKE "a\\%b"`: "true", `"axb" LIKE "a\\%b"`: "false",
		`i LIKE "7"`: "error: LIKE operator left operand expects string, but found 7", `n LIKE "x"`: "false", `s NOT LIKE "x"`: "true",
		"i IN (1, 7)": "true", "i NOT IN (1, 7)": "false", "1 IN ints": "true", "n IN (1)": "false", "i IN n": "false",
		`i IN (1, "x")`: "error: evaluate in expression error: invalid operation int64(7) = string(x)", "i IN s": "error: evaluate in expression error: string(str) is not an array",
		"ints[0]": "3", "ints[-1]": "2", "floats[1]": "1.5", "n[0]": "null", "ints[5]": "error: out of index: 5 of 3",
		"ints[1:]": "[1,2]", "ints[:-1]": "[3,1]", "ints[-2:-1]": "[1]", "ints[:]": "[3,1,2]", "ints[1:9]": "error: end value is out of index: 9 of 3",
		"o.k": "5", "o->k": "5", "o->sub->z": "deep", "o->nope": "null", "n->x": "null", "s->x": "error: the result [str] is not a type of map[string]interface{}",
		`CASE WHEN i > 5 THEN "big" ELSE "small" END`: "big", `CASE i WHEN 7 THEN "seven" END`: "seven", "CASE i WHEN 8 THEN 1 END": "null",
		`CASE f WHEN "x" THEN 1 END`: "error: evaluate case expression error: invalid operation float64(2.5) = string(x)",
		"n IS NULL":                  "true", "i IS NOT NULL": "true",
		"t = 1577934245123": "true", `t > "2020-01-01"`: "true", "t < b": "error: invalid operation time.Time(2020-01-02T03:04:05.123Z) < bool(true)",
	}
	c := &fn.Ctx{Loc: time.UTC}
	for text, want := range tests {
		v, err := compile(t, text)(c, testRow())
		got := "null"
		switch {
		case err != nil:
			got = "error: " + err.Error()
		case v.IsArray():
			b, _ := value.AppendJSON(nil, v)
			got = string(b)
		case !v.IsNull():
			got = v.String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestAConditionThatIsNoBooleanIsAnError(t *testing.T) {
	c := &fn.Ctx{Loc: time.UTC}
	if _, err := expr.True(compile(t, "f"), c, testRow()); err == nil || !strings.Contains(err.Error(), "non-bool value float64(2.5)") {
		t.Errorf("error is %v", err)
	}
	if ok, err := expr.True(compile(t, "n"), c, testRow()); ok || err != nil {
		t.Errorf("NULL is %t, %v", ok, err)
	}
}

func BenchmarkExpression(b *testing.B) {
	for _, text := range []string{"f > 30", "f*1.8+32 > 80", `s = "str" AND i BETWEEN 1 AND 9`, "ints[0] + ints[1] > 3"} {
		b.Run(text, func(b *testing.B) {
			f, c, r := compile(b, text), &fn.Ctx{Loc: time.UTC}, testRow()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(c, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
