package builtin

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func arrayShapes() []*fn.Func {
	return []*fn.Func{
		{Name: "array_flatten", Sig: "(x array) -> array", Mark: 'C',
			Doc:      param.T("x with the elements of its arrays in their place, one level deep.", "将 x 中的数组元素展开一层。"),
			Examples: []fn.Example{on(`[{"x":[1,[2,[3]]]}]`, "array_flatten(x)", "[1,2,[3]]"), eg("array_flatten(null)", "null")},
			Eval: onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
				out := make([]value.Value, 0, arr.Len())
				for i := range arr.Len() {
					if v := arr.At(i); v.IsArray() {
						out = append(out, v.Values()...)
					} else {
						out = append(out, v)
					}
				}
				return value.OfArray(out), nil
			})},
		{Name: "array_concat", Sig: "(x array, rest array...) -> array", Mark: 'C', Nulls: fn.SeesNull,
			Doc: param.T("The elements of all arrays one behind the other; NULL arrays are left out.", "依次连接各数组的元素，忽略为 NULL 的数组。"),
			Examples: []fn.Example{arrays("array_concat(arr, sarr)", `[3,1,2,1,"c","a","b"]`), arrays("array_concat(null, sarr)", `["c","a","b"]`),
				eg("array_concat(null)", "null"), arrays("array_concat(arr, i)", "error: array elements should be array")},
			Eval: arrayConcat},
		{Name: "array_sort", Sig: "(x array) -> array", Mark: 'C',
			Doc:      param.T("x sorted by the text of its elements, NULL last.", "按元素的文本排序，NULL 在最后。"),
			Examples: []fn.Example{on(`[{"x":[10,9,1]}]`, "array_sort(x)", "[1,10,9]"), arrays("array_sort(narr)", `["a","b",null]`), eg("array_sort(null)", "null")},
			Eval:     onItems(func(arr value.Value, _ []value.Value) (value.Value, error) { return sortByText(arr), nil })},
		{Name: "array_shuffle", Sig: "(x array) -> array", Mark: 'C', Volatile: true,
			Doc:      param.T("x in random order.", "随机排列 x 的元素。"),
			Examples: []fn.Example{arrays("cardinality(array_shuffle(arr))", "4"), eg("array_shuffle(null)", "null")},
			Eval: onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
				out := slices.Clone(arr.Values())
				rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
				return value.OfArray(out), nil
			})},
	}
}

func arrayConcat(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	n, any := 0, false
	for _, v := range args {
		if !v.IsNull() && !v.IsArray() {
			return null, errors.New("array elements should be array")
		}
		n += v.Len()
		any = any || !v.IsNull()
	}
	if !any {
		return null, nil
	}
	out := make([]value.Value, 0, n)
	for _, v := range args {
		for i := range v.Len() {
			out = append(out, v.At(i))
		}
	}
	return value.OfArray(out), nil
}

func sortByText(arr value.Value) value.Value {
	type item struct {
		text string
		v    value.Value
	}
	items := make([]item, arr.Len())
	for i := range items {
		v := arr.At(i)
		items[i] = item{v.String(), v}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		switch {
		case a.v.IsNull() && b.v.IsNull():
			return 0
		case a.v.IsNull():
			return 1
		case b.v.IsNull():
			return -1
		}
		return strings.Compare(a.text, b.text)
	})
	out := make([]value.Value, len(items))
	for i := range items {
		out[i] = items[i].v
	}
	return value.OfArray(out)
}

func arrayTexts() []*fn.Func {
	return []*fn.Func{
		{Name: "array_join", Sig: "(x array, delimiter string, nullText? string) -> string", Mark: 'B',
			Doc: param.T("The elements of x as text with the delimiter between them; NULL is left out or written as nullText.",
				"用 delimiter 连接 x 的元素；NULL 被忽略或写为 nullText。"),
			Examples: []fn.Example{arrays(`array_join(sarr, ":")`, `"c:a:b"`), arrays(`array_join(narr, ":")`, `"a:b"`),
				arrays(`array_join(narr, ":", "nul")`, `"a:nul:b"`), eg(`array_join(null, ":")`, "null")},
			Eval: onItems(arrayJoin)},
	}
}

func arrayJoin(arr value.Value, args []value.Value) (value.Value, error) {
	delimiter := args[0].String()
	buf := make([]byte, 0, arr.Len()*(8+len(delimiter)))
	first := true
	for i := range arr.Len() {
		v := arr.At(i)
		if v.IsNull() {
			if len(args) < 2 {
				continue
			}
			v = args[1]
		}
		if !first {
			buf = append(buf, delimiter...)
		}
		buf = appendText(buf, v)
		first = false
	}
	return value.OfStringBytes(buf), nil
}

