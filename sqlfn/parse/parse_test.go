package parse

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// grouped prints e with every operator in parentheses.
func grouped(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Binary:
		return "(" + grouped(e.L) + string(e.Op) + grouped(e.R) + ")"
	case *ast.Unary:
		return "(" + string(e.Op) + " " + grouped(e.X) + ")"
	case *ast.Index:
		return "(" + grouped(e.X) + "[" + grouped(e.I) + "])"
	case *ast.Deref:
		return "(" + grouped(e.X) + "->" + e.Name + ")"
	case *ast.Between:
		return "(" + grouped(e.X) + " between " + grouped(e.Lo) + ".." + grouped(e.Hi) + ")"
	case *ast.In:
		if e.List == nil {
			return "(" + grouped(e.X) + " in " + grouped(e.Array) + ")"
		}
	case *ast.IsNull:
		return "(" + grouped(e.X) + " isnull)"
	}
	return e.String()
}

func TestOperatorsGroupByTheirStrength(t *testing.T) {
	for text, want := range map[string]string{
		"1|2&3":                       "(1|(2&3))",
		"10-2-3":                      "((10-2)-3)",
		"a+b*c-d":                     "((a+(b*c))-d)",
		"a^b+c":                       "((a^b)+c)",
		"a/b%c*d":                     "(((a/b)%c)*d)",
		"a or b and c = d":            "(aOR(bAND(c=d)))",
		"a = b != c":                  "((a=b)!=c)",
		"a+1 > b AND c":               "(((a+1)>b)ANDc)",
		"NOT a = b AND c":             "((NOT (a=b))ANDc)",
		"a AND NOT NOT b OR c":        "((aAND(NOT (NOT b)))ORc)",
		"NOT (a OR b)":                "(NOT (aORb))",
		"a BETWEEN 1 AND 5 AND b":     "((a between 1..5)ANDb)",
		"a+1 BETWEEN (1+1) AND -b":    "((a+1) between (1+1)..(- b))",
		"a IN b AND c":                "((a in b)ANDc)",
		"a + 1 IS NULL OR b":          "(((a+1) isnull)ORb)",
		"2 * a[0]":                    "(2*(a[0]))",
		"a.b.c->d[1]":                 "(((a.b->c)->d)[1])",
		"-a[0] * 2":                   "((- (a[0]))*2)",
		"a - -5":                      "(a--5)",
		"a -5":                        "(a-5)",
		"(a + b)->c":                  "((a+b)->c)",
		"-(a)":                        "(- a)",
		"a < b + 1 = c":               "((a<(b+1))=c)",
		"a LIKE \"x%\" = b":           "(a LIKE \"x%\"=b)",
		"a IN (1, 2) AND b":           "(a IN (1, 2)ANDb)",
		"x = 1 OR y = 2 AND NOT z":    "((x=1)OR((y=2)AND(NOT z)))",
		"a NOT BETWEEN 1 AND 2 OR b":  "((a between 1..2)ORb)",
		"CASE WHEN a=1 THEN 2 END +1": "(CASE WHEN a = 1 THEN 2 END+1)",
	} {
		e, err := Expr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := grouped(e); got != want {
			t.Errorf("%s groups as %s, want %s", text, got, want)
		}
	}
}

func TestLiteralsHaveTheirValues(t *testing.T) {
	for text, want := range map[string]value.Value{
		"123":                   value.OfInt(123),
		"99999999999999999999":  value.OfInt(math.MaxInt64),
		"-99999999999999999999": value.OfInt(math.MinInt64),
		"-9223372036854775808":  value.OfInt(math.MinInt64),
		"1.5":                   value.OfFloat(1.5),
		".5":                    value.OfFloat(.5),
		"2e3":                   value.OfFloat(2000),
		"1.5E-3":                value.OfFloat(.0015),
		"1e999":                 value.OfFloat(math.MaxFloat64),
		"- 5":                   value.OfInt(-5),
		"-(5)":                  value.OfInt(-5),
		"- -5":                  value.OfInt(5),
		"TrUe":                  value.True,
		"false":                 value.False,
		"null":                  {},
		`"a\n\t\"\'\\\u00e9"`:   value.OfString("a\n\t\"'\\é"),
		`'it\'s "x"'`:           value.OfString(`it's "x"`),
		`"\xff"`:                value.OfString("\xff"),
		`"中文"`:                  value.OfString("中文"),
		`""`:                    value.OfString(""),
	} {
		e, err := Expr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		lit, ok := e.(*ast.Literal)
		if !ok {
			t.Errorf("%s is a %T, want a literal", text, e)
			continue
		}
		if lit.Val.Kind() != want.Kind() || !value.Equal(lit.Val, want) {
			t.Errorf("%s = %s, want %s", text, value.Describe(lit.Val), value.Describe(want))
		}
	}
}

