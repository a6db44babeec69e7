package builtin

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func rounding() []*fn.Func {
	return []*fn.Func{
		{Name: "ceil", Aliases: []string{"ceiling"}, Sig: "(x number) -> float", Mark: 'A',
			Doc:      param.T("The smallest whole number not below x.", "不小于 x 的最小整数。"),
			Examples: []fn.Example{eg("ceil(1.2)", "2"), eg("ceil(-1.5)", "-1"), eg("ceiling(null)", "null")},
			Eval:     fn.Strict1(math.Ceil)},
		{Name: "floor", Sig: "(x number) -> float", Mark: 'A',
			Doc:      param.T("The largest whole number not above x.", "不大于 x 的最大整数。"),
			Examples: []fn.Example{eg("floor(1.9)", "1"), eg("floor(-1.5)", "-2"), eg("floor(null)", "null")},
			Eval:     fn.Strict1(math.Floor)},
		{Name: "round", Sig: "(x number, digits? int) -> float", Mark: 'A',
			Doc: param.T("x rounded to digits decimal places (0 if not given), half away from zero; negative digits round before the point.",
				"将 x 四舍五入到 digits 位小数（默认 0）；digits 为负时在小数点前舍入。"),
			Examples: []fn.Example{eg("round(-2.5)", "-3"), eg("round(42.4382, 2)", "42.44"), eg("round(1234, -2)", "1200"), eg("round(1.005, 2)", "1"),
				eg("round(null)", "null")},
			Eval: round},
		{Name: "trunc", Sig: "(x number, digits int) -> float", Mark: 'B',
			Doc: param.T("x with digits decimal places. It rounds, as it always did: trunc(1.29, 1) is 1.3.",
				"保留 digits 位小数的 x。与历来行为一致，会四舍五入：trunc(1.29, 1) 为 1.3。"),
			Examples: []fn.Example{eg("trunc(1.29, 1)", "1.3"), eg("trunc(-3.9, 0)", "-4"), eg("trunc(3.14159, 2)", "3.14"), eg("trunc(null, 2)", "null")},
			Eval:     round},
		{Name: "abs", Sig: "(x number) -> number", Mark: 'A',
			Doc: param.T("The absolute value of x, of the same type.", "x 的绝对值，类型不变。"),
			Examples: []fn.Example{eg("abs(-3)", "3"), eg("abs(-3.5)", "3.5"), eg("abs(null)", "null"),
				on(`[{"s":"a"}]`, "abs(s)", "error: only float64 & int type are supported")},
			Eval: abs},
		{Name: "sign", Sig: "(x number) -> int", Mark: 'B',
			Doc:      param.T("-1, 0 or 1 as x is below, equal to or above zero.", "x 为负、零、正时分别为 -1、0、1。"),
			Examples: []fn.Example{eg("sign(-4)", "-1"), eg("sign(2.5)", "1"), eg("sign(0)", "0"), eg("sign(null)", "null")},
			Eval:     fn.Strict1(sign)},
	}
}

func round(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	x, err := fn.ToFloat(args[0])
	if err != nil || len(args) == 1 {
		return value.OfFloat(math.Round(x)), err
	}
	digits, err := fn.ToInt(args[1])
	if err != nil {
		return null, err
	}
	return value.OfFloat(roundTo(x, digits)), nil
}

// roundTo rounds half away from zero. Beyond the digits that a float64 has it
// returns x, or 0.
func roundTo(x float64, digits int64) float64 {
	if digits < -308 {
		return 0
	}
	scale := math.Pow10(int(min(max(digits, -digits), 400)))
	if digits < 0 {
		return math.Round(x/scale) * scale
	}
	if scaled := x * scale; !math.IsInf(scaled, 0) {
		return math.Round(scaled) / scale
	}
	return x
}

func abs(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	switch v := args[0]; v.Kind() {
	case value.Int:
		if i := v.Int(); i < 0 {
			return value.OfUint(-uint64(i)), nil // of the smallest int64 too
		}
		return v, nil
	case value.Uint:
		return v, nil
	}
	f, err := fn.ToFloat(args[0])
	return value.OfFloat(math.Abs(f)), err
}

