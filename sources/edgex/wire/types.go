package wire

import (
	"math"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// valueType is a reading's type: one of shapes, maybe an array of it.
type valueType struct {
	of   shape
	list bool
}

type shape uint8

const (
	shapeNone shape = iota // unknown: kept as text
	shapeBool
	shapeString
	shapeInt // every Int and Uint
	shapeFloat32
	shapeFloat64
	shapeBinary
	shapeObject
)

func typeOf(name []byte) valueType {
	switch string(name) {
	case "Float64":
		return valueType{shapeFloat64, false}
	case "Float32":
		return valueType{shapeFloat32, false}
	case "Int64", "Int32", "Int16", "Int8", "Uint64", "Uint32", "Uint16", "Uint8":
		return valueType{shapeInt, false}
	case "Bool":
		return valueType{shapeBool, false}
	case "String":
		return valueType{shapeString, false}
	case "Binary":
		return valueType{shapeBinary, false}
	case "Object":
		return valueType{shapeObject, false}
	}
	base, isArray := cutArray(string(name))
	if isArray {
		t := typeOf([]byte(base))
		t.list = t.of != shapeNone
		return t
	}
	for _, s := range [...]string{"Bool", "String", "Uint64", "Float32", "Float64", "Binary", "Object"} {
		if strings.EqualFold(base, s) {
			return typeOf([]byte(s))
		}
	}
	if low := strings.TrimPrefix(strings.ToLower(base), "u"); low == "int8" || low == "int16" || low == "int32" || low == "int64" {
		return valueType{shapeInt, false}
	}
	return valueType{}
}

func cutArray(name string) (base string, isArray bool) {
	if n := len(name) - len("Array"); n > 0 && strings.EqualFold(name[n:], "Array") {
		return name[:n], true
	}
	return name, false
}

// column is the type of the column that takes the reading.
func (t valueType) column() value.Type {
	k := [...]value.Kind{
		shapeNone: value.String, shapeBool: value.Bool, shapeString: value.String, shapeInt: value.Int,
		shapeFloat32: value.Float, shapeFloat64: value.Float, shapeBinary: value.Bytes, shapeObject: value.Object,
	}[t.of]
	if t.list {
		return value.ArrayOf(value.Type{Kind: k})
	}
	return value.Type{Kind: k}
}

// ColumnType is the column type for an EdgeX valueType; ok is false for a name
// that EdgeX does not know.
func ColumnType(valueTypeName string) (t value.Type, ok bool) {
	v := typeOf([]byte(valueTypeName))
	return v.column(), v.of != shapeNone
}

// decodeText decodes a reading's value in its text form.
func (t valueType) decodeText(s []byte) (value.Value, bool) {
	if t.list {
		return t.decodeList(s)
	}
	switch t.of {
	case shapeInt:
		return parseInt(s)
	case shapeFloat64, shapeFloat32:
		f, ok := t.parseFloat(s)
		return value.OfFloat(f), ok
	case shapeBool:
		return parseBool(s)
	}
	return value.OfStringBytes(s), true
}

// A Float32 is read with the digits it is written with, not rounded to 32 bits
// first: 64.52435 stays 64.52435 and does not become 64.52435302734375.
func (t valueType) parseFloat(s []byte) (float64, bool) {
	f, ok := parseFloat(s)
	if t.of == shapeFloat32 && !math.IsInf(f, 0) && math.Abs(f) > math.MaxFloat32*(1+1e-6) {
		return 0, false
	}
	return f, ok
}
