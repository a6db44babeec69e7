package parse

import "testing"

func FuzzStatement(f *testing.F) {
	for _, c := range canonical {
		f.Add(c.sql)
	}
	for _, c := range refused {
		f.Add(c.sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		st, err := Statement(sql)
		if err != nil {
			return
		}
		printed := st.String()
		again, err := Statement(printed)
		if err != nil {
			t.Fatalf("%q\nprints as %q\nwhich is refused: %v", sql, printed, err)
		}
		if got := again.String(); got != printed {
			t.Fatalf("%q\nprints as %q\nthen as  %q", sql, printed, got)
		}
	})
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{"a+b*c", "-a[0].b", "NOT a = b", "a.b.c->d[1:2]", "(a).b", "- -9223372036854775808", "x IN (1,2)", "'a\\x00'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Expr(text)
		if err != nil {
			return
		}
		printed := e.String()
		again, err := Expr(printed)
		if err != nil {
			t.Fatalf("%q\nprints as %q\nwhich is refused: %v", text, printed, err)
		}
		if grouped(again) != grouped(e) || again.String() != printed {
			t.Fatalf("%q groups as %s\nprinted %q as %s", text, grouped(e), printed, grouped(again))
		}
	})
}