func generators() []*fn.Func {
	return []*fn.Func{
		{Name: "array_create", Sig: "(x any, rest any...) -> array", Mark: 'B', Nulls: fn.SeesNull,
			Doc:      param.T("An array of the arguments that are not NULL; NULL if there are none.", "由非空参数组成的数组；全为空时为 NULL。"),
			Examples: []fn.Example{eg(`array_create(1, "a", null)`, `[1,"a"]`), eg("array_create(null)", "null")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				out := make([]value.Value, 0, len(args))
				for _, v := range args {
					if !v.IsNull() {
						out = append(out, v)
					}
				}
				if len(out) == 0 {
					return null, nil
				}
				return value.OfArray(out), nil
			}},
		{Name: "repeat", Sig: "(x any, n int) -> array", Mark: 'C',
			Doc: param.T("An array of n times x.", "由 n 个 x 组成的数组。"),
			Examples: []fn.Example{eg(`repeat("a", 3)`, `["a","a","a"]`), eg("repeat(null, 3)", "null"),
				eg("repeat(1, -1)", "error: repeat makes 0 to 1048576 elements, not -1")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				n, err := fn.ToInt(args[1])
				if err == nil && (n < 0 || n > maxPad) {
					err = fmt.Errorf("repeat makes 0 to %d elements, not %d", maxPad, n)
				}
				if err != nil {
					return null, err
				}
				return value.OfArray(slices.Repeat([]value.Value{args[0]}, int(n))), nil
			}},
		{Name: "sequence", Sig: "(start int, stop int, step? int) -> array", Mark: 'C',
			Doc: param.T("The whole numbers from start to stop, both included, in steps of step, or of one towards stop.",
				"从 start 到 stop（均包含）的整数，步长为 step，默认朝 stop 方向为 1。"),
			Examples: []fn.Example{eg("sequence(1, 3)", "[1,2,3]"), eg("sequence(3, 1)", "[3,2,1]"), eg("sequence(1, 6, 2)", "[1,3,5]"),
				eg("sequence(1, null)", "null"), eg("sequence(1, 3, 0)", "error: invalid step: should not be zero")},
			Eval: sequence},
	}
}

func sequence(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	var n [3]int64
	for i, v := range args {
		var err error
		if n[i], err = fn.ToInt(v); err != nil {
			return null, err
		}
	}
	start, stop, step := n[0], n[1], n[2]
	if len(args) == 2 {
		if step = 1; stop < start {
			step = -1
		}
	}
	if step == 0 {
		return null, errors.New("invalid step: should not be zero")
	}
	if (step > 0) != (stop >= start) && stop != start {
		return value.OfInts(nil), nil
	}
	// The distance is taken unsigned: it may be larger than an int64.
	distance, stride := uint64(stop)-uint64(start), uint64(step)
	if step < 0 {
		distance, stride = -distance, -stride
	}
	count := distance/stride + 1
	if count > maxPad {
		return null, fmt.Errorf("sequence from %d to %d has more than %d elements", start, stop, maxPad)
	}
	out := make([]int64, count)
	for i := range out {
		out[i] = start + int64(i)*step
	}
	return value.OfInts(out), nil
}

// arrayMaps needs the other functions, for it calls them by name.
func arrayMaps(others []*fn.Func) []*fn.Func {
	return []*fn.Func{
		{Name: "array_map", Sig: "(func string, x array) -> array", Mark: 'C',
			Doc: param.T("The results of a function of one argument, given by its name, for each element of x.", "对 x 的每个元素调用名为 func 的单参数函数，返回结果数组。"),
			Examples: []fn.Example{on(`[{"x":[1.2,2.7]}]`, `array_map("ceil", x)`, "[2,3]"), eg(`array_map("ceil", null)`, "null"),
				arrays(`array_map("nofunc", arr)`, "error: unknown built-in function: nofunc.")},
			Check: func(args []value.Value) error {
				if args[0].IsNull() {
					return nil
				}
				_, err := mappable(others, args[0].Str())
				return err
			},
			NewEval: func() fn.EvalFunc {
				called := last[fn.EvalFunc]{build: func(name string) (fn.EvalFunc, error) { return mappable(others, name) }}
				return func(c *fn.Ctx, args []value.Value) (value.Value, error) {
					f, err := called.of(args[0])
					if err != nil {
						return null, err
					}
					return arrayMap(c, f, args[1])
				}
			}},
	}
}

func mappable(fs []*fn.Func, name string) (fn.EvalFunc, error) {
	for _, f := range fs {
		if !strings.EqualFold(f.Name, name) && !slices.ContainsFunc(f.Aliases, func(a string) bool { return strings.EqualFold(a, name) }) {
			continue
		}
		if f.Eval == nil || f.CheckCall(make([]value.Value, 1), make([]bool, 1)) != nil {
			return nil, fmt.Errorf("array_map cannot call %s: it is not a scalar function of one argument", name)
		}
		return f.Bind(), nil
	}
	return nil, fn.Sentence("unknown built-in function: %s.", name)
}

func arrayMap(c *fn.Ctx, f fn.EvalFunc, arr value.Value) (value.Value, error) {
	if !arr.IsArray() {
		return null, errors.New("second argument should be array of interface{}")
	}
	if arr.Len() == 0 {
		return null, nil
	}
	out := make([]value.Value, arr.Len())
	var arg [1]value.Value
	for i := range out {
		arg[0] = arr.At(i)
		v, err := f(c, arg[:])
		if err != nil {
			return null, err
		}
		out[i] = v
	}
	return value.OfArray(out), nil
}
