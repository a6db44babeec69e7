package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

const twoObjects = `[{"o":{"k":1,"l":2},"deep":{"x":{"y":1,"z":2},"w":3},"empty":{},"i":5}]`

// objects is an example over a row with objects.
func objects(expr, want string) fn.Example { return on(twoObjects, expr, want) }

var errNotObject = errors.New("the argument should be map[string]interface{}")

// onObject makes an EvalFunc of a function of the object in the first
// argument; an empty one gives NULL, as NULL does.
func onObject(f func(ms []value.Member, args []value.Value) (value.Value, error)) fn.EvalFunc {
	return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
		switch {
		case args[0].Kind() != value.Object:
			return null, errNotObject
		case args[0].Len() == 0:
			return null, nil
		}
		return f(args[0].Members(), args[1:])
	}
}

// list is the array of what f makes of each member.
func list(f func(value.Member) value.Value) fn.EvalFunc {
	return onObject(func(ms []value.Member, _ []value.Value) (value.Value, error) {
		out := make([]value.Value, len(ms))
		for i, m := range ms {
			out[i] = f(m)
		}
		return value.OfArray(out), nil
	})
}

func members() []*fn.Func {
	return []*fn.Func{
		{Name: "keys", Sig: "(x object) -> array", Mark: 'B',
			Doc: param.T("The keys of an object, sorted.", "对象的键，按顺序排列。"),
			Examples: []fn.Example{objects("keys(o)", `["k","l"]`), objects("keys(empty)", "null"), eg("keys(null)", "null"),
				objects("keys(i)", "error: the argument should be map[string]interface{}")},
			Eval: list(func(m value.Member) value.Value { return value.OfString(m.Name) })},
		{Name: "values", Sig: "(x object) -> array", Mark: 'B',
			Doc:      param.T("The values of an object, in the order of its keys.", "对象的值，按键的顺序排列。"),
			Examples: []fn.Example{objects("values(o)", "[1,2]"), eg("values(null)", "null")},
			Eval:     list(func(m value.Member) value.Value { return m.Val })},
		{Name: "items", Sig: "(x object) -> array", Mark: 'C',
			Doc:      param.T("An array of [key, value] for each member of an object.", "对象每个成员的 [键， 值] 组成的数组。"),
			Examples: []fn.Example{objects("items(o)", `[["k",1],["l",2]]`), eg("items(null)", "null")},
			Eval: list(func(m value.Member) value.Value {
				return value.OfArray([]value.Value{value.OfString(m.Name), m.Val})
			})},
		{Name: "obj_to_kvpair_array", Sig: "(x object) -> array", Mark: 'C',
			Doc:      param.T("An array of {key, value} for each member of an object.", "对象每个成员的 {key, value} 组成的数组。"),
			Examples: []fn.Example{objects("obj_to_kvpair_array(o)", `[{"key":"k","value":1},{"key":"l","value":2}]`), eg("obj_to_kvpair_array(null)", "null")},
			Eval: list(func(m value.Member) value.Value {
				return value.OfSorted([]value.Member{{Name: "key", Val: value.OfString(m.Name)}, {Name: "value", Val: m.Val}})
			})},
		{Name: "object_size", Sig: "(x object) -> int", Mark: 'C', OnNull: value.OfInt(0),
			Doc:      param.T("How many members an object has; 0 for NULL.", "对象的成员个数，NULL 为 0。"),
			Examples: []fn.Example{objects("object_size(o)", "2"), eg("object_size(null)", "0")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				if args[0].Kind() != value.Object {
					return null, errNotObject
				}
				return value.OfInt(int64(args[0].Len())), nil
			}},
	}
}

