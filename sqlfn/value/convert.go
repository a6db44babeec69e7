package value

import (
	"encoding/base64"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// From converts a Go value as made by encoding/json, YAML or CBOR decoders.
// Types it does not know become their fmt text.
func From(x any) Value {
	switch x := x.(type) {
	case nil:
		return ExplicitNull
	case Value:
		return x
	case bool:
		return OfBool(x)
	case int:
		return OfInt(int64(x))
	case int8:
		return OfInt(int64(x))
	case int16:
		return OfInt(int64(x))
	case int32:
		return OfInt(int64(x))
	case int64:
		return OfInt(x)
	case uint:
		return OfUint(uint64(x))
	case uint8:
		return OfInt(int64(x))
	case uint16:
		return OfInt(int64(x))
	case uint32:
		return OfInt(int64(x))
	case uint64:
		return OfUint(x)
	case float32:
		return OfFloat(float64(x))
	case float64:
		return OfFloat(x)
	case string:
		return OfString(x)
	case []byte:
		return OfBytes(x)
	case time.Time:
		return OfTime(x)
	case []int64:
		return OfInts(x)
	case []float64:
		return OfFloats(x)
	case []any:
		return fromSlice(x)
	case []string:
		return fromSlice(x)
	case []map[string]any:
		return fromSlice(x)
	case map[string]any:
		return fromMap(x)
	case map[string]string:
		return fromMap(x)
	case map[any]any:
		ms := make([]Member, 0, len(x))
		for k, v := range x {
			ms = append(ms, Member{fmt.Sprint(k), From(v)})
		}
		return OfObject(ms)
	}
	return OfString(fmt.Sprint(x))
}

func fromSlice[T any](xs []T) Value {
	vs := make([]Value, len(xs))
	for i, e := range xs {
		vs[i] = From(e)
	}
	return OfArray(vs)
}

func fromMap[T any](m map[string]T) Value {
	ms := make([]Member, 0, len(m))
	for k, v := range m {
		ms = append(ms, Member{k, From(v)})
	}
	return OfObject(ms)
}

// Any converts v to plain Go: nil, bool, int64, uint64, float64, string,
// []byte, time.Time, []any, map[string]any. Templates and clients use it.
func (v Value) Any() any {
	switch v.kind {
	case Bool:
		return v.Bool()
	case Int:
		return v.Int()
	case Uint:
		return v.Uint()
	case Float:
		return v.Float()
	case String:
		return v.Str()
	case Bytes:
		return v.Bytes()
	case Time:
		return v.Time()
	case Array, Ints, Floats:
		xs := make([]any, v.Len())
		for i := range xs {
			xs[i] = v.At(i).Any()
		}
		return xs
	case Object:
		m := make(map[string]any, v.Len())
		for _, e := range v.Members() {
			m[e.Name] = e.Val.Any()
		}
		return m
	}
	return nil
}

// String is the text of v as concat and cast(.., "string") give it: numbers in
// their shortest form, arrays and objects in Go's spelling ([1 2], map[a:1]).
func (v Value) String() string {
	switch v.kind {
	case Null:
		return ""
	case String:
		return v.Str()
	case Bytes:
		return string(v.Bytes())
	case Int:
		return strconv.FormatInt(v.Int(), 10)
	case Uint:
		return strconv.FormatUint(v.num, 10)
	case Float:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case Bool:
		return strconv.FormatBool(v.Bool())
	}
	return fmt.Sprint(v.Any())
}

// Clone copies what v points to, so that a small value does not keep the large
// message alive from which it was cut.
func (v Value) Clone() Value {
	switch v.kind {
	case String:
		return OfString(strings.Clone(v.Str()))
	case Bytes:
		return OfBytes(append([]byte(nil), v.Bytes()...))
	case Ints:
		return OfInts(append([]int64(nil), v.Ints()...))
	case Floats:
		return OfFloats(append([]float64(nil), v.Floats()...))
	case Array:
		vs := make([]Value, v.Len())
		for i, e := range v.Values() {
			vs[i] = e.Clone()
		}
		return OfArray(vs)
	case Object:
		ms := make([]Member, v.Len())
		for i, m := range v.Members() {
			ms[i] = Member{strings.Clone(m.Name), m.Val.Clone()}
		}
		return OfSorted(ms)
	}
	return v
}

// AppendKey appends an encoding of v in which equal values (and only those)
// have equal bytes: the key of a group or partition. An int and a float of the
// same number are equal, as in comparisons.
func AppendKey(dst []byte, v Value) []byte {
	switch v.kind {
	case Float:
		if i, ok := v.AsInt(); ok {
			return AppendKey(dst, OfInt(i))
		}
		return appendBits(append(dst, 'f'), v.num)
	case Int, Uint:
		return appendBits(append(dst, 'i'), v.num)
	case Bool:
		return append(dst, 'b', byte(v.num))
	case String:
		return append(appendBits(append(dst, 's'), v.num), v.Str()...)
	case Bytes:
		return append(appendBits(append(dst, 'y'), v.num), v.Bytes()...)
	case Time:
		return appendBits(append(dst, 't'), uint64(v.Time().UnixNano()))
	case Array, Ints, Floats:
		dst = appendBits(append(dst, 'a'), v.num)
		for i := range v.Len() {
			dst = AppendKey(dst, v.At(i))
		}
		return dst
	case Object:
		dst = appendBits(append(dst, 'o'), v.num)
		for _, m := range v.Members() {
			dst = AppendKey(AppendKey(dst, OfString(m.Name)), m.Val)
		}
		return dst
	}
	return append(dst, 'n')
}

func appendBits(dst []byte, n uint64) []byte {
	return append(dst, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// Equal tells whether a and b are the same value: NULL equals NULL, numbers
// compare by value, arrays and objects element by element.
func Equal(a, b Value) bool {
	switch {
	case a.IsNumber() && b.IsNumber():
		c, _ := Compare(a, b)
		return c == 0
	case a.IsArray() && b.IsArray():
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !Equal(a.At(i), b.At(i)) {
				return false
			}
		}
		return true
	case a.kind != b.kind:
		return false
	}
	switch a.kind {
	case Null:
		return true
	case Bool:
		return a.num == b.num
	case Object:
		am, bm := a.Members(), b.Members()
		if len(am) != len(bm) {
			return false
		}
		for i := range am {
			if am[i].Name != bm[i].Name || !Equal(am[i].Val, bm[i].Val) {
				return false
			}
		}
		return true
	}
	c, ok := Compare(a, b)
	return ok && c == 0
}

// Compare orders two values of comparable kinds: numbers by value, strings and
// bytes bytewise, booleans false first, times; ok is false for anything else
// and for NaN.
func Compare(a, b Value) (c int, ok bool) {
	switch {
	case a.kind == Int && b.kind == Int:
		return cmp(a.Int(), b.Int()), true
	case a.IsNumber() && b.IsNumber():
		return compareNumbers(a, b)
	case a.kind != b.kind:
		return 0, false
	}
	switch a.kind {
	case String, Bytes:
		return strings.Compare(a.Str(), b.Str()), true
	case Bool:
		return cmp(a.num, b.num), true
	case Time:
		return a.Time().Compare(b.Time()), true
	}
	return 0, false
}

func compareNumbers(a, b Value) (int, bool) {
	if a.kind != Float && b.kind != Float { // a Uint is above every Int
		if a.kind == b.kind {
			return cmp(a.num, b.num), true
		}
		if a.kind == Uint {
			return 1, true
		}
		return -1, true
	}
	x, _ := a.AsFloat()
	y, _ := b.AsFloat()
	if math.IsNaN(x) || math.IsNaN(y) {
		return 0, false
	}
	return cmp(x, y), true
}

func cmp[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Describe names a value in an error message the way users know it:
// int64(5), float64(1.5), string(abc).
func Describe(v Value) string {
	switch v.kind {
	case Null:
		return "<nil>(<nil>)"
	case Int:
		return "int64(" + v.String() + ")"
	case Uint:
		return "uint64(" + v.String() + ")"
	case Float:
		return "float64(" + v.String() + ")"
	case Bool:
		return "bool(" + v.String() + ")"
	case String:
		return "string(" + v.Str() + ")"
	case Bytes:
		return "[]uint8(" + base64.StdEncoding.EncodeToString(v.Bytes()) + ")"
	case Time:
		return "time.Time(" + v.Time().Format(time.RFC3339Nano) + ")"
	case Object:
		return "map[string]interface {}(" + v.String() + ")"
	}
	return "[]interface {}(" + v.String() + ")"
}

// SortMembers sorts members by name, keeping the last of equal names.
func SortMembers(ms []Member) []Member {
	return OfObject(ms).Members()
}

// Names returns the member names of an object, sorted.
func (v Value) Names() []string {
	ns := make([]string, v.Len())
	for i, m := range v.Members() {
		ns[i] = m.Name
	}
	sort.Strings(ns)
	return ns
}
