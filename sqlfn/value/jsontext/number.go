package jsontext

import (
	"strconv"
	"unsafe"
)

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Number walks over a number.
func Number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = digits(b, i)
	if i == start {
		return Bad(i)
	}
	if b[start] == '0' && i > start+1 {
		return Bad(start + 1)
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digits(b, start); i == start {
			return Bad(i)
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = digits(b, start); i == start {
			return Bad(i)
		}
	}
	return i
}

// Float reads the number that begins at b[i]. A number beyond the range of
// float64 is an infinity.
func Float(b []byte, i int) (f float64, end int) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	m, n := readDigits(b, i)
	if n == 0 || n > 1 && b[i] == '0' {
		return 0, Number(b, start)
	}
	i += n
	frac := 0
	if i < len(b) && b[i] == '.' {
		var low uint64
		low, frac = readDigits(b, i+1)
		if i += 1 + frac; frac == 0 {
			return 0, Bad(i)
		}
		if n+frac <= 15 {
			m = m*uint64(pow10[frac]) + low
		}
	}
	// Up to 15 digits the mantissa and the power of ten are exact, so that one
	// division rounds correctly.
	if n+frac > 15 || i < len(b) && b[i]|0x20 == 'e' {
		return slowFloat(b, start)
	}
	f = float64(m) / pow10[frac]
	if b[start] == '-' {
		f = -f
	}
	return f, i
}

func slowFloat(b []byte, i int) (float64, int) {
	end := Number(b, i)
	if end < 0 {
		return 0, end
	}
	f, _ := strconv.ParseFloat(unsafe.String(&b[i], end-i), 64) // the only error left is the range: f is an infinity
	return f, end
}

// Whole reads the number that begins at b[i] if it is written without fraction
// and exponent and fits in 63 bits and a sign; otherwise ok is false and end
// means nothing.
func Whole(b []byte, i int) (whole int64, end int, ok bool) {
	start := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	m, n := readDigits(b, i)
	switch {
	case n == 0 || n > 1 && b[i] == '0':
		return 0, 0, false
	case n >= 16:
		m, n = longDigits(b, i)
	}
	if i += n; i < len(b) && (b[i] == '.' || b[i]|0x20 == 'e') || n > 19 {
		return 0, 0, false
	}
	if b[start] == '-' {
		return -int64(m), i, m <= 1<<63
	}
	return int64(m), i, m < 1<<63
}

// longDigits reads up to 19 digits; with more, m means nothing.
func longDigits(b []byte, i int) (m uint64, n int) {
	for ; i+n < len(b) && b[i+n]-'0' <= 9; n++ {
		m = m*10 + uint64(b[i+n]-'0')
	}
	return m, n
}
