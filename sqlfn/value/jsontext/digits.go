package jsontext

import (
	"encoding/binary"
	"math/bits"
)

// Digits are read eight at a time: numbers differ in length from row to row,
// and a loop over single bytes would make the processor guess where each ends.

// pow10u are the powers of ten up to 8 digits.
var pow10u = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// countDigits tells how many of the 8 bytes of w, from the lowest on, are
// digits.
func countDigits(w uint64) int {
	other := w | (w + (0x7f-'9')*ones) | (w - '0'*ones)
	return bits.TrailingZeros64(other&highs) >> 3
}

// eight reads up to 8 digits at b[i], which has 8 bytes.
func eight(b []byte, i int) (m uint64, n int) {
	w := binary.LittleEndian.Uint64(b[i:])
	n = countDigits(w)
	w = (w - '0'*ones) << (64 - 8*uint(n)) // what follows the digits is shifted out, zeros come in front
	w = w*10 + w>>8
	const pairs = 0x000000ff000000ff
	return ((w&pairs)*(100+1000000<<32) + (w>>16&pairs)*(1+10000<<32)) >> 32, n
}

// readDigits reads up to 16 digits; with more, n is 16 or above and m means
// nothing.
func readDigits(b []byte, i int) (m uint64, n int) {
	if len(b)-i >= 16 {
		if m, n = eight(b, i); n < 8 {
			return m, n
		}
		more, k := eight(b, i+8)
		return m*pow10u[k] + more, 8 + k
	}
	for i+n < len(b) && b[i+n]-'0' <= 9 {
		m = m*10 + uint64(b[i+n]-'0')
		n++
	}
	return m, n
}

// digits walks over digits.
func digits(b []byte, i int) int {
	for len(b)-i >= 8 {
		n := countDigits(binary.LittleEndian.Uint64(b[i:]))
		i += n
		if n < 8 {
			return i
		}
	}
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
