package builtin

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func casts() []*fn.Func {
	return []*fn.Func{
		{Name: "cast", Sig: "(x any, type string literal) -> any", Mark: 'A',
			Doc: param.T("x converted to bigint, float, string, boolean, datetime or bytea; an error if that cannot be done.",
				"将 x 转换为 bigint、float、string、boolean、datetime 或 bytea，无法转换时报错。"),
			Examples: []fn.Example{eg(`cast(2.7, "bigint")`, "2"), eg(`cast("0x10", "bigint")`, "16"), eg(`cast(1, "boolean")`, "true"), eg(`cast(1.5, "string")`, `"1.5"`),
				eg(`cast("2020-01-02 03:04:05", "datetime")`, `"2020-01-02T03:04:05Z"`), eg(`cast("hi", "bytea")`, `"aGk="`), eg(`cast(null, "bigint")`, "null"),
				eg(`cast("12.7", "bigint")`, "error: not supported type conversion, got error cannot convert string(12.7) to int")},
			Check: func(args []value.Value) error {
				_, err := castKind(args[1].Str())
				return err
			},
			NewEval: func() fn.EvalFunc {
				kind := last[value.Kind]{build: castKind}
				return func(c *fn.Ctx, args []value.Value) (value.Value, error) {
					k, err := kind.of(args[1])
					if err != nil {
						return null, err
					}
					v, err := Cast(args[0], k, location(c))
					if err != nil {
						return null, fmt.Errorf("not supported type conversion, got error %w", err)
					}
					return v, nil
				}
			}},
	}
}

func castKind(name string) (value.Kind, error) {
	for _, k := range [...]value.Kind{value.Int, value.Float, value.String, value.Bool, value.Time, value.Bytes} {
		if strings.EqualFold(name, k.String()) {
			return k, nil
		}
	}
	return 0, fn.Sentence("Expect one of following value for the 2nd parameter: bigint, float, string, boolean, datetime, bytea.")
}

// Cast converts v as cast(v, "t") does; t is Int, Float, String, Bool, Time or
// Bytes. A text without a zone becomes a time in loc. NULL stays NULL.
func Cast(v value.Value, t value.Kind, loc *time.Location) (value.Value, error) {
	if v.Kind() == t || v.IsNull() {
		return v, nil
	}
	switch t {
	case value.Int:
		return castInt(v)
	case value.Float:
		return castFloat(v)
	case value.String:
		return value.OfString(v.String()), nil
	case value.Bool:
		return castBool(v)
	case value.Time:
		return castTime(v, loc)
	case value.Bytes:
		if v.Kind() == value.String {
			return value.OfBytes(v.Bytes()), nil
		}
	}
	return null, cannotCast(v, t.String())
}

func cannotCast(v value.Value, to string) error {
	return fmt.Errorf("cannot convert %s to %s", value.Describe(v), to)
}

func castInt(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.Float:
		if f := math.Trunc(v.Float()); f >= -1<<63 && f < 1<<63 {
			return value.OfInt(int64(f)), nil
		}
	case value.Bool:
		if v.Bool() {
			return value.OfInt(1), nil
		}
		return value.OfInt(0), nil
	case value.String:
		if i, err := parseInt(v.Str()); err == nil {
			return value.OfInt(i), nil
		}
	}
	return null, cannotCast(v, "int")
}

// parseInt reads a decimal number, or a hexadecimal one behind 0x.
func parseInt(s string) (int64, error) {
	digits := strings.TrimLeft(s, "+-")
	if strings.HasPrefix(digits, "0x") || strings.HasPrefix(digits, "0X") {
		return strconv.ParseInt(s, 0, 64)
	}
	return strconv.ParseInt(s, 10, 64)
}

func castFloat(v value.Value) (value.Value, error) {
	switch v.Kind() {
	case value.Int, value.Uint:
		f, _ := v.AsFloat()
		return value.OfFloat(f), nil
	case value.Bool:
		if v.Bool() {
			return value.OfFloat(1), nil
		}
		return value.OfFloat(0), nil
	case value.String:
		if f, err := strconv.ParseFloat(v.Str(), 64); err == nil {
			return value.OfFloat(f), nil
		}
	}
	return null, cannotCast(v, "float")
}

func castBool(v value.Value) (value.Value, error) {
	if f, ok := v.AsFloat(); ok {
		return value.OfBool(f != 0), nil
	}
	if v.Kind() == value.String {
		b, err := strconv.ParseBool(v.Str())
		return value.OfBool(b), err
	}
	return null, cannotCast(v, "bool")
}

func castTime(v value.Value, loc *time.Location) (value.Value, error) {
	if !v.IsNumber() && v.Kind() != value.String {
		return null, cannotCast(v, "datetime")
	}
	t, err := Time(v, loc)
	if err != nil {
		return null, err
	}
	return value.OfTime(t), nil
}

// Time reads a point in time out of a DATETIME, a number of ms since 1970, or
// a text in one of the forms of timefmt.Parse. It is in loc unless it has a
// zone of its own.
func Time(v value.Value, loc *time.Location) (time.Time, error) {
	switch v.Kind() {
	case value.Time:
		return v.Time(), nil
	case value.Int:
		return time.UnixMilli(v.Int()).In(loc), nil
	case value.Float:
		if f := math.Trunc(v.Float()); f >= -1<<63 && f < 1<<63 {
			return time.UnixMilli(int64(f)).In(loc), nil
		}
	case value.String:
		return timefmt.Parse(v.Str(), loc)
	case value.Null:
		return time.Time{}, errors.New("unsupported type to convert to timestamp <nil>")
	}
	return time.Time{}, fmt.Errorf("unsupported type to convert to timestamp %s", value.Describe(v))
}
