package builtin

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func joining() []*fn.Func {
	return []*fn.Func{
		{Name: "concat", Sig: "(x string, rest string...) -> string", Mark: 'A', Nulls: fn.SeesNull,
			Doc: param.T("The arguments one behind the other as text; NULL is the empty text.", "将各参数作为文本依次连接，NULL 视为空文本。"),
			Examples: []fn.Example{eg(`concat("a", "b")`, `"ab"`), on(`[{"s":"str","i":5}]`, "concat(s, i)", `"str5"`), eg(`concat("str", null)`, `"str"`),
				on(`[{"a":[3,1,2,1]}]`, "concat(a)", `"[3 1 2 1]"`)},
			Eval: concat},
		{Name: "length", Sig: "(x any) -> int", Mark: 'A', OnNull: value.OfInt(0),
			Doc: param.T("How many characters a text has, how many elements an array or object, how many digits a number; 0 for NULL.",
				"文本的字符数、数组或对象的元素数、数字文本的长度；NULL 为 0。"),
			Examples: []fn.Example{eg(`length("héllo")`, "5"), on(`[{"a":[1,2]}]`, "length(a)", "2"), eg("length(5)", "1"), eg("length(null)", "0")},
			Eval:     length},
		{Name: "numbytes", Sig: "(x string) -> int", Mark: 'C', OnNull: value.OfInt(0),
			Doc:      param.T("How many bytes a text has in UTF-8; 0 for NULL.", "文本的 UTF-8 字节数；NULL 为 0。"),
			Examples: []fn.Example{eg(`numbytes("héllo")`, "6"), eg("numbytes(null)", "0")},
			Eval:     fn.Strict1(func(s string) int64 { return int64(len(s)) })},
		{Name: "reverse", Sig: "(x string) -> string", Mark: 'C',
			Doc:      param.T("The characters of x in reverse order.", "将文本的字符顺序反转。"),
			Examples: []fn.Example{eg(`reverse("abc")`, `"cba"`), eg("reverse(null)", "null")},
			Eval:     fn.Strict1(reverse)},
	}
}

// concat allocates only its result.
func concat(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	n := 0
	for _, v := range args {
		if n += 20; v.Kind() == value.String {
			n += v.Len() - 20
		}
	}
	buf := make([]byte, 0, n)
	for _, v := range args {
		buf = appendText(buf, v)
	}
	return value.OfStringBytes(buf), nil
}

// appendText appends v as Value.String writes it.
func appendText(dst []byte, v value.Value) []byte {
	switch v.Kind() {
	case value.String, value.Bytes:
		return append(dst, v.Bytes()...)
	case value.Int:
		return strconv.AppendInt(dst, v.Int(), 10)
	case value.Float:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64)
	}
	return append(dst, v.String()...)
}

func length(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	v := args[0]
	switch {
	case v.Kind() == value.String:
		return value.OfInt(int64(utf8.RuneCountInString(v.Str()))), nil
	case v.IsArray(), v.Kind() == value.Object, v.Kind() == value.Bytes:
		return value.OfInt(int64(v.Len())), nil
	}
	var buf [32]byte
	return value.OfInt(int64(len(appendText(buf[:0], v)))), nil
}

func reverse(s string) string {
	out := make([]byte, 0, len(s))
	for s != "" {
		_, size := utf8.DecodeLastRuneInString(s)
		out = append(out, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return value.OfStringBytes(out).Str()
}

func casing() []*fn.Func {
	of := func(name string, mark byte, f func(string) string, en, zh, from, to string) *fn.Func {
		return &fn.Func{Name: name, Sig: "(x string) -> string", Mark: mark, Doc: param.T(en, zh),
			Examples: []fn.Example{eg(name+"("+from+")", to), eg(name+"(null)", "null")}, Eval: fn.Strict1(f)}
	}
	return []*fn.Func{
		of("lower", 'A', strings.ToLower, "x in lower case.", "转换为小写。", `"AbC"`, `"abc"`),
		of("upper", 'A', strings.ToUpper, "x in upper case.", "转换为大写。", `"AbC"`, `"ABC"`),
		of("trim", 'A', strings.TrimSpace, "x without blanks at both ends.", "去除两端空白。", `" a "`, `"a"`),
		of("ltrim", 'A', func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }, "x without blanks at its beginning.", "去除开头空白。", `" a "`, `"a "`),
		of("rtrim", 'A', func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }, "x without blanks at its end.", "去除末尾空白。", `" a "`, `" a"`),
	}
}

// maxPad bounds the texts and arrays that a number in a row can ask for.
const maxPad = 1 << 20

