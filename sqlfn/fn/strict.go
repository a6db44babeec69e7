package fn

import (
	"errors"
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Native is a Go type in which a typed function takes arguments and gives its
// result. Numbers, booleans and strings pass without an allocation.
type Native interface {
	float64 | int64 | string | bool | value.Value
}

// Strict1 makes an EvalFunc of a typed function of one argument. Arguments
// are converted as columns are: any number to float64, whole numbers to int64,
// anything to string. NULL never arrives: see Func.Nulls.
func Strict1[A, R Native](f func(A) R) EvalFunc {
	in, out := reader[A](), writer[R]()
	return func(_ *Ctx, args []value.Value) (value.Value, error) {
		a, err := in(args[0])
		if err != nil {
			return value.Value{}, err
		}
		return out(f(a)), nil
	}
}

// Strict2 is Strict1 for two arguments.
func Strict2[A, B, R Native](f func(A, B) R) EvalFunc {
	inA, inB, out := reader[A](), reader[B](), writer[R]()
	return func(_ *Ctx, args []value.Value) (value.Value, error) {
		a, err := inA(args[0])
		if err != nil {
			return value.Value{}, err
		}
		b, err := inB(args[1])
		if err != nil {
			return value.Value{}, err
		}
		return out(f(a, b)), nil
	}
}

// Strict3 is Strict1 for three arguments.
func Strict3[A, B, C, R Native](f func(A, B, C) R) EvalFunc {
	try := Try3(func(a A, b B, c C) (R, error) { return f(a, b, c), nil })
	return try
}

// Try1 is Strict1 for a function that can fail.
func Try1[A, R Native](f func(A) (R, error)) EvalFunc {
	in, out := reader[A](), writer[R]()
	return func(_ *Ctx, args []value.Value) (value.Value, error) {
		a, err := in(args[0])
		if err != nil {
			return value.Value{}, err
		}
		r, err := f(a)
		if err != nil {
			return value.Value{}, err
		}
		return out(r), nil
	}
}

// Try2 is Try1 for two arguments.
func Try2[A, B, R Native](f func(A, B) (R, error)) EvalFunc {
	inA, inB, out := reader[A](), reader[B](), writer[R]()
	return func(_ *Ctx, args []value.Value) (value.Value, error) {
		a, err := inA(args[0])
		if err != nil {
			return value.Value{}, err
		}
		b, err := inB(args[1])
		if err != nil {
			return value.Value{}, err
		}
		r, err := f(a, b)
		if err != nil {
			return value.Value{}, err
		}
		return out(r), nil
	}
}

// Try3 is Try1 for three arguments.
func Try3[A, B, C, R Native](f func(A, B, C) (R, error)) EvalFunc {
	inA, inB, inC, out := reader[A](), reader[B](), reader[C](), writer[R]()
	return func(_ *Ctx, args []value.Value) (value.Value, error) {
		a, err := inA(args[0])
		if err != nil {
			return value.Value{}, err
		}
		b, err := inB(args[1])
		if err != nil {
			return value.Value{}, err
		}
		c, err := inC(args[2])
		if err != nil {
			return value.Value{}, err
		}
		r, err := f(a, b, c)
		if err != nil {
			return value.Value{}, err
		}
		return out(r), nil
	}
}

// reader picks the conversion to T once, when the function is declared.
func reader[T Native]() func(value.Value) (T, error) {
	var zero T
	var f any
	switch any(zero).(type) {
	case float64:
		f = ToFloat
	case int64:
		f = ToInt
	case string:
		f = toText
	case bool:
		f = ToBool
	case value.Value:
		f = func(v value.Value) (value.Value, error) { return v, nil }
	}
	return f.(func(value.Value) (T, error))
}

// writer picks the conversion from T.
func writer[T Native]() func(T) value.Value {
	var zero T
	var f any
	switch any(zero).(type) {
	case float64:
		f = value.OfFloat
	case int64:
		f = value.OfInt
	case string:
		f = value.OfString
	case bool:
		f = value.OfBool
	case value.Value:
		f = func(v value.Value) value.Value { return v }
	}
	return f.(func(T) value.Value)
}

var errNotNumber = errors.New("only float64 & int type are supported")

// ToFloat reads an argument of type number.
func ToFloat(v value.Value) (float64, error) {
	f, ok := v.AsFloat()
	if !ok {
		return 0, errNotNumber
	}
	return f, nil
}

// ToInt reads an argument of type int; a float without a fraction is one too,
// for every number of a schemaless stream is a float.
func ToInt(v value.Value) (int64, error) {
	i, ok := v.AsInt()
	if !ok {
		return 0, fmt.Errorf("expect int type but got %s", value.Describe(v))
	}
	return i, nil
}

// ToBool reads an argument of type bool.
func ToBool(v value.Value) (bool, error) {
	if v.Kind() != value.Bool {
		return false, fmt.Errorf("expect bool type but got %s", value.Describe(v))
	}
	return v.Bool(), nil
}

// toText reads an argument of type string: a column of another type is
// written as text.
func toText(v value.Value) (string, error) {
	if v.Kind() == value.String {
		return v.Str(), nil
	}
	return v.String(), nil
}
