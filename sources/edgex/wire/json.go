package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/edgesluice/sluice/sqlfn/value"
)

var jsonEncoding = &encoding{"JSON", func(doc []byte) cursor { return &jsonCursor{b: doc} }}

type jsonCursor struct {
	b     []byte
	i     int
	depth int
	lists uint64 // bit 0: the innermost container is an array
	e     error
	part  string // of the document, for errors
}

func (c *jsonCursor) encoding() *encoding { return jsonEncoding }
func (c *jsonCursor) within(part string)  { c.part = part }
func (c *jsonCursor) err() error          { return c.e }
func (c *jsonCursor) rest() []byte        { return c.b[min(c.i, len(c.b)):] }

func (c *jsonCursor) fail(err error) {
	if c.e == nil {
		c.e, c.i = err, len(c.b)
	}
}

func (c *jsonCursor) expected(want string) {
	if c.i >= len(c.b) {
		c.fail(fmt.Errorf("expected %s at byte %d%s, found the end", want, c.i, c.part))
		return
	}
	c.fail(fmt.Errorf("expected %s at byte %d%s, found %q", want, c.i, c.part, c.b[c.i]))
}

// peek returns the next byte that is no white space, 0 at the end.
func (c *jsonCursor) peek() byte {
	for c.i < len(c.b) {
		ch := c.b[c.i]
		if ch > ' ' || ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r' {
			return ch
		}
		c.i++
	}
	return 0
}

func (c *jsonCursor) object() fieldID {
	if c.openObject() {
		return field(c.key())
	}
	return fEnd
}

func (c *jsonCursor) openObject() bool {
	if c.peek() != '{' {
		c.expected("an object")
		return false
	}
	return c.enter('}', 0)
}

func (c *jsonCursor) array() bool {
	if c.peek() != '[' {
		c.expected("an array")
		return false
	}
	return c.enter(']', 1)
}

func (c *jsonCursor) enter(end byte, list uint64) bool {
	c.i++
	if c.peek() == end {
		c.i++
		return false
	}
	if c.depth++; c.depth > maxDepth {
		c.expected("at most 64 levels")
		return false
	}
	c.lists = c.lists<<1 | list
	return true
}

func (c *jsonCursor) member() fieldID {
	if c.element() {
		return field(c.key())
	}
	return fEnd
}

func (c *jsonCursor) element() bool {
	switch ch := c.peek(); {
	case ch == ',':
		c.i++
		return true
	case ch == '}' && c.lists&1 == 0, ch == ']' && c.lists&1 == 1:
		c.i++
		c.depth--
		c.lists >>= 1
		return false
	}
	c.expected("',' or the end of the list")
	return false
}

func (c *jsonCursor) key() []byte {
	if k := c.shortKey(); k != nil {
		return k
	}
	if c.peek() != '"' {
		c.expected("a member name")
		return nil
	}
	k := c.str().bytes()
	if c.peek() != ':' {
		c.expected("':'")
		return nil
	}
	c.i++
	c.peek()
	return k
}

// shortKey takes a name of the usual form, without white space around it; nil
// if it is not so.
func (c *jsonCursor) shortKey() []byte {
	const longest = 24
	if c.i >= len(c.b) || c.b[c.i] != '"' {
		return nil
	}
	s := c.b[c.i+1:]
	s = s[:min(longest, len(s))]
	for n, ch := range s {
		switch {
		case ch == '\\':
			return nil
		case ch != '"':
			continue
		case n == 0 || n+2 >= len(s) || s[n+1] != ':' || s[n+2] <= ' ':
			return nil
		}
		c.i += n + 3
		return s[:n]
	}
	return nil
}

// str passes a string; the cursor stands on the opening quote.
func (c *jsonCursor) str() val {
	from := c.i + 1
	if !c.skipString() {
		return val{}
	}
	s := c.b[from : c.i-1]
	return val{k: kText, b: s, esc: bytes.IndexByte(s, '\\') >= 0}
}

// skipString ends behind the closing quote: the first quote with an even
// number of backslashes before it.
func (c *jsonCursor) skipString() bool {
	from := c.i + 1
	for at := from; ; {
		n := bytes.IndexByte(c.b[at:], '"')
		if n < 0 {
			c.i = len(c.b)
			c.expected("'\"'")
			return false
		}
		at += n + 1
		back := at - 2
		for back >= from && c.b[back] == '\\' {
			back--
		}
		if (at-back)&1 == 0 {
			c.i = at
			return true
		}
	}
}

