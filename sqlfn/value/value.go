// Package value holds one SQL value.
//
// A Value is 24 bytes, is copied freely and never changes: strings, byte
// strings, arrays and objects it points to must not be written after they were
// handed over. Numbers, booleans and strings cost no allocation.
//
//	v := value.OfInt(42)
//	v.Kind() == value.Int && v.Int() == 42
package value

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"
	"unsafe"
)

// Kind tells what a Value holds.
type Kind uint8

// The kinds. Ints and Floats are arrays of numbers kept as Go slices: device
// readings with thousands of samples stay 8 bytes a sample. Callers that only
// need "is it an array" use Value.IsArray.
const (
	Null   Kind = iota // SQL NULL; in a Type: not known, anything
	Bool               // BOOLEAN
	Int                // BIGINT, int64
	Uint               // a whole number above the int64 range, uint64
	Float              // FLOAT, float64
	String             // STRING
	Bytes              // BYTEA
	Time               // DATETIME
	Array              // ARRAY of any values
	Ints               // ARRAY of int64
	Floats             // ARRAY of float64
	Object             // STRUCT: members sorted by name
)

var kindNames = [...]string{"null", "boolean", "bigint", "uint64", "float", "string", "bytea", "datetime", "array", "array(bigint)", "array(float)", "struct"}

// String is the SQL name of the kind, lower case.
func (k Kind) String() string { return kindNames[k] }

// Value is one SQL value. The zero Value is NULL and means "absent": it is
// left out of results, while ExplicitNull is a null that was present in the
// input and is kept by SELECT a and SELECT *.
type Value struct {
	ptr  unsafe.Pointer // data of strings, bytes, arrays, objects; *time.Time
	num  uint64         // the number, or the length behind ptr
	kind Kind
}

// Member is one entry of an object.
type Member struct {
	Name string
	Val  Value
}

// ExplicitNull is a NULL that is shown rather than left out.
var ExplicitNull = Value{num: 1}

// True and False are the two booleans.
var (
	True  = Value{kind: Bool, num: 1}
	False = Value{kind: Bool}
)

// OfBool returns a BOOLEAN.
func OfBool(b bool) Value {
	if b {
		return True
	}
	return False
}

// OfInt returns a BIGINT.
func OfInt(i int64) Value { return Value{kind: Int, num: uint64(i)} }

// OfUint returns an Int where the number fits, else a Uint.
func OfUint(u uint64) Value {
	if u <= math.MaxInt64 {
		return OfInt(int64(u))
	}
	return Value{kind: Uint, num: u}
}

// OfFloat returns a FLOAT.
func OfFloat(f float64) Value { return Value{kind: Float, num: math.Float64bits(f)} }

// OfString returns a STRING that shares the memory of s.
func OfString(s string) Value {
	return Value{kind: String, num: uint64(len(s)), ptr: unsafe.Pointer(unsafe.StringData(s))}
}

// OfStringBytes returns a STRING that shares the memory of b, which must not
// be written afterwards.
func OfStringBytes(b []byte) Value {
	return Value{kind: String, num: uint64(len(b)), ptr: unsafe.Pointer(unsafe.SliceData(b))}
}

// OfBytes returns a BYTEA that shares the memory of b.
func OfBytes(b []byte) Value {
	return Value{kind: Bytes, num: uint64(len(b)), ptr: unsafe.Pointer(unsafe.SliceData(b))}
}

// OfTime returns a DATETIME.
func OfTime(t time.Time) Value { return Value{kind: Time, ptr: unsafe.Pointer(&t)} }

// OfArray returns an ARRAY that shares vs.
func OfArray(vs []Value) Value {
	return Value{kind: Array, num: uint64(len(vs)), ptr: unsafe.Pointer(unsafe.SliceData(vs))}
}

// OfInts returns an ARRAY of whole numbers that shares ns.
func OfInts(ns []int64) Value {
	return Value{kind: Ints, num: uint64(len(ns)), ptr: unsafe.Pointer(unsafe.SliceData(ns))}
}

// OfFloats returns an ARRAY of floats that shares fs.
func OfFloats(fs []float64) Value {
	return Value{kind: Floats, num: uint64(len(fs)), ptr: unsafe.Pointer(unsafe.SliceData(fs))}
}

