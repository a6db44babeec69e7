package wire

import (
	"errors"
	"fmt"
	"math"

	"github.com/edgesluice/sluice/sqlfn/value"
)

var cborEncoding = &encoding{"CBOR", func(doc []byte) cursor { return &cborCursor{b: doc} }}

// Major types of CBOR (RFC 8949).
const (
	majorUint = iota
	majorInt
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

const cborBreak = 0xff

type cborCursor struct {
	b     []byte
	i     int
	e     error
	part  string        // of the document, for errors
	left  [maxDepth]int // members or elements left in each open container, -1: until a break
	n     int           // open containers
	width int           // bytes of the last head's number: tells half, single and double floats apart
}

func (c *cborCursor) encoding() *encoding { return cborEncoding }
func (c *cborCursor) within(part string)  { c.part = part }
func (c *cborCursor) err() error          { return c.e }
func (c *cborCursor) rest() []byte        { return c.b[min(c.i, len(c.b)):] }

func (c *cborCursor) fail(err error) {
	if c.e == nil {
		c.e = fmt.Errorf("at byte %d%s: %w", c.i, c.part, err)
		c.i = len(c.b)
	}
}

var errShort = errors.New("the CBOR data end too early")

// head reads the start of an item: its major type, its number or length, and
// whether its length is open. Tags are passed over.
func (c *cborCursor) head() (major byte, arg uint64, open bool) {
	for {
		if c.i >= len(c.b) {
			c.fail(errShort)
			return majorSimple, 0, false
		}
		first := c.b[c.i]
		major, arg = first>>5, uint64(first&31)
		size := 0
		switch {
		case arg >= 24 && arg <= 27:
			size = 1 << (arg - 24)
		case arg == 31 && major >= majorBytes && major <= majorMap:
			open = true
		case arg >= 28:
			c.fail(fmt.Errorf("invalid CBOR item 0x%02x", first))
			return majorSimple, 0, false
		}
		if c.i+1+size > len(c.b) {
			c.fail(errShort)
			return majorSimple, 0, false
		}
		if size > 0 {
			arg = 0
			for _, b := range c.b[c.i+1 : c.i+1+size] {
				arg = arg<<8 | uint64(b)
			}
		}
		c.i += 1 + size
		c.width = size
		if major != majorTag {
			return major, arg, open
		}
	}
}

func (c *cborCursor) major() byte {
	for i := c.i; i < len(c.b); i++ {
		m := c.b[i] >> 5
		if m != majorTag {
			return m
		}
		if arg := c.b[i] & 31; arg >= 24 && arg <= 27 {
			i += 1 << (arg - 24)
		}
	}
	return majorSimple
}

func (c *cborCursor) array() bool { return c.enter(majorArray, "an array") }

func (c *cborCursor) object() fieldID {
	if c.enter(majorMap, "an object") {
		return field(c.key())
	}
	return fEnd
}

func (c *cborCursor) member() fieldID {
	if c.element() {
		return field(c.key())
	}
	return fEnd
}

func (c *cborCursor) enter(want byte, what string) bool {
	if m := c.major(); m != want {
		c.fail(fmt.Errorf("expected %s, found CBOR type %d", what, m))
		return false
	}
	_, arg, open := c.head()
	left := -1
	if !open {
		if left = c.count(arg, want); left == 0 {
			return false
		}
	} else if c.atBreak() {
		return false
	}
	if c.n == len(c.left) {
		c.fail(errors.New("nested deeper than 64 levels"))
	}
	if c.e != nil {
		return false
	}
	c.left[c.n] = left
	c.n++
	return true
}

// count checks an announced number of members against the bytes that follow.
func (c *cborCursor) count(arg uint64, major byte) int {
	least := uint64(1)
	if major == majorMap {
		least = 2
	}
	if arg > uint64(len(c.b)-c.i)/least {
		c.fail(overrun(c, arg, "values"))
		return 0
	}
	return int(arg)
}

func (c *cborCursor) atBreak() bool {
	if c.i >= len(c.b) {
		c.fail(errShort)
		return true
	}
	if c.b[c.i] == cborBreak {
		c.i++
		return true
	}
	return false
}

func (c *cborCursor) element() bool {
	if c.e != nil || c.n == 0 {
		return false
	}
	top := &c.left[c.n-1]
	if *top > 0 {
		*top--
	}
	if *top == 0 || *top < 0 && c.atBreak() {
		c.n--
		return false
	}
	return c.e == nil
}

func (c *cborCursor) key() []byte {
	if m := c.major(); m != majorText && m != majorBytes {
		c.skip() // a number as name: none of ours
		return nil
	}
	return c.str()
}

// str reads a text or byte string; pieces are joined.
func (c *cborCursor) str() []byte {
	major, arg, open := c.head()
	if !open {
		return c.take(arg)
	}
	var all []byte
	for c.e == nil && !c.atBreak() {
		m, n, nested := c.head()
		if m != major || nested {
			c.fail(errors.New("a piece of a CBOR string has another type"))
		}
		all = append(all, c.take(n)...)
	}
	return all
}

func (c *cborCursor) take(n uint64) []byte {
	if c.e != nil {
		return nil
	}
	if n > uint64(len(c.b)-c.i) {
		c.fail(fmt.Errorf("a string of %d bytes is announced, but only %d follow", n, len(c.b)-c.i))
		return nil
	}
	s := c.b[c.i : c.i+int(n)]
	c.i += int(n)
	return s
}

func (c *cborCursor) kind() kind {
	switch c.major() {
	case majorText:
		return kText
	case majorBytes:
		return kBinary
	case majorMap:
		return kObject
	case majorSimple:
		if c.i < len(c.b) && (c.b[c.i] == 0xf6 || c.b[c.i] == 0xf7) {
			return kNull
		}
	}
	return kNative
}

func (c *cborCursor) val() val {
	k := c.kind()
	if k == kText || k == kBinary {
		return val{k: k, b: c.str()}
	}
	from := c.i
	c.skip()
	if c.e != nil {
		return val{}
	}
	return val{k: k, b: c.b[from:c.i]}
}

func (c *cborCursor) skip() { c.skipItem(0) }

func (c *cborCursor) skipItem(depth int) {
	if depth > maxDepth {
		c.fail(errors.New("nested deeper than 64 levels"))
		return
	}
	switch c.major() {
	case majorBytes, majorText:
		c.str()
		return
	case majorArray, majorMap:
	default:
		c.head()
		return
	}
	major, arg, open := c.head()
	n := 0
	if !open {
		n = c.count(arg, major)
	}
	for ; c.e == nil && (open && !c.atBreak() || !open && n > 0); n-- {
		c.skipItem(depth + 1)
		if major == majorMap {
			c.skipItem(depth + 1)
		}
	}
}

func (c *cborCursor) any(depth int, n *numbers) value.Value {
	if depth > maxDepth || !n.spend() {
		c.fail(errors.New("more than a million values or 64 levels"))
		return value.Value{}
	}
	switch c.kind() {
	case kText:
		return value.OfStringBytes(c.str())
	case kBinary:
		return value.OfBytes(c.str())
	case kNull:
		c.head()
		return value.ExplicitNull
	case kObject:
		var ms []value.Member
		for ok := c.enter(majorMap, "an object"); ok; ok = c.element() {
			name := c.key()
			ms = append(ms, value.Member{Name: asString(name), Val: c.any(depth+1, n)})
		}
		return value.OfObject(ms)
	}
	if c.major() == majorArray {
		var vs []value.Value
		for ok := c.array(); ok; ok = c.element() {
			vs = append(vs, c.any(depth+1, n))
		}
		return value.OfArray(vs)
	}
	major, arg, _ := c.head()
	if c.e != nil {
		return value.Value{}
	}
	return c.scalar(major, arg, n)
}

func (c *cborCursor) scalar(major byte, arg uint64, n *numbers) value.Value {
	switch {
	case major == majorUint && arg <= math.MaxInt64:
		return n.ofInt(int64(arg))
	case major == majorUint:
		return value.OfUint(arg)
	case major == majorInt && arg <= math.MaxInt64:
		return n.ofInt(-1 - int64(arg))
	case major == majorInt:
		return value.OfFloat(-1 - float64(arg))
	case c.width == 8:
		return value.OfFloat(math.Float64frombits(arg))
	case c.width == 4:
		return value.OfFloat(float64(math.Float32frombits(uint32(arg))))
	case c.width == 2:
		return value.OfFloat(half(uint16(arg)))
	case arg == 20 || arg == 21:
		return value.OfBool(arg == 21)
	}
	c.fail(fmt.Errorf("unknown CBOR simple value %d", arg))
	return value.Value{}
}

// half converts a 16-bit float.
func half(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	f := math.Inf(1)
	switch {
	case exp == 0:
		f = math.Ldexp(frac, -24)
	case exp < 31:
		f = math.Ldexp(1024+frac, exp-25)
	case frac != 0:
		f = math.NaN()
	}
	if h&0x8000 != 0 {
		f = -f
	}
	return f
}
