package wire

import (
	"encoding/base64"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// fits tells whether v needs no cast to be in a column of type t.
func fits(v value.Value, t *value.Type) bool {
	if t.Kind == value.Null || t.Kind == v.Kind() {
		return t.Kind != value.Array && t.Kind != value.Object || t.Elem == nil && t.Fields == nil
	}
	return v.IsNull()
}

// Cast converts a reading to the declared type of its column: whole numbers
// and floats into each other where nothing is lost, texts that spell a number
// or boolean, anything plain into STRING, arrays and structs piece by piece.
func Cast(v value.Value, t value.Type) (value.Value, bool) {
	if fits(v, &t) {
		return v, true
	}
	switch t.Kind {
	case value.Int:
		return toInt(v)
	case value.Float:
		return toFloat(v)
	case value.String:
		return toString(v)
	case value.Bool:
		return toBool(v)
	case value.Bytes:
		return toBytes(v)
	case value.Time: // kept as given: ms or text
		return v, v.IsNumber() || v.Kind() == value.String
	case value.Array, value.Ints, value.Floats:
		return toArray(v, t)
	case value.Object:
		return toObject(v, t.Fields)
	}
	return value.Value{}, false
}

func toInt(v value.Value) (value.Value, bool) {
	switch v.Kind() {
	case value.Uint:
		return v, true
	case value.String:
		if n, ok := parseInt(v.Bytes()); ok {
			return n, true
		}
		f, ok := parseFloat(v.Bytes())
		if !ok {
			return value.Value{}, false
		}
		v = value.OfFloat(f)
	}
	i, ok := v.AsInt()
	return value.OfInt(i), ok
}

func toFloat(v value.Value) (value.Value, bool) {
	if v.Kind() == value.String {
		f, ok := parseFloat(v.Bytes())
		return value.OfFloat(f), ok
	}
	f, ok := v.AsFloat()
	return value.OfFloat(f), ok
}

func toString(v value.Value) (value.Value, bool) {
	switch v.Kind() {
	case value.Int, value.Uint, value.Float, value.Bool:
		return value.OfString(v.String()), true
	}
	return value.Value{}, false
}

func toBool(v value.Value) (value.Value, bool) {
	if v.Kind() == value.String {
		return parseBool(v.Bytes())
	}
	f, ok := v.AsFloat()
	return value.OfBool(f == 1), ok && (f == 0 || f == 1)
}

func toBytes(v value.Value) (value.Value, bool) {
	if v.Kind() != value.String {
		return value.Value{}, false
	}
	if b, err := base64.StdEncoding.DecodeString(v.Str()); err == nil {
		return value.OfBytes(b), true
	}
	return value.OfBytes(v.Bytes()), true
}

func toArray(v value.Value, t value.Type) (value.Value, bool) {
	if !v.IsArray() {
		return value.Value{}, false
	}
	elem := t.Elem
	switch t.Kind {
	case value.Ints:
		elem = &value.Type{Kind: value.Int}
	case value.Floats:
		elem = &value.Type{Kind: value.Float}
	}
	switch {
	case elem == nil, elem.Kind == value.Null,
		v.Kind() == value.Ints && elem.Kind == value.Int,
		v.Kind() == value.Floats && elem.Kind == value.Float:
		return v, true
	case v.Kind() == value.Ints && elem.Kind == value.Float:
		fs := make([]float64, v.Len())
		for i, n := range v.Ints() {
			fs[i] = float64(n)
		}
		return value.OfFloats(fs), true
	}
	return castElements(v, elem)
}

// castElements casts one by one; an element that cannot be cast spoils the
// array. Arrays of numbers get their compact form.
func castElements(v value.Value, elem *value.Type) (value.Value, bool) {
	vs := make([]value.Value, v.Len())
	ints, floats := elem.Kind == value.Int, elem.Kind == value.Float
	for i := range vs {
		x, ok := Cast(v.At(i), *elem)
		if !ok {
			return value.Value{}, false
		}
		vs[i] = x
		ints = ints && x.Kind() == value.Int
		floats = floats && x.Kind() == value.Float
	}
	switch {
	case ints:
		ns := make([]int64, len(vs))
		for i, x := range vs {
			ns[i] = x.Int()
		}
		return value.OfInts(ns), true
	case floats:
		fs := make([]float64, len(vs))
		for i, x := range vs {
			fs[i] = x.Float()
		}
		return value.OfFloats(fs), true
	}
	return value.OfArray(vs), true
}

func toObject(v value.Value, fields []value.Field) (value.Value, bool) {
	if v.Kind() != value.Object {
		return value.Value{}, false
	}
	ms := make([]value.Member, 0, len(fields))
	for _, f := range fields {
		x, found := v.Lookup(f.Name)
		if !found {
			continue
		}
		x, ok := Cast(x, f.Type)
		if !ok {
			return value.Value{}, false
		}
		ms = append(ms, value.Member{Name: f.Name, Val: x})
	}
	return value.OfObject(ms), true
}
