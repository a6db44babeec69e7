package builtin

import (
	"math"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func bits() []*fn.Func {
	two := func(name string, op func(x, y int64) int64, en, zh, want string) *fn.Func {
		return &fn.Func{Name: name, Sig: "(x int, y int) -> int", Mark: 'B', Doc: param.T(en, zh),
			Examples: []fn.Example{eg(name+"(6, 3)", want), eg(name+"(6, null)", "null"),
				on(`[{"a":2.5}]`, name+"(a, 3)", "error: Expect int type for the first operand but got 2.5")},
			Eval: bitwise(op)}
	}
	return []*fn.Func{
		two("bitand", func(x, y int64) int64 { return x & y }, "The bits set in both x and y.", "按位与。", "2"),
		two("bitor", func(x, y int64) int64 { return x | y }, "The bits set in x or y.", "按位或。", "7"),
		two("bitxor", func(x, y int64) int64 { return x ^ y }, "The bits set in only one of x and y.", "按位异或。", "5"),
		{Name: "bitnot", Sig: "(x int) -> int", Mark: 'C',
			Doc:      param.T("All bits of x turned over.", "按位取反。"),
			Examples: []fn.Example{eg("bitnot(6)", "-7"), eg("bitnot(null)", "null")},
			Eval:     fn.Strict1(func(x int64) int64 { return ^x })},
		{Name: "conv", Sig: "(x any, from int, to int) -> string", Mark: 'C',
			Doc: param.T("The number x in base from written in base to, both 2..36; a negative base means a signed number. NULL for another base.",
				"将 from 进制的数 x 转换为 to 进制（2 到 36）；负的进制表示有符号数，其他进制结果为 NULL。"),
			Examples: []fn.Example{eg(`conv("a", 16, 2)`, `"1010"`), eg(`conv("6E", 18, 8)`, `"172"`), eg("conv(-17, 10, -18)", `"-H"`),
				eg("conv(1, 99, 2)", "null"), eg("conv(null, 10, 2)", "null")},
			Eval: conv},
	}
}

func bitwise(op func(x, y int64) int64) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		x, ok := args[0].AsInt()
		if !ok {
			return null, notInt("first", args[0])
		}
		y, ok := args[1].AsInt()
		if !ok {
			return null, notInt("second", args[1])
		}
		return value.OfInt(op(x, y)), nil
	}
}

func notInt(which string, v value.Value) error {
	return fn.Sentence("Expect int type for the %s operand but got %s", which, v)
}

// conv reads the longest run of digits that x begins with, as MySQL does.
func conv(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	from, err := fn.ToInt(args[1])
	if err != nil {
		return null, err
	}
	to, err := fn.ToInt(args[2])
	if err != nil || !isBase(from) || !isBase(to) {
		return null, err
	}
	text := strings.TrimSpace(args[0].String())
	digits, negative := strings.CutPrefix(text, "-")
	n := leadingDigits(digits, uint64(max(from, -from)))
	if negative {
		n = -n
	}
	if to < 0 {
		return value.OfString(strings.ToUpper(strconv.FormatInt(int64(n), int(-to)))), nil
	}
	return value.OfString(strings.ToUpper(strconv.FormatUint(n, int(to)))), nil
}

func isBase(b int64) bool { return b >= 2 && b <= 36 || b <= -2 && b >= -36 }

// leadingDigits stops at the first character that is no digit and stays at
// the largest number when there are too many.
func leadingDigits(text string, base uint64) uint64 {
	n := uint64(0)
	for _, c := range strings.ToLower(text) {
		d := uint64(99)
		switch {
		case c >= '0' && c <= '9':
			d = uint64(c - '0')
		case c >= 'a' && c <= 'z':
			d = uint64(c-'a') + 10
		}
		if d >= base {
			break
		}
		if n > (math.MaxUint64-d)/base {
			return math.MaxUint64
		}
		n = n*base + d
	}
	return n
}
