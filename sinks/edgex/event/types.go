package event

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// TypeOf is the value type for a value that comes from nowhere in particular;
// empty for NULL and for arrays that begin with it.
func TypeOf(v value.Value) string {
	switch v.Kind() {
	case value.Bool:
		return "Bool"
	case value.Int:
		return "Int64"
	case value.Uint:
		return "Uint64"
	case value.Float:
		return "Float64"
	case value.String, value.Time:
		return "String"
	case value.Bytes:
		return "Binary"
	case value.Object:
		return "Object"
	case value.Ints, value.Floats, value.Array:
		return arrayType(v)
	}
	return ""
}

// arrayType goes by the first element; whole numbers among floats are floats.
// An empty array is one of strings: EdgeX refuses other empty arrays.
func arrayType(v value.Value) string {
	switch {
	case v.Len() == 0:
		return "StringArray"
	case v.Kind() == value.Ints:
		return "Int64Array"
	case v.Kind() == value.Floats:
		return "Float64Array"
	}
	elem := TypeOf(v.At(0))
	for i := range v.Len() {
		if t := TypeOf(v.At(i)); t == "Float64" && elem == "Int64" || t == "Uint64" && elem == "Int64" {
			elem = t
		}
	}
	switch elem {
	case "Object":
		return "Object" // EdgeX 3 knows no ObjectArray; an Object may be any JSON
	case "", "Binary":
		return ""
	}
	if strings.HasSuffix(elem, "Array") {
		return "Object"
	}
	return elem + "Array"
}

// Suits tells whether a value may keep the value type that its reading had
// before: it is of the same sort and in range.
func Suits(v value.Value, valueType string) bool {
	if v.IsNull() {
		return false
	}
	elem, isArray := strings.CutSuffix(valueType, "Array")
	if valueType == "ObjectArray" {
		return v.IsArray()
	}
	if isArray {
		for i := range v.Len() {
			if !suitsScalar(v.At(i), elem) {
				return false
			}
		}
		return v.IsArray()
	}
	return suitsScalar(v, elem)
}

func suitsScalar(v value.Value, valueType string) bool {
	switch valueType {
	case "Bool":
		return v.Kind() == value.Bool
	case "String":
		return v.Kind() == value.String
	case "Binary":
		return v.Kind() == value.Bytes
	case "Object":
		return v.Kind() == value.Object || v.Kind() == value.Array
	case "Float32", "Float64":
		_, err := number(v, valueType)
		return err == nil && v.IsNumber()
	}
	if _, known := ranges[valueType]; !known || !v.IsNumber() {
		return false
	}
	_, err := whole(v, valueType)
	return err == nil
}

// ranges are the limits of the whole value types; Uint64 is checked apart.
var ranges = map[string][2]int64{
	"Int8": {math.MinInt8, math.MaxInt8}, "Int16": {math.MinInt16, math.MaxInt16}, "Int32": {math.MinInt32, math.MaxInt32},
	"Int64": {math.MinInt64, math.MaxInt64}, "Uint8": {0, math.MaxUint8}, "Uint16": {0, math.MaxUint16},
	"Uint32": {0, math.MaxUint32}, "Uint64": {0, math.MaxInt64},
}

// AppendText appends the text form of a value as a value type, which it is
// cast to. Arrays are written [1, 2, 3]; arrays of strings as JSON, since the
// form of EdgeX 3 cannot be read back.
func AppendText(dst []byte, v value.Value, valueType string) ([]byte, error) {
	elem, isArray := strings.CutSuffix(valueType, "Array")
	if !isArray {
		return appendScalar(dst, v, valueType)
	}
	if !v.IsArray() {
		return nil, mismatch(v, valueType)
	}
	if elem == "String" {
		return appendStrings(dst, v)
	}
	dst = append(dst, '[')
	var err error
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',', ' ')
		}
		if dst, err = appendScalar(dst, v.At(i), elem); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return append(dst, ']'), nil
}

func appendStrings(dst []byte, v value.Value) ([]byte, error) {
	vs := make([]value.Value, v.Len())
	for i := range vs {
		e := v.At(i)
		if e.IsNull() || e.Kind() == value.Object || e.IsArray() {
			return nil, fmt.Errorf("element %d: %w", i, mismatch(e, "String"))
		}
		vs[i] = value.OfString(plain(e))
	}
	return value.AppendJSON(dst, value.OfArray(vs))
}

func appendScalar(dst []byte, v value.Value, valueType string) ([]byte, error) {
	switch valueType {
	case "Bool":
		if v.Kind() == value.String {
			b, err := strconv.ParseBool(v.Str())
			if err != nil {
				return nil, mismatch(v, valueType)
			}
			v = value.OfBool(b)
		}
		if v.Kind() != value.Bool {
			return nil, mismatch(v, valueType)
		}
		return strconv.AppendBool(dst, v.Bool()), nil
	case "String":
		switch v.Kind() {
		case value.Null, value.Object, value.Array, value.Ints, value.Floats, value.Bytes:
			return nil, mismatch(v, valueType)
		}
		return append(dst, plain(v)...), nil
	case "Float32", "Float64":
		f, err := number(v, valueType)
		if err != nil {
			return nil, err
		}
		bits := 64
		if valueType == "Float32" {
			bits = 32
		}
		return strconv.AppendFloat(dst, f, 'e', -1, bits), nil
	}
	if _, known := ranges[valueType]; !known {
		return nil, fmt.Errorf("value type %q is unknown", valueType)
	}
	n, err := whole(v, valueType)
	if err != nil {
		return nil, err
	}
	return append(dst, n.String()...), nil
}

// plain is the text of a scalar.
func plain(v value.Value) string {
	switch v.Kind() {
	case value.String:
		return v.Str()
	case value.Time:
		return v.Time().Format(time.RFC3339Nano)
	}
	return v.String()
}

func number(v value.Value, valueType string) (float64, error) {
	f, ok := v.AsFloat()
	if v.Kind() == value.String {
		var err error
		f, err = strconv.ParseFloat(v.Str(), 64)
		ok = err == nil
	}
	if !ok || valueType == "Float32" && math.Abs(f) > math.MaxFloat32 && !math.IsInf(f, 0) {
		return 0, mismatch(v, valueType)
	}
	return f, nil
}

// whole casts to a whole number in the range of the type.
func whole(v value.Value, valueType string) (value.Value, error) {
	if v.Kind() == value.String {
		if u, err := strconv.ParseUint(v.Str(), 10, 64); err == nil {
			v = value.OfUint(u)
		} else if i, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			v = value.OfInt(i)
		}
	}
	if v.Kind() == value.Uint {
		if valueType != "Uint64" {
			return value.Value{}, mismatch(v, valueType)
		}
		return v, nil
	}
	i, ok := v.AsInt()
	if r := ranges[valueType]; !ok || i < r[0] || i > r[1] {
		return value.Value{}, mismatch(v, valueType)
	}
	return value.OfInt(i), nil
}

func mismatch(v value.Value, valueType string) error {
	s := value.Describe(v)
	if len(s) > 80 {
		s = s[:80] + "..."
	}
	return fmt.Errorf("cannot convert %s to %s", s, valueType)
}
