package wire

import (
	"bytes"
	"math"
	"strconv"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// parseInt reads a decimal number from -2^63 to 2^64-1.
func parseInt(s []byte) (value.Value, bool) {
	digits, neg := s, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, digits = s[0] == '-', s[1:]
	}
	if len(digits) == 0 || len(digits) > 20 {
		return value.Value{}, false
	}
	var n uint64
	for i, c := range digits {
		d := uint64(c - '0')
		if d > 9 || i == 19 && (n > math.MaxUint64/10 || n == math.MaxUint64/10 && d > 5) {
			return value.Value{}, false
		}
		n = n*10 + d
	}
	if neg {
		return value.OfInt(-int64(n)), n <= 1<<63
	}
	return value.OfUint(n), true
}

// parseFloat reads 3.141593e+00, NaN, +Inf and all that strconv takes. Up to
// 15 digits with a small exponent are exact in one multiplication or division.
func parseFloat(s []byte) (float64, bool) {
	if f, ok := shortFloat(s); ok {
		return f, true
	}
	f, err := strconv.ParseFloat(asString(s), 64)
	return f, err == nil
}

var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

func shortFloat(s []byte) (float64, bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	var mant uint64
	digits, exp, point := 0, 0, false
	for ; i < len(s); i++ {
		c := s[i]
		if d := c - '0'; d <= 9 {
			mant = mant*10 + uint64(d)
			digits++
			if point {
				exp--
			}
		} else if c == '.' && !point {
			point = true
		} else {
			break
		}
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	if i < len(s) {
		e, ok := exponent(s[i:])
		if !ok {
			return 0, false
		}
		exp += e
	}
	if exp < -22 || exp > 22 {
		return 0, false
	}
	f := float64(mant)
	if exp < 0 {
		f /= pow10[-exp]
	} else {
		f *= pow10[exp]
	}
	if neg {
		f = -f
	}
	return f, true
}

// exponent reads e+07.
func exponent(s []byte) (int, bool) {
	if len(s) < 2 || s[0]|0x20 != 'e' {
		return 0, false
	}
	s = s[1:]
	neg := s[0] == '-'
	if neg || s[0] == '+' {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 3 {
		return 0, false
	}
	n := 0
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}

func parseBool(s []byte) (value.Value, bool) {
	switch string(s) {
	case "true":
		return value.True, true
	case "false":
		return value.False, true
	}
	b, err := strconv.ParseBool(asString(s))
	return value.OfBool(b), err == nil
}

// decodeList decodes the text form of an array reading: [1, 2, 3].
func (t valueType) decodeList(s []byte) (value.Value, bool) {
	s = bytes.TrimSpace(s)
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return value.Value{}, false
	}
	inner := bytes.TrimSpace(s[1 : len(s)-1])
	n := 0
	if len(inner) > 0 {
		n = bytes.Count(inner, comma) + 1
	}
	if n > maxElements {
		return value.Value{}, false
	}
	switch t.of {
	case shapeInt:
		return intList(inner, n)
	case shapeFloat32, shapeFloat64:
		return t.floatList(inner, n)
	case shapeBool:
		return anyList(inner, n, parseBool)
	case shapeString:
		return stringList(s, inner), true
	}
	return value.Value{}, false // arrays of objects are not text
}

var comma = []byte{','}

// element cuts the first element off a list, without spaces and quotes.
func element(list []byte) (first, rest []byte) {
	i := bytes.IndexByte(list, ',')
	if i < 0 {
		i, rest = len(list), nil
	} else {
		rest = list[i+1:]
	}
	first = list[:i]
	for len(first) > 0 && (first[0] == ' ' || first[0] == '"') {
		first = first[1:]
	}
	for len(first) > 0 && (first[len(first)-1] == ' ' || first[len(first)-1] == '"') {
		first = first[:len(first)-1]
	}
	return first, rest
}

func intList(inner []byte, n int) (value.Value, bool) {
	ns := make([]int64, 0, n)
	for i := 0; i < len(inner); {
		num, end := shortInt(inner, i)
		if end < 0 { // a null, quotes, or many digits
			return longIntList(inner, n)
		}
		ns = append(ns, num)
		i = end
	}
	if len(ns) != n { // a comma at the end
		return value.Value{}, false
	}
	return value.OfInts(ns), true
}

// shortInt reads a number of at most 18 digits with spaces around it, up to the
// next comma or the end; end is behind the comma, negative if it is not so.
func shortInt(s []byte, i int) (num int64, end int) {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	neg := i < len(s) && s[i] == '-'
	if neg {
		i++
	}
	from := i
	for ; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			break
		}
		num = num*10 + int64(d)
	}
	if i == from || i-from > 18 {
		return 0, -1
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	if i < len(s) && s[i] != ',' {
		return 0, -1
	}
	if neg {
		num = -num
	}
	return num, i + 1
}

func longIntList(inner []byte, n int) (value.Value, bool) {
	ns := make([]int64, n)
	list := inner
	var first []byte
	for i := range ns {
		first, list = element(list)
		v, ok := parseInt(first)
		if !ok || v.Kind() != value.Int { // a null, or beyond int64
			return anyList(inner, n, parseInt)
		}
		ns[i] = v.Int()
	}
	return value.OfInts(ns), true
}

func (t valueType) floatList(inner []byte, n int) (value.Value, bool) {
	fs := make([]float64, n)
	list := inner
	var first []byte
	for i := range fs {
		first, list = element(list)
		f, ok := t.parseFloat(first)
		if !ok {
			return anyList(inner, n, func(s []byte) (value.Value, bool) {
				f, ok := t.parseFloat(s)
				return value.OfFloat(f), ok
			})
		}
		fs[i] = f
	}
	return value.OfFloats(fs), true
}

// anyList is the way for elements that may be null.
func anyList(inner []byte, n int, parse func([]byte) (value.Value, bool)) (value.Value, bool) {
	vs := make([]value.Value, n)
	list := inner
	var first []byte
	for i := range vs {
		first, list = element(list)
		if string(first) == "null" {
			vs[i] = value.ExplicitNull
			continue
		}
		v, ok := parse(first)
		if !ok {
			return value.Value{}, false
		}
		vs[i] = v
	}
	return value.OfArray(vs), true
}

// stringList takes the JSON of EdgeX 4, and the text of EdgeX 3, which has
// neither quotes nor escapes: [a, b c, d]. A comma followed by a space inside
// a text of EdgeX 3 cannot be told from the next element.
func stringList(s, inner []byte) value.Value {
	if len(inner) == 0 {
		return value.OfArray(nil)
	}
	if inner[0] == '"' || inner[0] == 'n' {
		c := &jsonCursor{b: s}
		vs, plain := make([]value.Value, 0, 4), true
		for ok := c.array(); ok && plain; ok = c.element() {
			v := c.any(maxDepth, &numbers{left: 1})
			plain = v.Kind() == value.String || v.IsNull()
			vs = append(vs, v)
		}
		if c.e == nil && plain && c.i == len(s) {
			return value.OfArray(vs)
		}
	}
	parts := bytes.Split(inner, []byte(", "))
	vs := make([]value.Value, len(parts))
	for i, p := range parts {
		vs[i] = value.OfStringBytes(p)
	}
	return value.OfArray(vs)
}