// OfObject returns a STRUCT. ms is sorted by name in place; of equal names the
// last one stays.
func OfObject(ms []Member) Value {
	if !sort.SliceIsSorted(ms, func(i, j int) bool { return ms[i].Name < ms[j].Name }) {
		slices.SortStableFunc(ms, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	}
	n := 0
	for i := range ms {
		if n > 0 && ms[n-1].Name == ms[i].Name {
			ms[n-1] = ms[i]
			continue
		}
		ms[n] = ms[i]
		n++
	}
	return OfSorted(ms[:n])
}

// OfSorted is OfObject for members already sorted by name and unique.
func OfSorted(ms []Member) Value {
	return Value{kind: Object, num: uint64(len(ms)), ptr: unsafe.Pointer(unsafe.SliceData(ms))}
}

// Kind tells what v holds.
func (v Value) Kind() Kind { return v.kind }

// IsNull is true for both NULLs.
func (v Value) IsNull() bool { return v.kind == Null }

// Present is false only for the absent NULL.
func (v Value) Present() bool { return v.kind != Null || v.num != 0 }

// IsArray is true for each of the three array kinds.
func (v Value) IsArray() bool { return v.kind == Array || v.kind == Ints || v.kind == Floats }

// IsNumber is true for Int, Uint and Float.
func (v Value) IsNumber() bool { return v.kind == Int || v.kind == Float || v.kind == Uint }

// Bool returns a BOOLEAN's value.
func (v Value) Bool() bool { return v.num != 0 }

// IsTrue is true only for the BOOLEAN true.
func (v Value) IsTrue() bool { return v.kind == Bool && v.num != 0 }

// Int returns a BIGINT's value.
func (v Value) Int() int64 { return int64(v.num) }

// Uint returns a Uint's value.
func (v Value) Uint() uint64 { return v.num }

// Float returns a FLOAT's value.
func (v Value) Float() float64 { return math.Float64frombits(v.num) }

// Str returns a STRING's text. For other kinds see Value.String.
func (v Value) Str() string { return unsafe.String((*byte)(v.ptr), int(v.num)) }

// Bytes returns a BYTEA's content, or a STRING's bytes; not to be written.
func (v Value) Bytes() []byte { return unsafe.Slice((*byte)(v.ptr), int(v.num)) }

// Time returns a DATETIME.
func (v Value) Time() time.Time { return *(*time.Time)(v.ptr) }

// Ints returns the content of an Ints array.
func (v Value) Ints() []int64 { return unsafe.Slice((*int64)(v.ptr), int(v.num)) }

// Floats returns the content of a Floats array.
func (v Value) Floats() []float64 { return unsafe.Slice((*float64)(v.ptr), int(v.num)) }

// Values returns the content of an array of any of the three kinds; only for
// Array without copying.
func (v Value) Values() []Value {
	if v.kind == Array {
		return unsafe.Slice((*Value)(v.ptr), int(v.num))
	}
	vs := make([]Value, v.Len())
	for i := range vs {
		vs[i] = v.At(i)
	}
	return vs
}

// Members returns the content of a STRUCT, sorted by name; not to be written.
func (v Value) Members() []Member {
	if v.kind != Object {
		return nil
	}
	return unsafe.Slice((*Member)(v.ptr), int(v.num))
}

// Len returns the number of elements of an array, members of an object, or
// bytes of a string; 0 for anything else.
func (v Value) Len() int {
	switch v.kind {
	case Array, Ints, Floats, Object, String, Bytes:
		return int(v.num)
	}
	return 0
}

// At returns element i of an array, 0 <= i < Len.
func (v Value) At(i int) Value {
	switch v.kind {
	case Ints:
		return OfInt(v.Ints()[i])
	case Floats:
		return OfFloat(v.Floats()[i])
	}
	return unsafe.Slice((*Value)(v.ptr), int(v.num))[i]
}

// Slice returns elements from..to of an array, sharing its memory.
func (v Value) Slice(from, to int) Value {
	switch v.kind {
	case Ints:
		return OfInts(v.Ints()[from:to])
	case Floats:
		return OfFloats(v.Floats()[from:to])
	}
	return OfArray(v.Values()[from:to])
}

// Lookup returns the member of an object with that name.
func (v Value) Lookup(name string) (Value, bool) {
	ms := v.Members()
	if len(ms) <= 8 {
		for i := range ms {
			if ms[i].Name == name {
				return ms[i].Val, true
			}
		}
		return Value{}, false
	}
	i := sort.Search(len(ms), func(i int) bool { return ms[i].Name >= name })
	if i < len(ms) && ms[i].Name == name {
		return ms[i].Val, true
	}
	return Value{}, false
}

// AsFloat converts any number to float64.
func (v Value) AsFloat() (float64, bool) {
	switch v.kind {
	case Float:
		return v.Float(), true
	case Int:
		return float64(v.Int()), true
	case Uint:
		return float64(v.num), true
	}
	return 0, false
}

// AsInt converts a number without a fraction that fits to int64.
func (v Value) AsInt() (int64, bool) {
	switch v.kind {
	case Int:
		return v.Int(), true
	case Float:
		f := v.Float()
		if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
			return int64(f), true
		}
	}
	return 0, false
}
