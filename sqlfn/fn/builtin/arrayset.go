package builtin

import (
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func arraySets() []*fn.Func {
	return []*fn.Func{
		{Name: "array_contains_any", Sig: "(x array, y array) -> bool", Mark: 'B', OnNull: value.False,
			Doc: param.T("Whether x and y have an element in common.", "x 与 y 是否有共同元素。"),
			Examples: []fn.Example{arrays(`array_contains_any(sarr, array_create("z", "b"))`, "true"), arrays("array_contains_any(sarr, arr)", "false"),
				arrays("array_contains_any(sarr, null)", "false")},
			Eval: twoArrays(func(x, y value.Value) value.Value {
				in := newValueSet(y)
				for i := range x.Len() {
					if in.has(x.At(i)) {
						return value.True
					}
				}
				return value.False
			})},
		{Name: "array_intersect", Sig: "(x array, y array) -> array", Mark: 'B',
			Doc: param.T("The distinct elements of x that y has too; NULL if one is empty.", "x 与 y 共有的不同元素；任一为空时结果为 NULL。"),
			Examples: []fn.Example{arrays(`array_intersect(sarr, array_create("b", "z"))`, `["b"]`), arrays("array_intersect(empty, sarr)", "null"),
				arrays("array_intersect(sarr, null)", "null")},
			Eval: twoArrays(func(x, y value.Value) value.Value {
				if x.Len() == 0 || y.Len() == 0 {
					return null
				}
				in := newValueSet(y)
				return filtered(x, func(v value.Value) bool { return in.has(v) })
			})},
		{Name: "array_union", Sig: "(x array, y array) -> array", Mark: 'B', Nulls: fn.SeesNull,
			Doc: param.T("The distinct elements of x and y; the other one if one is NULL.", "x 与 y 的所有不同元素；一个为 NULL 时返回另一个。"),
			Examples: []fn.Example{arrays(`array_union(sarr, array_create("b", "z"))`, `["c","a","b","z"]`), arrays("array_union(null, sarr)", `["c","a","b"]`),
				eg("array_union(null, null)", "null")},
			Eval: func(c *fn.Ctx, args []value.Value) (value.Value, error) {
				switch {
				case args[0].IsNull():
					return args[1], nil
				case args[1].IsNull():
					return args[0], nil
				}
				return union(c, args)
			}},
		{Name: "array_except", Sig: "(x array, y array) -> array", Mark: 'B',
			Doc:      param.T("The distinct elements of x that y does not have.", "x 中不属于 y 的不同元素。"),
			Examples: []fn.Example{arrays(`array_except(sarr, array_create("b", "z"))`, `["c","a"]`), arrays("array_except(sarr, null)", "null")},
			Eval: twoArrays(func(x, y value.Value) value.Value {
				in := newValueSet(y)
				return filtered(x, func(v value.Value) bool { return !in.has(v) })
			})},
	}
}

func arrayCuts() []*fn.Func {
	return []*fn.Func{
		{Name: "array_distinct", Sig: "(x array) -> array", Mark: 'C',
			Doc: param.T("The elements of x without repetitions, in order; NULL counts as an element.", "去除重复元素并保持顺序；NULL 也算元素。"),
			Examples: []fn.Example{arrays("array_distinct(arr)", "[3,1,2]"), arrays("array_distinct(narr)", `["a",null,"b"]`),
				arrays("array_distinct(empty)", "null"), eg("array_distinct(null)", "null")},
			Eval: onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
				return filtered(arr, func(value.Value) bool { return true }), nil
			})},
		{Name: "array_remove", Sig: "(x array, v any) -> array", Mark: 'C',
			Doc:      param.T("x without the elements equal to v and of the same type.", "去除与 v 相等且类型相同的元素。"),
			Examples: []fn.Example{arrays(`array_remove(sarr, "a")`, `["c","b"]`), arrays("array_remove(arr, 1)", "[3,2]"), arrays("array_remove(null, 1)", "null")},
			Eval: onArray(func(arr value.Value, args []value.Value) (value.Value, error) {
				out := make([]value.Value, 0, arr.Len())
				for i := range arr.Len() {
					if v := arr.At(i); !same(v, args[0]) {
						out = append(out, v)
					}
				}
				return value.OfArray(out), nil
			})},
	}
}

func union(c *fn.Ctx, args []value.Value) (value.Value, error) {
	return twoArrays(func(x, y value.Value) value.Value {
		both := make([]value.Value, 0, x.Len()+y.Len())
		both = append(append(both, x.Values()...), y.Values()...)
		return filtered(value.OfArray(both), func(value.Value) bool { return true })
	})(c, args)
}

func twoArrays(f func(x, y value.Value) value.Value) fn.EvalFunc {
	return onArray(func(x value.Value, args []value.Value) (value.Value, error) {
		if !args[0].IsArray() {
			return null, errNotArray
		}
		return f(x, args[0]), nil
	})
}

// filtered keeps the first of each distinct value that is wanted.
func filtered(arr value.Value, want func(value.Value) bool) value.Value {
	out := make([]value.Value, 0, arr.Len())
	seen := valueSet{set: map[string]struct{}{}}
	for i := range arr.Len() {
		if v := arr.At(i); want(v) && seen.add(v) {
			out = append(out, v)
		}
	}
	return value.OfArray(out)
}

// valueSet is a set of values in which an int is never a float.
type valueSet struct {
	set map[string]struct{}
	key []byte // reused
}

func newValueSet(arr value.Value) *valueSet {
	s := &valueSet{set: make(map[string]struct{}, arr.Len())}
	for i := range arr.Len() {
		s.add(arr.At(i))
	}
	return s
}

func (s *valueSet) keyOf(v value.Value) []byte {
	s.key = append(s.key[:0], '-')
	if v.IsNumber() {
		s.key[0] = byte(v.Kind())
	}
	s.key = value.AppendKey(s.key, v)
	return s.key
}

func (s *valueSet) has(v value.Value) bool {
	_, ok := s.set[string(s.keyOf(v))]
	return ok
}

// add tells whether v is new.
func (s *valueSet) add(v value.Value) bool {
	if s.has(v) {
		return false
	}
	s.set[string(s.key)] = struct{}{}
	return true
}
