package builtin

import (
	"errors"
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const threeArrays = `[{"arr":[3,1,2,1],"sarr":["c","a","b"],"narr":["a",null,"b"],"empty":[],"i":5}]`

// arrays is an example over a row with arrays.
func arrays(expr, want string) fn.Example { return on(threeArrays, expr, want) }

var errNotArray = errors.New("first argument should be array of interface{}")

// onArray makes an EvalFunc of a function of the array in the first argument.
func onArray(f func(arr value.Value, args []value.Value) (value.Value, error)) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		if !args[0].IsArray() {
			return null, errNotArray
		}
		return f(args[0], args[1:])
	}
}

// onItems is onArray for the functions that give NULL for an empty array.
func onItems(f func(arr value.Value, args []value.Value) (value.Value, error)) fn.EvalFunc {
	return onArray(func(arr value.Value, args []value.Value) (value.Value, error) {
		if arr.Len() == 0 {
			return null, nil
		}
		return f(arr, args)
	})
}

// same is equality as arrays understand it: an int is never a float.
func same(a, b value.Value) bool {
	if a.IsNumber() && a.Kind() != b.Kind() {
		return false
	}
	return value.Equal(a, b)
}

func elements() []*fn.Func {
	return []*fn.Func{
		{Name: "element_at", Sig: "(x any, at any) -> any", Mark: 'B',
			Doc: param.T("The element of an array at an index from 0, negative ones counting from the end, or the member of an object with that key.",
				"数组中下标为 at（从 0 开始，负数从末尾计数）的元素，或对象中键为 at 的成员。"),
			Examples: []fn.Example{arrays("element_at(arr, 0)", "3"), arrays("element_at(arr, -1)", "1"), arrays("element_at(arr, 9)", "error: index out of range"),
				on(`[{"o":{"k":1}}]`, `element_at(o, "k")`, "1"), eg("element_at(null, 0)", "null")},
			Eval: elementAt},
		{Name: "array_contains", Sig: "(x array, v any) -> bool", Mark: 'A', OnNull: value.False,
			Doc: param.T("Whether x has an element equal to v and of the same type.", "x 是否包含与 v 相等且类型相同的元素。"),
			Examples: []fn.Example{arrays("array_contains(arr, 2)", "true"), arrays("array_contains(arr, 2.0)", "false"),
				arrays(`array_contains(null, 1)`, "false"),
				arrays("array_contains(i, 1)", "error: first argument should be array of interface{}")},
			Eval: onArray(func(arr value.Value, args []value.Value) (value.Value, error) {
				return value.OfBool(position(arr, args[0]) >= 0), nil
			})},
		{Name: "array_position", Sig: "(x array, v any) -> int", Mark: 'B', OnNull: value.OfInt(-1),
			Doc: param.T("The index of the first element equal to v and of the same type, -1 if there is none.", "与 v 相等且类型相同的首个元素的下标，没有时为 -1。"),
			Examples: []fn.Example{arrays(`array_position(sarr, "b")`, "2"), arrays("array_position(arr, 1)", "1"), arrays("array_position(arr, 9)", "-1"),
				eg("array_position(null, 1)", "-1")},
			Eval: onArray(func(arr value.Value, args []value.Value) (value.Value, error) {
				return value.OfInt(int64(position(arr, args[0]))), nil
			})},
		{Name: "array_last_position", Sig: "(x array, v any) -> int", Mark: 'B', OnNull: value.OfInt(-1),
			Doc:      param.T("The index of the last element equal to v and of the same type, -1 if there is none.", "与 v 相等且类型相同的最后一个元素的下标，没有时为 -1。"),
			Examples: []fn.Example{arrays("array_last_position(arr, 1)", "3"), eg("array_last_position(null, 1)", "-1")},
			Eval: onArray(func(arr value.Value, args []value.Value) (value.Value, error) {
				for i := arr.Len() - 1; i >= 0; i-- {
					if same(arr.At(i), args[0]) {
						return value.OfInt(int64(i)), nil
					}
				}
				return value.OfInt(-1), nil
			})},
	}
}

func arrayFigures() []*fn.Func {
	return []*fn.Func{
		{Name: "array_max", Sig: "(x array) -> any", Mark: 'B',
			Doc:      param.T("The largest element that is not NULL.", "数组中最大的非空元素。"),
			Examples: []fn.Example{arrays("array_max(arr)", "3"), arrays("array_max(sarr)", `"c"`), arrays("array_max(empty)", "null"), eg("array_max(null)", "null")},
			Eval:     arrayExtreme("array_max", 1)},
		{Name: "array_min", Sig: "(x array) -> any", Mark: 'B',
			Doc:      param.T("The smallest element that is not NULL.", "数组中最小的非空元素。"),
			Examples: []fn.Example{arrays("array_min(arr)", "1"), arrays("array_min(narr)", `"a"`), eg("array_min(null)", "null")},
			Eval:     arrayExtreme("array_min", -1)},
		{Name: "array_cardinality", Sig: "(x array) -> int", Mark: 'B', OnNull: value.OfInt(0),
			Doc:      param.T("How many elements are not NULL.", "数组中非空元素的个数。"),
			Examples: []fn.Example{arrays("array_cardinality(narr)", "2"), eg("array_cardinality(null)", "0")},
			Eval: onArray(func(arr value.Value, _ []value.Value) (value.Value, error) {
				n := int64(0)
				for i := range arr.Len() {
					if !arr.At(i).IsNull() {
						n++
					}
				}
				return value.OfInt(n), nil
			})},
		{Name: "cardinality", Sig: "(x any) -> int", Mark: 'A', OnNull: value.OfInt(0),
			Doc:      param.T("How many elements an array or object has; 0 for anything else.", "数组或对象的元素个数，其他为 0。"),
			Examples: []fn.Example{arrays("cardinality(narr)", "3"), arrays("cardinality(i)", "0"), eg("cardinality(null)", "0")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				if v := args[0]; v.IsArray() || v.Kind() == value.Object {
					return value.OfInt(int64(v.Len())), nil
				}
				return value.OfInt(0), nil
			}},
	}
}

func elementAt(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	v := args[0]
	if v.Kind() == value.Object {
		m, _ := v.Lookup(args[1].String())
		return m, nil
	}
	if !v.IsArray() {
		return null, errors.New("first argument should be array of interface{} or map[string]interface{}")
	}
	if v.Len() == 0 {
		return null, nil
	}
	i, err := fn.ToInt(args[1])
	if err != nil {
		return null, err
	}
	if i < 0 {
		i += int64(v.Len())
	}
	if i < 0 || i >= int64(v.Len()) {
		return null, errors.New("index out of range")
	}
	return v.At(int(i)), nil
}

func position(arr, v value.Value) int {
	if arr.Kind() == value.Floats && v.Kind() == value.Float {
		for i, f := range arr.Floats() {
			if f == v.Float() {
				return i
			}
		}
		return -1
	}
	for i := range arr.Len() {
		if same(arr.At(i), v) {
			return i
		}
	}
	return -1
}

func arrayExtreme(name string, sign int) fn.EvalFunc {
	return onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
		var best value.Value
		for i := range arr.Len() {
			v := arr.At(i)
			better, err := beats(name, sign, v, best)
			if err != nil {
				return null, fmt.Errorf("%s cannot compare %s with %s", name, value.Describe(v), value.Describe(best))
			}
			if better {
				best = v
			}
		}
		return best, nil
	})
}