func TestNodesKnowTheirOffset(t *testing.T) {
	sel, err := Select("SELECT a + b -> c AS x, f(d) FROM s WHERE NOT e")
	if err != nil {
		t.Fatal(err)
	}
	bin := sel.Fields[0].X.(*ast.Binary)
	for what, pair := range map[string][2]int{
		"binary":   {bin.Offset(), 7},
		"operator": {bin.OpPos, 9},
		"deref":    {bin.R.Offset(), 11},
		"call":     {sel.Fields[1].X.Offset(), 24},
		"argument": {sel.Fields[1].X.(*ast.Call).Args[0].Offset(), 26},
		"source":   {sel.From.Pos, 34},
		"not":      {sel.Where.Offset(), 42},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is at %d, want %d", what, pair[0], pair[1])
		}
	}
}

func TestADotMakesAnIdentAndFurtherOnesDerefs(t *testing.T) {
	e, err := Expr("a.b.c->d")
	if err != nil {
		t.Fatal(err)
	}
	d := e.(*ast.Deref)
	c := d.X.(*ast.Deref)
	id := c.X.(*ast.Ident)
	if !d.Arrow || d.Name != "d" || c.Arrow || c.Name != "c" || id.Stream != "a" || id.Name != "b" {
		t.Errorf("a.b.c->d is %#v of %#v of %#v", d, c, id)
	}
	e, err = Expr("a - > b")
	if err != nil {
		t.Fatal(err)
	}
	if d := e.(*ast.Deref); !d.Arrow || d.X.(*ast.Ident).Stream != "" {
		t.Errorf("a - > b is %#v", d)
	}
}

func TestTextIsKept(t *testing.T) {
	const sql = "select  a from s;"
	sel, err := Select(sql)
	if err != nil || sel.Text != sql {
		t.Errorf("Text is %q, %v; want %q", sel.Text, err, sql)
	}
	st, err := Statement("create stream s () with ()")
	if err != nil || st.(*ast.Create).Text != "create stream s () with ()" {
		t.Errorf("%#v, %v", st, err)
	}
}

func TestStatementsAreSeparatedBySemicolons(t *testing.T) {
	all, err := Statements("-- two streams\n;CREATE STREAM a () WITH (); \n CREATE TABLE b (x BIGINT) WITH (KEY=\"x\");;SHOW STREAMS -- end")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 || all[1].(*ast.Create).Text != `CREATE TABLE b (x BIGINT) WITH (KEY="x")` {
		t.Errorf("read %d statements: %v", len(all), all)
	}
	_, err = Statements("SHOW STREAMS;\nSHOW TABELS")
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v", err)
	}
	if line, col, _ := e.Position(); line != 2 || col != 6 {
		t.Errorf("error is at %d:%d, want 2:6", line, col)
	}
}

func TestSelectRefusesOtherStatements(t *testing.T) {
	_, err := Select("SHOW STREAMS")
	if err == nil || err.Error() != "SQL SHOW STREAMS is not a select statement." {
		t.Errorf("error is %v", err)
	}
}

func TestErrorsShowThePlace(t *testing.T) {
	_, err := Statement("SELECT a\nFORM demo")
	var e *diag.Error
	if !errors.As(err, &e) || e.Code != diag.Parse {
		t.Fatalf("error is %#v", err)
	}
	want := "line 2, column 1: found \"FORM\", expected FROM. did you mean \"FROM\"?\nFORM demo\n^"
	if got := e.Detail(); got != want {
		t.Errorf("detail is\n%s\nwant\n%s", got, want)
	}
}

func TestNestingIsLimited(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses": strings.Repeat("(", 1e5),
		"closed":      strings.Repeat("(", 1e5) + "a" + strings.Repeat(")", 1e5),
		"calls":       strings.Repeat("f(", 1e5),
		"minus":       strings.Repeat("- ", 1e5) + "a",
		"not":         strings.Repeat("NOT ", 1e5) + "a",
		"brackets":    strings.Repeat("a[", 1e5),
		"case":        strings.Repeat("CASE ", 1e5),
		"chain":       "a" + strings.Repeat("+a", 1e5),
		"postfix":     "a" + strings.Repeat("[0]", 1e5),
		"between":     strings.Repeat("a BETWEEN -(", 1e5),
	} {
		_, err := Expr(text)
		if err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	_, err := Statement("CREATE STREAM s (a " + strings.Repeat("ARRAY(", 1e5))
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("types: error is %v", err)
	}
	if _, err := Expr(strings.Repeat("(", 100) + "a" + strings.Repeat(")", 100)); err != nil {
		t.Errorf("100 parentheses: %v", err)
	}
	if _, err := Expr("a = 1" + strings.Repeat(" OR a = 1", 1000)); err != nil {
		t.Errorf("1000 conditions: %v", err)
	}
}

func TestOptionNamesNeedNoUnderscore(t *testing.T) {
	st, err := Statement(`CREATE STREAM s () WITH (confKey = "k", strictValidation = "true", RETAIN_SIZE = "", retainSize = "3", timestampFormat = "yyyy")`)
	if err != nil {
		t.Fatal(err)
	}
	o := st.(*ast.Create).Options
	if o.ConfKey != "k" || o.StrictValidation != "true" || o.RetainSize != "3" || o.TimestampFormat != "yyyy" {
		t.Errorf("options are %+v", o)
	}
}