func sign(x float64) int64 {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}

func arithmetic() []*fn.Func {
	return []*fn.Func{
		{Name: "mod", Sig: "(x number, y number) -> float", Mark: 'A',
			Doc:      param.T("The remainder of x / y with the sign of x, always a float.", "x 除以 y 的余数，符号同 x，结果为浮点数。"),
			Examples: []fn.Example{eg("mod(7, 3)", "1"), eg("mod(-7, 3)", "-1"), eg("mod(7.5, 2)", "1.5"), eg("mod(null, 2)", "null")},
			Eval:     fn.Strict2(math.Mod)},
		{Name: "pi", Sig: "() -> float", Mark: 'C',
			Doc:      param.T("The number pi.", "圆周率。"),
			Examples: []fn.Example{eg("pi()", "3.141592653589793")},
			Eval:     func(*fn.Ctx, []value.Value) (value.Value, error) { return value.OfFloat(math.Pi), nil }},
		{Name: "rand", Sig: "() -> float", Mark: 'B', Volatile: true,
			Doc:      param.T("A random number from 0 up to but not including 1.", "[0, 1) 内的随机数。"),
			Examples: []fn.Example{eg("floor(rand())", "0")},
			Eval:     func(*fn.Ctx, []value.Value) (value.Value, error) { return value.OfFloat(rand.Float64()), nil }},
	}
}

func powers() []*fn.Func {
	return []*fn.Func{
		{Name: "power", Aliases: []string{"pow"}, Sig: "(x number, y number) -> float", Mark: 'A',
			Doc:      param.T("x to the power of y.", "x 的 y 次方。"),
			Examples: []fn.Example{eg("power(2, 10)", "1024"), eg("pow(2, -1)", "0.5"), eg("power(2, null)", "null")},
			Eval:     fn.Strict2(math.Pow)},
		{Name: "sqrt", Sig: "(x number) -> float", Mark: 'A',
			Doc:      param.T("The square root of x, an error below zero.", "x 的平方根，负数报错。"),
			Examples: []fn.Example{eg("sqrt(9)", "3"), eg("sqrt(null)", "null"), eg("sqrt(-1)", "error: The argument must be a positive number but got -1")},
			Eval:     fn.Try1(sqrt)},
		{Name: "exp", Sig: "(x number) -> float", Mark: 'B',
			Doc:      param.T("e to the power of x.", "e 的 x 次方。"),
			Examples: []fn.Example{eg("exp(1)", "2.718281828459045"), eg("exp(null)", "null")},
			Eval:     fn.Strict1(math.Exp)},
		{Name: "ln", Sig: "(x number) -> float", Mark: 'B',
			Doc:      param.T("The natural logarithm of x.", "x 的自然对数。"),
			Examples: []fn.Example{eg("ln(1)", "0"), eg("ln(null)", "null"), eg("ln(-1)", "error: The argument must be a strictly positive number but got -1")},
			Eval:     fn.Try1(ln)},
		{Name: "log", Sig: "(x number, y? number) -> float", Mark: 'B',
			Doc: param.T("The logarithm of x to base 10; with two arguments of the second to the base of the first.",
				"以 10 为底 x 的对数；两个参数时为以第一个为底、第二个的对数。"),
			Examples: []fn.Example{eg("log(100)", "2"), eg("log(2, 8)", "3"), eg("log(null)", "null"),
				eg("log(0)", "error: The argument must be a strictly positive number but got 0")},
			Eval: log},
	}
}

func sqrt(x float64) (float64, error) {
	if x < 0 {
		return 0, fn.Sentence("The argument must be a positive number but got %v", x)
	}
	return math.Sqrt(x), nil
}

func ln(x float64) (float64, error) {
	if x < 0 {
		return 0, notPositive(x)
	}
	return math.Log(x), nil
}

func notPositive(x float64) error {
	return fn.Sentence("The argument must be a strictly positive number but got %v", x)
}