func (c *jsonCursor) kind() kind {
	switch c.peek() {
	case '"':
		return kText
	case '{':
		return kObject
	case 'n':
		return kNull
	case 0:
		return kAbsent
	}
	return kNative
}

func (c *jsonCursor) val() val {
	k := c.kind()
	if k == kText {
		return c.str()
	}
	from := c.i
	c.skip()
	if c.e != nil {
		return val{}
	}
	return val{k: k, b: c.b[from:c.i]}
}

func (c *jsonCursor) skip() {
	switch c.peek() {
	case '"':
		c.skipString()
	case '{', '[':
		c.skipContainer()
	default:
		c.skipScalar()
	}
}

func (c *jsonCursor) skipContainer() {
	for depth := 0; c.i < len(c.b); {
		switch c.b[c.i] {
		case '"':
			if !c.skipString() {
				return
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				c.i++
				return
			}
		}
		c.i++
	}
	c.expected("the end of a list")
}

func (c *jsonCursor) skipScalar() {
	from := c.i
	for c.i < len(c.b) {
		switch ch := c.b[c.i]; {
		case ch >= '0' && ch <= '9', ch >= 'a' && ch <= 'z', ch == '-', ch == '+', ch == '.', ch == 'E':
			c.i++
			continue
		}
		break
	}
	lit := c.b[from:c.i]
	if len(lit) == 0 || lit[0] > '9' && string(lit) != "true" && string(lit) != "false" && string(lit) != "null" {
		c.i = from
		c.expected("a value")
	}
}

func (c *jsonCursor) any(depth int, n *numbers) value.Value {
	if depth > maxDepth || !n.spend() {
		c.expected("fewer than a million values in 64 levels")
		return value.Value{}
	}
	switch c.kind() {
	case kText:
		return value.OfStringBytes(c.str().bytes())
	case kObject:
		var ms []value.Member
		for ok := c.openObject(); ok; ok = c.element() {
			name := c.key()
			ms = append(ms, value.Member{Name: asString(name), Val: c.any(depth+1, n)})
		}
		return value.OfObject(ms)
	}
	if c.peek() == '[' {
		var vs []value.Value
		for ok := c.array(); ok; ok = c.element() {
			vs = append(vs, c.any(depth+1, n))
		}
		return value.OfArray(vs)
	}
	from := c.i
	c.skipScalar()
	return c.scalar(c.b[from:min(c.i, len(c.b))], from, n)
}

func (c *jsonCursor) scalar(lit []byte, from int, n *numbers) value.Value {
	switch {
	case c.e != nil:
		return value.Value{}
	case string(lit) == "null":
		return value.ExplicitNull
	case string(lit) == "true":
		return value.True
	case string(lit) == "false":
		return value.False
	}
	if v, ok := parseInt(lit); ok {
		if v.Kind() == value.Int {
			return n.ofInt(v.Int())
		}
		return v
	}
	f, err := strconv.ParseFloat(asString(lit), 64)
	if err != nil {
		c.i = from
		c.expected("a number")
	}
	return value.OfFloat(f)
}

// unescape returns a copy of a JSON text without escapes. What is not a valid
// escape stays as it is.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			return append(out, s...)
		}
		out = append(out, s[:i]...)
		ch := s[i+1]
		s = s[i+2:]
		switch ch {
		case 'n':
			ch = '\n'
		case 't':
			ch = '\t'
		case 'r':
			ch = '\r'
		case 'b':
			ch = '\b'
		case 'f':
			ch = '\f'
		case 'u':
			var r rune
			r, s = hexRune(s)
			out = utf8.AppendRune(out, r)
			continue
		}
		out = append(out, ch)
	}
}

// hexRune reads the digits behind \u, and those of a second half of a pair.
func hexRune(s []byte) (rune, []byte) {
	hi, ok := hex4(s)
	if !ok {
		return utf8.RuneError, s
	}
	s = s[4:]
	if !utf16.IsSurrogate(hi) {
		return hi, s
	}
	if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
		if lo, ok := hex4(s[2:]); ok {
			if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
				return r, s[6:]
			}
		}
	}
	return utf8.RuneError, s
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(asString(s[:4]), 16, 16)
	return rune(n), err == nil
}

// asString shares the memory of b, which is never written again.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
