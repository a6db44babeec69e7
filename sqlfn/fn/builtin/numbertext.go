package builtin

import (
	"fmt"
	"strconv"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func numberTexts() []*fn.Func {
	return []*fn.Func{
		{Name: "format", Sig: "(x number, digits int, locale? string) -> string", Mark: 'C',
			Doc: param.T("x with digits decimal places, with the separators of a locale if one is given.", "将 x 格式化为 digits 位小数；给出 locale 时使用其分隔符。"),
			Examples: []fn.Example{eg("format(12332.1234567, 4)", `"12332.1235"`), eg(`format(12332.1234567, 4, "en_US")`, `"12,332.1235"`),
				eg(`format(123456.78, 2, "de_DE")`, `"123.456,78"`), eg("format(null, 2)", "null"), eg(`format(1, 2, "xx")`, "error: not support for the specific locale:xx")},
			NewEval: func() fn.EvalFunc {
				printer := last[*message.Printer]{build: newPrinter}
				return func(_ *fn.Ctx, args []value.Value) (value.Value, error) { return format(&printer, args) }
			}},
	}
}

func newPrinter(locale string) (*message.Printer, error) {
	tag, err := language.Parse(locale)
	if err != nil {
		return nil, fmt.Errorf("not support for the specific locale:%s", locale)
	}
	return message.NewPrinter(tag), nil
}

func format(printer *last[*message.Printer], args []value.Value) (value.Value, error) {
	x, err := fn.ToFloat(args[0])
	if err != nil {
		return null, err
	}
	digits, err := fn.ToInt(args[1])
	if err != nil {
		return null, err
	}
	if digits < 0 || digits > 100 {
		return null, fmt.Errorf("format has 0 to 100 digits, not %d", digits)
	}
	if len(args) == 2 {
		return value.OfString(strconv.FormatFloat(x, 'f', int(digits), 64)), nil
	}
	p, err := printer.of(args[2])
	if err != nil {
		return null, err
	}
	return value.OfString(p.Sprint(number.Decimal(x, number.Scale(int(digits))))), nil
}
