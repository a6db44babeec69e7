// Package jsontext finds the ends of JSON values in a byte slice, without
// building anything. Decoders that want two fields of an object walk over the
// other members with it:
//
//	end := jsontext.Skip(b, i)       // b[i] begins a value
//	if end < 0 { return jsontext.SyntaxError(b, end) }
//
// Every function takes the text and the index where something begins, and
// returns the index behind it. A negative result means that the text is not
// JSON: its complement is the index of the byte that does not belong there.
// Everything that is walked over is checked against the whole grammar.
package jsontext

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 512

// Space returns the index of the first byte at or after i that is no space.
func Space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// Bad returns the result that marks b[i] as not belonging there.
func Bad(i int) int { return ^i }

// SyntaxError makes the error of a negative result.
func SyntaxError(b []byte, bad int) error {
	at := ^bad
	switch {
	case len(b) == 0:
		return fmt.Errorf("cannot parse JSON: the text is empty")
	case at >= len(b):
		return fmt.Errorf("cannot parse JSON: unexpected end at byte %d", len(b))
	case b[at] == '[' || b[at] == '{':
		return fmt.Errorf("cannot parse JSON: unexpected %q at byte %d, or nested deeper than %d", b[at], at, MaxDepth)
	}
	return fmt.Errorf("cannot parse JSON: unexpected %q at byte %d", rune(b[at]), at)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops has the high bit set of each byte of w that ends a run of plain
// characters in a string: a quote, a backslash, a control character. Only the
// lowest one set is exact.
func stops(w uint64) uint64 {
	quote := w ^ ('"' * ones)
	slash := w ^ ('\\' * ones)
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w) & highs
}

// String walks over the string whose opening quote is b[i]. plain tells that
// it has no escapes: its text is b[i+1:end-1].
func String(b []byte, i int) (end int, plain bool) {
	for i++; len(b)-i >= 8; i += 8 {
		if m := stops(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] == '"' {
				return i + 1, true
			}
			return escaped(b, i), false
		}
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\' || c < ' ':
			return escaped(b, i), false
		}
	}
	return Bad(i), false
}

// escaped goes on inside a string at its first backslash or control character.
func escaped(b []byte, i int) int {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return Bad(i)
		case c == '\\':
			if i = escape(b, i+1); i < 0 {
				return i
			}
		default:
			i++
		}
	}
	return Bad(i)
}

// escape walks over what follows a backslash.
func escape(b []byte, i int) int {
	if i >= len(b) {
		return Bad(i)
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for k := i + 1; k <= i+4; k++ {
			if k >= len(b) || !isHex(b[k]) {
				return Bad(k)
			}
		}
		return i + 5
	}
	return Bad(i)
}

func isHex(c byte) bool {
	return c-'0' <= 9 || (c|0x20)-'a' <= 5
}

// Skip walks over the value that begins at b[i].
func Skip(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		end, _ := String(b, i)
		return end
	}
	return skip(b, i, 0)
}

func skip(b []byte, i, depth int) int {
	if i >= len(b) {
		return Bad(i)
	}
	switch c := b[i]; c {
	case '"':
		end, _ := String(b, i)
		return end
	case '{', '[':
		if depth >= MaxDepth {
			return Bad(i)
		}
		if c == '{' {
			return skipObject(b, i, depth+1)
		}
		return skipArray(b, i, depth+1)
	case 't', 'f', 'n':
		return Literal(b, i)
	}
	return Number(b, i)
}

func skipArray(b []byte, i, depth int) int {
	i = Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = skip(b, i, depth); i < 0 {
			return i
		}
		i = Space(b, i)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == ']' {
			return i + 1
		}
		return Bad(i)
	}
}

func skipObject(b []byte, i, depth int) int {
	i = Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		var val int
		if _, val, _ = Key(b, i); val < 0 {
			return val
		}
		if i = skip(b, val, depth); i < 0 {
			return i
		}
		i = Space(b, i)
		if i < len(b) && b[i] == ',' {
			i = Space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			return i + 1
		}
		return Bad(i)
	}
}

// Key walks over a member's name, whose quote is b[i], the colon and the
// spaces around it. end is the index behind the closing quote, val where the
// value begins; val is negative if this is no key.
func Key(b []byte, i int) (end, val int, plain bool) {
	if i >= len(b) || b[i] != '"' {
		return 0, Bad(i), false
	}
	if end, plain = String(b, i); end < 0 {
		return 0, end, false
	}
	if val = Space(b, end); val >= len(b) || b[val] != ':' {
		return 0, Bad(val), false
	}
	return end, Space(b, val+1), plain
}

// Literal walks over true, false or null.
func Literal(b []byte, i int) int {
	word := "null"
	switch b[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	for k := range len(word) {
		if i+k >= len(b) || b[i+k] != word[k] {
			return Bad(i + k)
		}
	}
	return i + len(word)
}