func objectMakers() []*fn.Func {
	return []*fn.Func{
		{Name: "object_construct", Sig: "(pairs any...) -> object", Mark: 'A', Nulls: fn.SeesNull,
			Doc: param.T("An object of keys and values in turn; a NULL value stays, a NULL key is left out with its value.",
				"由依次给出的键和值构造对象；值为 NULL 时保留，键为 NULL 时忽略该对。"),
			Examples: []fn.Example{eg(`object_construct("k", 1, "l", null)`, `{"k":1,"l":null}`), eg(`object_construct(null, 1)`, "{}"),
				eg(`object_construct("k")`, "error: the args must be key value pairs")},
			Check: checkPairs,
			Eval:  objectConstruct},
		{Name: "object_concat", Sig: "(x object, rest object...) -> object", Mark: 'B', Nulls: fn.SeesNull,
			Doc: param.T("The members of all objects in one; of equal keys the last one stays, NULL is left out.", "合并所有对象的成员；相同的键取最后的值，忽略 NULL。"),
			Examples: []fn.Example{objects(`object_concat(o, object_construct("l", 9))`, `{"k":1,"l":9}`), objects("object_concat(null, o)", `{"k":1,"l":2}`),
				eg("object_concat(null)", "{}")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				var out []value.Member
				for _, v := range args {
					if v.Kind() != value.Object && !v.IsNull() {
						return null, errNotObject
					}
					out = append(out, v.Members()...)
				}
				return value.OfObject(out), nil
			}},
	}
}

func objectsOfPairs() []*fn.Func {
	return []*fn.Func{
		{Name: "object", Sig: "(keys array, values array) -> object", Mark: 'C',
			Doc: param.T("An object of an array of keys and an array of their values.", "由键数组和值数组构造对象。"),
			Examples: []fn.Example{on(`[{"k":["a","b"],"v":[1,2]}]`, "object(k, v)", `{"a":1,"b":2}`), objects("object(keys(o), values(o))", `{"k":1,"l":2}`),
				eg("object(null, null)", "null"), on(`[{"k":["a"],"v":[1,2]}]`, "object(k, v)", "error: object has 1 keys and 2 values")},
			Eval: twoLists(func(ks, vs value.Value) (value.Value, error) {
				if ks.Len() != vs.Len() {
					return null, fmt.Errorf("object has %d keys and %d values", ks.Len(), vs.Len())
				}
				return pairsToObject(ks.Len(), func(i int) (k, v value.Value, err error) { return ks.At(i), vs.At(i), nil })
			})},
		{Name: "zip", Sig: "(x array) -> object", Mark: 'C',
			Doc: param.T("An object of an array of [key, value].", "由 [键， 值] 数组构造对象。"),
			Examples: []fn.Example{on(`[{"x":[["a",1],["b",2]]}]`, "zip(x)", `{"a":1,"b":2}`), eg("zip(null)", "null"),
				on(`[{"x":[1]}]`, "zip(x)", "error: each element of zip should be an array of a key and a value")},
			Eval: onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
				return pairsToObject(arr.Len(), func(i int) (k, v value.Value, err error) {
					pair := arr.At(i)
					if !pair.IsArray() || pair.Len() != 2 {
						return null, null, errors.New("each element of zip should be an array of a key and a value")
					}
					return pair.At(0), pair.At(1), nil
				})
			})},
		{Name: "kvpair_array_to_obj", Sig: "(x array) -> object", Mark: 'C',
			Doc: param.T("An object of an array of {key, value}.", "由 {key, value} 数组构造对象。"),
			Examples: []fn.Example{on(`[{"x":[{"key":"a","value":1}]}]`, "kvpair_array_to_obj(x)", `{"a":1}`), eg("kvpair_array_to_obj(null)", "null"),
				on(`[{"x":[1]}]`, "kvpair_array_to_obj(x)", "error: array item should be map[string]interface{}")},
			Eval: onItems(func(arr value.Value, _ []value.Value) (value.Value, error) {
				return pairsToObject(arr.Len(), func(i int) (k, v value.Value, err error) {
					if arr.At(i).Kind() != value.Object {
						return null, null, errors.New("array item should be map[string]interface{}")
					}
					k, _ = arr.At(i).Lookup("key")
					v, _ = arr.At(i).Lookup("value")
					return k, v, nil
				})
			})},
	}
}

