package value

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// JSONOptions says how JSON text becomes values.
type JSONOptions struct {
	IntWhole bool // numbers without fraction and exponent become BIGINT (or Uint) rather than FLOAT
}

// ParseJSON parses one document. Strings without escapes share the memory of
// b, which must not be written afterwards. Arrays of numbers become Floats (or
// Ints). Of members with the same name the last one stays.
func ParseJSON(b []byte, opt JSONOptions) (Value, error) {
	p := JSONParser{JSONOptions: opt}
	v, end := p.Parse(b, jsontext.Space(b, 0))
	if end >= 0 {
		if end = jsontext.Space(b, end); end == len(b) {
			return v, nil
		}
		end = jsontext.Bad(end)
	}
	return Value{}, jsontext.SyntaxError(b, end)
}

// JSONParser parses values out of JSON text. It keeps scratch memory between
// calls; one goroutine uses it.
type JSONParser struct {
	JSONOptions
	// Detached values do not share the memory of the text: it may be written
	// again, and a value that is kept does not hold all of it.
	Detached bool

	arena   Arena
	values  []Value  // elements of the arrays that are open
	members []Member // members of the objects that are open
	depth   int
}

// Parse parses the value that begins at b[i] and returns the index behind it.
// A negative index is jsontext's mark of a syntax error.
func (p *JSONParser) Parse(b []byte, i int) (Value, int) {
	if i >= len(b) {
		return Value{}, jsontext.Bad(i)
	}
	switch b[i] {
	case '"':
		end, plain := jsontext.String(b, i)
		if plain {
			return OfStringBytes(p.Text(b[i+1 : end-1])), end
		}
		return escapedString(b, i, end)
	case '{', '[':
		return p.nested(b, i)
	case 't', 'f', 'n':
		return literal(b, i)
	}
	if p.IntWhole {
		return wholeNumber(b, i)
	}
	f, end := jsontext.Float(b, i)
	if math.IsInf(f, 0) {
		return Value{}, jsontext.Bad(i)
	}
	return OfFloat(f), end
}

// Text returns bytes of the text as they may stay in a value: as they are, or
// copied.
func (p *JSONParser) Text(b []byte) []byte {
	if p.Detached {
		return p.arena.Copy(b)
	}
	return b
}

func escapedString(b []byte, i, end int) (Value, int) {
	if end < 0 {
		return Value{}, end
	}
	raw := b[i+1 : end-1]
	return OfStringBytes(jsontext.AppendUnquoted(make([]byte, 0, len(raw)), raw)), end
}

func literal(b []byte, i int) (Value, int) {
	end := jsontext.Literal(b, i)
	switch {
	case b[i] == 't':
		return True, end
	case b[i] == 'f':
		return False, end
	}
	return ExplicitNull, end
}

// wholeNumber keeps numbers written without fraction and exponent exact as far
// as 64 bits reach.
func wholeNumber(b []byte, i int) (Value, int) {
	if n, end, ok := jsontext.Whole(b, i); ok {
		return OfInt(n), end
	}
	f, end := jsontext.Float(b, i)
	if end < 0 || math.IsInf(f, 0) {
		return Value{}, min(end, jsontext.Bad(i))
	}
	if f >= 1<<63 {
		if u, err := strconv.ParseUint(unsafe.String(&b[i], end-i), 10, 64); err == nil {
			return OfUint(u), end
		}
	}
	return OfFloat(f), end
}

func (p *JSONParser) nested(b []byte, i int) (v Value, end int) {
	if p.depth >= jsontext.MaxDepth {
		return Value{}, jsontext.Bad(i)
	}
	p.depth++
	if b[i] == '{' {
		v, end = p.object(b, i)
	} else {
		v, end = p.array(b, i)
	}
	p.depth--
	return v, end
}

func (p *JSONParser) object(b []byte, i int) (Value, int) {
	mark := len(p.members)
	defer func() {
		clear(p.members[mark:])
		p.members = p.members[:mark]
	}()
	i = jsontext.Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return OfSorted(nil), i + 1
	}
	for {
		end, val, plain := jsontext.Key(b, i)
		if val < 0 {
			return Value{}, val
		}
		name := b[i+1 : end-1]
		if plain {
			name = p.Text(name)
		} else {
			name = jsontext.AppendUnquoted(nil, name)
		}
		var v Value
		if v, i = p.Parse(b, val); i < 0 {
			return Value{}, i
		}
		p.members = append(p.members, Member{unsafe.String(unsafe.SliceData(name), len(name)), v})
		i = jsontext.Space(b, i)
		if i < len(b) && b[i] == ',' {
			i = jsontext.Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			return OfObject(slices.Clone(p.members[mark:])), i + 1
		}
		return Value{}, jsontext.Bad(i)
	}
}

func (p *JSONParser) array(b []byte, i int) (Value, int) {
	i = jsontext.Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return OfArray(nil), i + 1
	}
	if v, end, ok := p.numbers(b, i); ok {
		return v, end
	}
	mark := len(p.values)
	defer func() {
		clear(p.values[mark:])
		p.values = p.values[:mark]
	}()
	for {
		var v Value
		if v, i = p.Parse(b, i); i < 0 {
			return Value{}, i
		}
		p.values = append(p.values, v)
		i = jsontext.Space(b, i)
		if i < len(b) && b[i] == ',' {
			i = jsontext.Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == ']' {
			return OfArray(slices.Clone(p.values[mark:])), i + 1
		}
		return Value{}, jsontext.Bad(i)
	}
}

// numbers reads the rest of an array that holds nothing but numbers of one
// type. Device readings have thousands: they stay 8 bytes each.
func (p *JSONParser) numbers(b []byte, i int) (v Value, end int, ok bool) {
	if i >= len(b) || b[i] != '-' && b[i]-'0' > 9 {
		return Value{}, 0, false
	}
	size := bytes.IndexByte(b[i:], ']')
	if size < 0 {
		return Value{}, 0, false
	}
	n := bytes.Count(b[i:i+size], []byte{','}) + 1
	if p.IntWhole {
		if ns, end := readNumbers(b, i, make([]int64, 0, n), readInt); end >= 0 {
			return OfInts(ns), end, true
		}
	}
	fs, end := readNumbers(b, i, make([]float64, 0, n), p.readFloat)
	return OfFloats(fs), end, end >= 0
}

func readInt(b []byte, i int) (int64, int) {
	n, end, ok := jsontext.Whole(b, i)
	if !ok {
		return 0, jsontext.Bad(i)
	}
	return n, end
}

// readFloat refuses whole numbers if they must stay exact: then the array is
// mixed.
func (p *JSONParser) readFloat(b []byte, i int) (float64, int) {
	f, end := jsontext.Float(b, i)
	if math.IsInf(f, 0) || end >= 0 && p.IntWhole && !bytes.ContainsAny(b[i:end], ".eE") {
		return 0, jsontext.Bad(i)
	}
	return f, end
}

func readNumbers[T int64 | float64](b []byte, i int, ns []T, read func([]byte, int) (T, int)) ([]T, int) {
	for {
		n, end := read(b, i)
		if end < 0 {
			return nil, end
		}
		ns = append(ns, n)
		i = jsontext.Space(b, end)
		if i < len(b) && b[i] == ',' {
			i = jsontext.Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == ']' {
			return ns, i + 1
		}
		return nil, jsontext.Bad(i)
	}
}
