package builtin

import (
	"errors"
	"fmt"

	"github.com/ohler55/ojg/jp"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func jsonPaths() []*fn.Func {
	const people = `[{"o":{"k":1,"people":[{"first":"A","age":20},{"first":"B","age":40}]}}]`
	return []*fn.Func{
		{Name: "json_path_query", Sig: "(x any, path string) -> any", Mark: 'B', Nulls: fn.SeesNull, Check: checkPath,
			Doc: param.T("What a JSONPath selects in an object, array or JSON text: a value if the path can select only one, else an array.",
				"JSONPath 在对象、数组或 JSON 文本中选取的内容：路径只能选一个值时返回该值，否则返回数组。"),
			Examples: []fn.Example{on(people, `json_path_query(o, "$.k")`, "1"), on(people, `json_path_query(o, "$..first")`, `["A","B"]`),
				on(people, `json_path_query(o, "$.people[?(@.age > 30)].first")`, `["B"]`),
				on(people, `json_path_query(o, "$.zz")`, "error: unknown key zz"), eg(`json_path_query(null, "$.k")`, "error: invalid data <nil>(<nil>) for jsonpath")},
			NewEval: withPath(func(p *path, doc value.Value) (value.Value, error) { return p.query(doc) })},
		{Name: "json_path_query_first", Sig: "(x any, path string) -> any", Mark: 'B', Nulls: fn.SeesNull, Check: checkPath,
			Doc: param.T("The first element of the array that a JSONPath selects.", "JSONPath 选取的数组中的第一个元素。"),
			Examples: []fn.Example{on(people, `json_path_query_first(o, "$..first")`, `"A"`), on(people, `json_path_query_first(o, "$.k")`, "error: query result (1) is not an array"),
				eg(`json_path_query_first(null, "$.k")`, "error: invalid data <nil>(<nil>) for jsonpath")},
			NewEval: withPath(func(p *path, doc value.Value) (value.Value, error) {
				v, err := p.query(doc)
				switch {
				case err != nil:
					return null, err
				case !v.IsArray():
					return null, fmt.Errorf("query result (%s) is not an array", v)
				case v.Len() == 0:
					return null, nil
				}
				return v.At(0), nil
			})},
		{Name: "json_path_exists", Sig: "(x any, path string) -> bool", Mark: 'B', OnNull: value.False, Check: checkPath,
			Doc: param.T("Whether a JSONPath selects anything.", "JSONPath 是否能选取到内容。"),
			Examples: []fn.Example{on(people, `json_path_exists(o, "$.k")`, "true"), on(people, `json_path_exists(o, "$.zz")`, "false"),
				eg(`json_path_exists(null, "$.k")`, "false")},
			NewEval: withPath(func(p *path, doc value.Value) (value.Value, error) {
				if p.single {
					_, err := p.walk(doc)
					return value.OfBool(err == nil), nil
				}
				return value.OfBool(p.expr.Has(node(doc))), nil
			})},
	}
}

func checkPath(args []value.Value) error {
	if args[1].IsNull() {
		return nil
	}
	_, err := newPath(args[1].Str())
	return err
}

// path is a compiled JSONPath. One that names a single place is followed right
// here, without an allocation; for the others the library walks through the
// values behind its interfaces.
type path struct {
	expr   jp.Expr
	single bool
}

func newPath(text string) (*path, error) {
	x, err := jp.ParseString(text)
	if err == nil && len(x) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("invalid json path %q: %w", text, err)
	}
	p := &path{expr: x, single: true}
	for _, frag := range x {
		switch frag.(type) {
		case jp.Root, jp.At, jp.Bracket, jp.Child, jp.Nth:
		default:
			p.single = false
		}
	}
	return p, nil
}

// withPath compiles the path, the second argument, when it changes.
func withPath(f func(*path, value.Value) (value.Value, error)) func() fn.EvalFunc {
	return func() fn.EvalFunc {
		compiled := last[*path]{build: newPath}
		return func(_ *fn.Ctx, args []value.Value) (value.Value, error) {
			p, err := compiled.of(args[1])
			if err != nil {
				return null, err
			}
			doc := args[0]
			if doc.Kind() == value.String {
				if doc, err = parseJSON(doc.Str()); err != nil {
					return null, err
				}
			}
			if doc.Kind() != value.Object && !doc.IsArray() {
				return null, fmt.Errorf("invalid data %s for jsonpath", value.Describe(args[0]))
			}
			return f(p, doc)
		}
	}
}

func (p *path) query(doc value.Value) (value.Value, error) {
	if p.single {
		return p.walk(doc)
	}
	found := p.expr.Get(node(doc))
	vs := make([]value.Value, len(found))
	for i, x := range found {
		vs[i] = leaf(x)
	}
	return value.OfArray(vs), nil
}

// node shows a value to the library. Objects and arrays are not copied, and
// members come in the order of their names.
func node(v value.Value) any {
	switch {
	case v.Kind() == value.Object:
		return keyed{v}
	case v.IsArray():
		return indexed{v}
	}
	return v.Any()
}

// leaf takes back what node gave.
func leaf(x any) value.Value {
	switch x := x.(type) {
	case keyed:
		return x.Value
	case indexed:
		return x.Value
	}
	return value.From(x)
}

// keyed is an object as a jp.Keyed, indexed an array as a jp.Indexed. Both are
// read only: the setters, which queries never call, do nothing.
type (
	keyed   struct{ value.Value }
	indexed struct{ value.Value }
)

func (k keyed) ValueForKey(key string) (any, bool) {
	v, ok := k.Lookup(key)
	return node(v), ok
}

func (k keyed) Keys() []string             { return k.Names() }
func (k keyed) SetValueForKey(string, any) {}
func (k keyed) RemoveValueForKey(string)   {}

func (a indexed) ValueAtIndex(i int) any   { return node(a.At(i)) }
func (a indexed) Size() int                { return a.Len() }
func (a indexed) SetValueAtIndex(int, any) {}

// walk follows a path to a single place.
func (p *path) walk(v value.Value) (value.Value, error) {
	for _, frag := range p.expr {
		switch step := frag.(type) {
		case jp.Child:
			m, ok := v.Lookup(string(step))
			if !ok {
				return null, fmt.Errorf("unknown key %s", string(step))
			}
			v = m
		case jp.Nth:
			i := int(step)
			if i < 0 {
				i += v.Len()
			}
			if !v.IsArray() || i < 0 || i >= v.Len() {
				return null, fmt.Errorf("index %d out of bounds", int(step))
			}
			v = v.At(i)
		}
	}
	return v, nil
}
