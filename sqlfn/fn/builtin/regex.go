package builtin

import (
	"regexp"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func regexps() []*fn.Func {
	return []*fn.Func{
		{Name: "regexp_matches", Sig: "(x string, pattern string) -> bool", Mark: 'A', OnNull: value.False, Check: checkRegexp,
			Doc: param.T("Whether some part of x matches the regular expression (RE2 syntax).", "x 中是否有部分匹配正则表达式（RE2 语法）。"),
			Examples: []fn.Example{eg(`regexp_matches("foo123", "[0-9]+")`, "true"), eg(`regexp_matches("foo", "[0-9]+")`, "false"),
				eg(`regexp_matches(null, "a")`, "false")},
			NewEval: withRegexp(func(re *regexp.Regexp, args []value.Value) value.Value {
				return value.OfBool(re.MatchString(args[0].String()))
			})},
		{Name: "regexp_replace", Sig: "(x string, pattern string, replacement string) -> string", Mark: 'B', Check: checkRegexp,
			Doc:      param.T("x with every match of the regular expression replaced; $1 stands for the first group.", "将 x 中所有匹配正则表达式的部分替换；$1 表示第一个分组。"),
			Examples: []fn.Example{eg(`regexp_replace("foo123", "[0-9]", "x")`, `"fooxxx"`), eg(`regexp_replace(null, "a", "b")`, "null")},
			NewEval: withRegexp(func(re *regexp.Regexp, args []value.Value) value.Value {
				return value.OfString(re.ReplaceAllString(args[0].String(), args[2].String()))
			})},
		{Name: "regexp_substr", Sig: "(x string, pattern string) -> string", Mark: 'C', Check: checkRegexp,
			Doc:      param.T("The first part of x that matches the regular expression, or the empty text.", "x 中首个匹配正则表达式的部分，没有时为空文本。"),
			Examples: []fn.Example{eg(`regexp_substr("foo123", "[0-9]+")`, `"123"`), eg(`regexp_substr("foo", "[0-9]+")`, `""`), eg(`regexp_substr(null, "a")`, "null")},
			NewEval: withRegexp(func(re *regexp.Regexp, args []value.Value) value.Value {
				return value.OfString(re.FindString(args[0].String()))
			})},
	}
}

// checkRegexp refuses a bad pattern when the rule is created.
func checkRegexp(args []value.Value) error {
	if args[1].IsNull() {
		return nil
	}
	_, err := regexp.Compile(args[1].Str())
	return err
}

// withRegexp compiles the pattern, the second argument, when it changes.
func withRegexp(f func(*regexp.Regexp, []value.Value) value.Value) func() fn.EvalFunc {
	return func() fn.EvalFunc {
		compiled := last[*regexp.Regexp]{build: regexp.Compile}
		return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
			re, err := compiled.of(args[1])
			if err != nil {
				return null, err
			}
			return f(re, args), nil
		}
	}
}

// last keeps what was made of the last text, for arguments that are nearly
// always the same.
type last[T any] struct {
	build func(string) (T, error)
	text  string
	made  T
	ok    bool
}

func (l *last[T]) of(v value.Value) (T, error) {
	if l.ok && v.Kind() == value.String && v.Str() == l.text {
		return l.made, nil
	}
	text := v.Clone().String()
	made, err := l.build(text)
	if err == nil {
		l.text, l.made, l.ok = text, made, true
	}
	return made, err
}