func log(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	base := 10.0
	x, err := fn.ToFloat(args[len(args)-1])
	if err == nil && len(args) == 2 {
		base, err = fn.ToFloat(args[0])
	}
	switch {
	case err != nil:
		return null, err
	case x <= 0:
		return null, notPositive(x)
	case base <= 0:
		return null, notPositive(base)
	case base == 10:
		return value.OfFloat(math.Log10(x)), nil
	case base == 2:
		return value.OfFloat(math.Log2(x)), nil
	}
	return value.OfFloat(math.Log(x) / math.Log(base)), nil
}

func trigonometry() []*fn.Func {
	of := func(name string, mark byte, f func(float64) float64, en, zh string, examples ...fn.Example) *fn.Func {
		return &fn.Func{Name: name, Sig: "(x number) -> float", Mark: mark, Doc: param.T(en, zh),
			Examples: append(examples, eg(name+"(null)", "null")), Eval: inDomain(f)}
	}
	return []*fn.Func{
		of("sin", 'B', math.Sin, "The sine of x radians.", "x（弧度）的正弦。", eg("sin(0)", "0")),
		of("cos", 'B', math.Cos, "The cosine of x radians.", "x（弧度）的余弦。", eg("cos(0)", "1")),
		of("tan", 'B', math.Tan, "The tangent of x radians.", "x（弧度）的正切。", eg("tan(0)", "0")),
		of("asin", 'B', math.Asin,
			"The angle in radians whose sine is x; NULL unless x is from -1 to 1.", "正弦为 x 的弧度；x 超出 -1 到 1 时为 NULL。", eg("asin(0)", "0"), eg("asin(2)", "null")),
		of("acos", 'B', math.Acos,
			"The angle in radians whose cosine is x; NULL unless x is from -1 to 1.", "余弦为 x 的弧度；x 超出 -1 到 1 时为 NULL。", eg("acos(1)", "0"), eg("acos(2)", "null")),
		of("atan", 'B', math.Atan, "The angle in radians whose tangent is x.", "正切为 x 的弧度。", eg("atan(1)", "0.7853981633974483")),
		of("sinh", 'B', math.Sinh, "The hyperbolic sine of x.", "x 的双曲正弦。", eg("sinh(0)", "0")),
		of("cosh", 'B', math.Cosh, "The hyperbolic cosine of x.", "x 的双曲余弦。", eg("cosh(0)", "1")),
		of("tanh", 'B', math.Tanh, "The hyperbolic tangent of x.", "x 的双曲正切。", eg("tanh(0)", "0")),
		of("radians", 'C', func(x float64) float64 { return x * math.Pi / 180 }, "x degrees in radians.", "将角度 x 转换为弧度。", eg("radians(180)", "3.141592653589793")),
		of("degrees", 'C', func(x float64) float64 { return x * 180 / math.Pi }, "x radians in degrees.", "将弧度 x 转换为角度。", eg("degrees(3.141592653589793)", "180")),
		{Name: "cot", Sig: "(x number) -> float", Mark: 'C',
			Doc:      param.T("The cotangent of x radians, an error for 0.", "x（弧度）的余切，x 为 0 时报错。"),
			Examples: []fn.Example{eg("round(cot(1), 10)", "0.6420926159"), eg("cot(0)", "error: out-of-range error"), eg("cot(null)", "null")},
			Eval: fn.Try1(func(x float64) (float64, error) {
				if x == 0 {
					return 0, errors.New("out-of-range error")
				}
				return 1 / math.Tan(x), nil
			})},
		{Name: "atan2", Sig: "(y number, x number) -> float", Mark: 'C',
			Doc:      param.T("The angle in radians of the point (x, y).", "点 (x, y) 的方位角（弧度）。"),
			Examples: []fn.Example{eg("atan2(1, 1)", "0.7853981633974483"), eg("atan2(null, 1)", "null")},
			Eval:     fn.Strict2(math.Atan2)},
	}
}

// inDomain gives NULL where f has no value.
func inDomain(f func(float64) float64) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		x, err := fn.ToFloat(args[0])
		if y := f(x); err == nil && !math.IsNaN(y) {
			return value.OfFloat(y), nil
		}
		return null, err
	}
}