func affixes() []*fn.Func {
	return []*fn.Func{
		{Name: "lpad", Sig: "(x string, n int) -> string", Mark: 'C',
			Doc: param.T("x with n blanks put before it.", "在 x 前添加 n 个空格。"),
			Examples: []fn.Example{eg(`lpad("a", 3)`, `"   a"`), eg("lpad(null, 3)", "null"),
				eg(`lpad("a", -1)`, "error: the number of blanks must be 0 to 1048576, not -1")},
			Eval: fn.Try2(func(s string, n int64) (string, error) {
				pad, err := blanks(n)
				return pad + s, err
			})},
		{Name: "rpad", Sig: "(x string, n int) -> string", Mark: 'C',
			Doc:      param.T("x with n blanks put behind it.", "在 x 后添加 n 个空格。"),
			Examples: []fn.Example{eg(`rpad("a", 3)`, `"a   "`), eg(`rpad("a", 0)`, `"a"`), eg("rpad(null, 3)", "null")},
			Eval: fn.Try2(func(s string, n int64) (string, error) {
				pad, err := blanks(n)
				return s + pad, err
			})},
		{Name: "startswith", Sig: "(x string, prefix string) -> bool", Mark: 'A', OnNull: value.False,
			Doc:      param.T("Whether x begins with prefix.", "x 是否以 prefix 开头。"),
			Examples: []fn.Example{eg(`startswith("abc", "ab")`, "true"), eg(`startswith("abc", "bc")`, "false"), eg(`startswith(null, "a")`, "false")},
			Eval:     fn.Strict2(strings.HasPrefix)},
		{Name: "endswith", Sig: "(x string, suffix string) -> bool", Mark: 'A', OnNull: value.False,
			Doc:      param.T("Whether x ends with suffix.", "x 是否以 suffix 结尾。"),
			Examples: []fn.Example{eg(`endswith("abc", "bc")`, "true"), eg(`endswith("abc", "ab")`, "false"), eg(`endswith(null, "a")`, "false")},
			Eval:     fn.Strict2(strings.HasSuffix)},
		{Name: "indexof", Sig: "(x string, part string) -> int", Mark: 'B', OnNull: value.OfInt(-1),
			Doc:      param.T("The byte position of part in x, from 0; -1 if x does not have it.", "part 在 x 中的字节位置，从 0 开始；不存在时为 -1。"),
			Examples: []fn.Example{eg(`indexof("hello", "l")`, "2"), eg(`indexof("hello", "z")`, "-1"), eg(`indexof("", "")`, "0"), eg(`indexof(null, "a")`, "-1")},
			Eval:     fn.Strict2(func(s, part string) int64 { return int64(strings.Index(s, part)) })},
	}
}

func blanks(n int64) (string, error) {
	if n < 0 || n > maxPad {
		return "", fmt.Errorf("the number of blanks must be 0 to %d, not %d", maxPad, n)
	}
	return strings.Repeat(" ", int(n)), nil
}

func cutting() []*fn.Func {
	return []*fn.Func{
		{Name: "substring", Sig: "(x string, start int, end? int) -> string", Mark: 'A',
			Doc: param.T("The bytes of x from start up to but not including end, or to the end of x; what lies beyond x is left out.",
				"x 中从 start 到 end（不含）的字节，省略 end 时到末尾；超出部分忽略。"),
			Examples: []fn.Example{eg(`substring("hello", 1, 3)`, `"el"`), eg(`substring("hello", 1)`, `"ello"`), eg(`substring("hello", 2, 99)`, `"llo"`),
				eg(`substring("hello", 9)`, `""`), eg("substring(null, 1)", "null")},
			Check: checkSubstring, Eval: substring},
		{Name: "split_value", Sig: "(x string, delimiter string, index int) -> string", Mark: 'B',
			Doc: param.T("The part of x at index, from 0, when x is split at delimiter; a negative index counts from the end.",
				"按 delimiter 拆分 x 后下标为 index（从 0 开始）的部分；负数从末尾计数。"),
			Examples: []fn.Example{eg(`split_value("/test/device001/message", "/", 3)`, `"message"`), eg(`split_value("/test/device001/message", "/", 0)`, `""`),
				eg(`split_value(null, "/", 0)`, "null"), eg(`split_value("a/b", "/", 5)`, "error: 5 out of index array (size = 2)"), on(`[{"i":-1}]`, `split_value("a/b", "/", i)`, `"b"`)},
			Check: func(args []value.Value) error {
				if args[2].Kind() == value.Int && args[2].Int() < 0 {
					return fn.Sentence("The index should not be a nagtive integer.")
				}
				return nil
			},
			Eval: fn.Try3(splitValue)},
	}
}

func checkSubstring(args []value.Value) error {
	start := args[1]
	if start.Kind() == value.Int && start.Int() < 0 {
		return fn.Sentence("The start index should not be a nagtive integer.")
	}
	if len(args) < 3 || args[2].Kind() != value.Int {
		return nil
	}
	if end := args[2]; end.Int() < 0 {
		return fn.Sentence("The end index should not be a nagtive integer.")
	} else if start.Kind() == value.Int && end.Int() < start.Int() {
		return fn.Sentence("The end index should be larger than start index.")
	}
	return nil
}

func substring(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	s := args[0].String()
	start, err := fn.ToInt(args[1])
	if err != nil {
		return null, err
	}
	end := int64(len(s))
	if len(args) > 2 {
		if end, err = fn.ToInt(args[2]); err != nil {
			return null, err
		}
	}
	if start < 0 || end < 0 {
		return null, fmt.Errorf("substring cannot cut from %d to %d: offsets must not be negative", start, end)
	}
	end = min(end, int64(len(s)))
	return value.OfString(s[min(start, end):end]), nil
}

func splitValue(s, delimiter string, index int64) (string, error) {
	n := int64(strings.Count(s, delimiter)) + 1
	if delimiter == "" {
		n -= 2 // one part for each character; Count also has the ends
	}
	at := index
	if at < 0 {
		at += n
	}
	if at < 0 || at >= n {
		return "", fmt.Errorf("%d out of index array (size = %d)", index, n)
	}
	if delimiter == "" {
		return strings.Split(s, "")[at], nil
	}
	for range at {
		_, s, _ = strings.Cut(s, delimiter)
	}
	s, _, _ = strings.Cut(s, delimiter)
	return s, nil
}
