package builtin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func codings() []*fn.Func {
	return []*fn.Func{
		{Name: "encode", Sig: "(x string, method string) -> string", Mark: 'B', Check: checkBase64,
			Doc: param.T(`x in base64; the method must be "base64".`, `将 x 编码为 base64；method 只能为 "base64"。`),
			Examples: []fn.Example{eg(`encode("hi", "base64")`, `"aGk="`), eg(`encode(null, "base64")`, "null"),
				on(`[{"i":5}]`, `encode(i, "base64")`, "error: Only string type can be encoded.")},
			Eval: coding("encoded", func(v value.Value) (value.Value, error) {
				return value.OfString(base64.StdEncoding.EncodeToString(v.Bytes())), nil
			})},
		{Name: "decode", Sig: "(x string, method string) -> bytea", Mark: 'B', Check: checkBase64,
			Doc: param.T(`The bytes that the base64 text x stands for; the method must be "base64".`, `将 base64 文本 x 解码为字节；method 只能为 "base64"。`),
			Examples: []fn.Example{eg(`decode("aGk=", "base64")`, `"aGk="`), eg(`decode(null, "base64")`, "null"),
				eg(`decode("%", "base64")`, "error: illegal base64 data at input byte 0")},
			Eval: coding("decoded", func(v value.Value) (value.Value, error) {
				b, err := base64.StdEncoding.DecodeString(v.Str())
				return value.OfBytes(b), err
			})},
		{Name: "hex2dec", Sig: "(x string) -> int", Mark: 'C',
			Doc: param.T("The number of a hexadecimal text, with or without 0x.", "将十六进制文本（可带 0x）转换为整数。"),
			Examples: []fn.Example{eg(`hex2dec("0x10")`, "16"), eg(`hex2dec("10")`, "16"), eg("hex2dec(null)", "null"),
				eg(`hex2dec("zz")`, "error: invalid hexadecimal value: zz")},
			Eval: fn.Try1(func(s string) (int64, error) {
				i, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X"), 16, 64)
				if err != nil {
					return 0, fmt.Errorf("invalid hexadecimal value: %s", s)
				}
				return i, nil
			})},
		{Name: "dec2hex", Sig: "(x int) -> string", Mark: 'C',
			Doc:      param.T("x as a hexadecimal text behind 0x.", "将整数转换为带 0x 的十六进制文本。"),
			Examples: []fn.Example{on(`[{"i":5}]`, "dec2hex(i)", `"0x5"`), eg("dec2hex(null)", "null")},
			Eval: fn.Strict1(func(i int64) string {
				if i < 0 {
					return "-0x" + strconv.FormatUint(-uint64(i), 16)
				}
				return "0x" + strconv.FormatInt(i, 16)
			})},
		{Name: "chr", Sig: "(x any) -> int", Mark: 'C',
			Doc: param.T("The code point number of a text of one character; a number as it is.", "单个字符文本的码点；整数原样返回。"),
			Examples: []fn.Example{eg("chr(65)", "65"), eg(`chr("A")`, "65"), eg("chr(null)", "null"),
				eg(`chr("AB")`, "error: Parameter length cannot larger than 1."),
				eg(`chr("")`, "error: the text of chr must have one character")},
			Eval: chr},
	}
}

func checkBase64(args []value.Value) error {
	if m := args[1]; !m.IsNull() && !strings.EqualFold(m.Str(), "base64") {
		return fn.Sentence("Only base64 encoding is supported.")
	}
	return nil
}

func coding(done string, f func(value.Value) (value.Value, error)) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		if err := checkBase64([]value.Value{null, value.OfString(args[1].String())}); err != nil {
			return null, err
		}
		if k := args[0].Kind(); k != value.String && k != value.Bytes {
			return null, fn.Sentence("Only string type can be %s.", done)
		}
		return f(args[0])
	}
}

func chr(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.String {
		i, err := fn.ToInt(args[0])
		return value.OfInt(i), err
	}
	r, size := utf8.DecodeRuneInString(args[0].Str())
	switch {
	case size == 0:
		return null, errors.New("the text of chr must have one character")
	case size < args[0].Len():
		return null, fn.Sentence("Parameter length cannot larger than 1.")
	}
	return value.OfInt(int64(r)), nil
}
