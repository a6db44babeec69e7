package builtin_test

import (
	"testing"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// FuzzTextArguments gives the functions that compile a text of the user any
// text: they may refuse it but not panic.
func FuzzTextArguments(f *testing.F) {
	f.Add("$..book[?(@.price > 10)].title", `{"book":[{"price":11,"title":"a"}]}`)
	f.Add("yyyy-MM-dd'T'HH:mm:ssSSS", "2020-01-02")
	f.Add("^a(b|c)+$", "abc")
	f.Add("de_DE", "0x10")
	f.Add("1h30m", "-17")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		e := newEvaluator()
		p, x, ts := value.OfString(pattern), value.OfString(text), value.OfInt(1577934245123)
		for _, name := range []string{"json_path_query", "json_path_query_first", "json_path_exists", "regexp_matches", "regexp_replace", "regexp_substr"} {
			args := []value.Value{x, p, p}
			call := e.reg.Lookup(name)
			_, _ = call.Bind()(e.ctx, args)
		}
		for _, name := range []string{"format_time", "date_calc"} {
			_, _ = e.reg.Lookup(name).Bind()(e.ctx, []value.Value{ts, p})
		}
		_, _ = e.reg.Lookup("format").Bind()(e.ctx, []value.Value{value.OfFloat(1234.5), value.OfInt(2), p})
		_, _ = e.reg.Lookup("conv").Bind()(e.ctx, []value.Value{x, value.OfInt(16), value.OfInt(-10)})
		_, _ = e.reg.Lookup("decompress").Bind()(e.ctx, []value.Value{x, value.OfString("zstd")})
		_, _ = e.reg.Lookup("decompress").Bind()(e.ctx, []value.Value{x, value.OfString("gzip")})
	})
}