func checkPairs(args []value.Value) error {
	if len(args)%2 != 0 {
		return errors.New("the args must be key value pairs")
	}
	for i := 0; i < len(args); i += 2 {
		if !args[i].IsNull() && args[i].Kind() != value.String {
			return fn.Sentence("Expect string type for parameter %d.", i+1)
		}
	}
	return nil
}

func objectConstruct(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	ms := make([]value.Member, 0, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		k, v := args[i], args[i+1]
		if k.IsNull() {
			continue
		}
		if v.IsNull() {
			v = value.ExplicitNull
		}
		ms = append(ms, value.Member{Name: k.String(), Val: v})
	}
	return value.OfObject(ms), nil
}

func twoLists(f func(x, y value.Value) (value.Value, error)) fn.EvalFunc {
	return onItems(func(x value.Value, args []value.Value) (value.Value, error) {
		if !args[0].IsArray() {
			return null, errors.New("second argument should be array of interface{}")
		}
		return f(x, args[0])
	})
}

func pairsToObject(n int, at func(i int) (k, v value.Value, err error)) (value.Value, error) {
	ms := make([]value.Member, n)
	for i := range ms {
		k, v, err := at(i)
		if err != nil {
			return null, err
		}
		if k.Kind() != value.String {
			return null, fmt.Errorf("key should be string, got %s", value.Describe(k))
		}
		ms[i] = value.Member{Name: k.Str(), Val: v}
	}
	return value.OfObject(ms), nil
}

func objectCuts() []*fn.Func {
	return []*fn.Func{
		{Name: "object_pick", Sig: "(x object, key any, rest any...) -> object", Mark: 'B',
			Doc: param.T("x with only these keys, given one by one or as an array; a.b picks inside.", "仅保留指定键的对象，键可逐个给出或为数组；a.b 表示内层键。"),
			Examples: []fn.Example{objects(`object_pick(o, "k")`, `{"k":1}`), objects(`object_pick(deep, "x.y", "w")`, `{"w":3,"x":{"y":1}}`),
				objects(`object_pick(o, "zz")`, "{}"), eg(`object_pick(null, "k")`, "null")},
			Eval: func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
				if args[0].Kind() != value.Object {
					return null, errNotObject
				}
				return pick(args[0], keyList(args[1:])), nil
			}},
		{Name: "erase", Sig: "(x object, key any, rest any...) -> object", Mark: 'B',
			Doc:      param.T("x without these keys, given one by one or as an array.", "去除指定键的对象，键可逐个给出或为数组。"),
			Examples: []fn.Example{objects(`erase(o, "k")`, `{"l":2}`), objects(`erase(o, array_create("k", "l"))`, "{}"), eg(`erase(null, "k")`, "null")},
			Eval: onObject(func(ms []value.Member, args []value.Value) (value.Value, error) {
				gone := keyList(args)
				out := make([]value.Member, 0, len(ms))
				for _, m := range ms {
					if !slices.Contains(gone, m.Name) {
						out = append(out, m)
					}
				}
				return value.OfSorted(out), nil
			})},
	}
}

// keyList is keys given one by one or in arrays.
func keyList(args []value.Value) []string {
	var ks []string
	for _, v := range args {
		if !v.IsArray() {
			ks = append(ks, v.String())
			continue
		}
		for i := range v.Len() {
			ks = append(ks, v.At(i).String())
		}
	}
	return ks
}

// pick takes the members at the paths out of an object, and of objects in it.
func pick(obj value.Value, paths []string) value.Value {
	var out []value.Member
	inside := map[string][]string{}
	for _, p := range paths {
		if v, ok := obj.Lookup(p); ok {
			out = append(out, value.Member{Name: p, Val: v})
			continue
		}
		if head, rest, ok := strings.Cut(p, "."); ok {
			inside[head] = append(inside[head], rest)
		}
	}
	for head, rest := range inside {
		v, _ := obj.Lookup(head)
		if picked := pick(v, rest); picked.Len() > 0 && !slices.ContainsFunc(out, func(m value.Member) bool { return m.Name == head }) {
			out = append(out, value.Member{Name: head, Val: picked})
		}
	}
	return value.OfObject(out)
}
