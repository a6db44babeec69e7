package ast

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/value"
)

func TestNamesAreQuotedWhereTheyMustBe(t *testing.T) {
	for name, want := range map[string]string{
		"a":         "a",
		"Temp_2":    "Temp_2",
		"count":     "count",
		"timestamp": "timestamp",
		"from":      "`from`",
		"Ss":        "`Ss`",
		"partition": "`partition`",
		"null":      "`null`",
		"_a":        "`_a`",
		"1a":        "`1a`",
		"a-b":       "`a-b`",
		"x.y":       "`x.y`",
		"温度":        "`温度`",
	} {
		if got := QuoteName(name); got != want {
			t.Errorf("QuoteName(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestEveryOptionHasItsOwnPlace(t *testing.T) {
	var o Options
	seen := map[*string]string{}
	for _, name := range OptionNames() {
		p := o.Value(name)
		if p == nil || seen[p] != "" {
			t.Errorf("option %s is kept where %q is", name, seen[p])
		}
		seen[p] = name
	}
	if o.Value("NOPE") != nil || o.Value("key") != nil {
		t.Error("Value finds options that do not exist")
	}
}

func TestOperandsAreInParenthesesWhereTheyMustBe(t *testing.T) {
	a, b, c := &Ident{Name: "a"}, &Ident{Name: "b"}, &Ident{Name: "c"}
	or := &Binary{Op: "OR", L: a, R: b}
	sub := &Binary{Op: "-", L: a, R: b}
	five := &Literal{Val: value.OfInt(-5)}
	for _, x := range []struct {
		e    Expr
		want string
	}{
		{&Binary{Op: "AND", L: or, R: or}, "(a OR b) AND (a OR b)"},
		{&Binary{Op: "OR", L: or, R: c}, "a OR b OR c"},
		{&Binary{Op: "OR", L: c, R: or}, "c OR (a OR b)"},
		{&Binary{Op: "*", L: sub, R: five}, "(a - b) * -5"},
		{&Binary{Op: "-", L: c, R: sub}, "c - (a - b)"},
		{&Binary{Op: "=", L: &Unary{Op: "NOT", X: a}, R: &Between{X: a, Lo: sub, Hi: c}}, "(NOT a) = (a BETWEEN (a - b) AND c)"},
		{&Unary{Op: "NOT", X: &Binary{Op: "=", L: a, R: b}}, "NOT a = b"},
		{&Unary{Op: "NOT", X: or}, "NOT (a OR b)"},
		{&Unary{Op: "-", X: five}, "-(-5)"},
		{&Unary{Op: "-", X: &Unary{Op: "-", X: a}}, "-(-a)"},
		{&Unary{Op: "-", X: &Index{X: a, I: or}}, "-a[a OR b]"},
		{&Index{X: &Unary{Op: "-", X: a}, I: five}, "(-a)[-5]"},
		{&Deref{X: a, Name: "b"}, "(a).b"},
		{&Deref{X: a, Name: "end", Arrow: true}, "a->`end`"},
		{&Deref{X: &Ident{Stream: "a", Name: "b"}, Name: "c"}, "a.b.c"},
		{&Deref{X: &Literal{Val: value.OfInt(1)}, Name: "c"}, "(1).c"},
		{&Slice{X: sub}, "(a - b)[:]"},
		{&Like{X: sub, Pattern: sub, Not: true}, "a - b NOT LIKE (a - b)"},
		{&In{X: or, Array: a}, "(a OR b) IN a"},
		{&IsNull{X: &In{X: a, List: []Expr{or}}}, "a IN (a OR b) IS NULL"},
		{&Call{Name: "f", Args: []Expr{or, &Star{Stream: "s"}}, Over: &Over{When: or}}, "f(a OR b, s.*) OVER (WHEN a OR b)"},
	} {
		if got := x.e.String(); got != x.want {
			t.Errorf("prints %s, want %s", got, x.want)
		}
	}
}
