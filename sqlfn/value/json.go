package value

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// AppendJSON appends v as Kuiper writes it: members sorted by name and left
// out when absent, < > & escaped, floats as short as they can be (3.0 is 3),
// BYTEA in base64, DATETIME in RFC 3339. Infinities and NaN are an error; then
// dst comes back as it was.
func AppendJSON(dst []byte, v Value) ([]byte, error) {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case Int:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case Uint:
		return strconv.AppendUint(dst, v.num, 10), nil
	case Float:
		return appendFloat(dst, v.Float())
	case String:
		return jsontext.AppendString(dst, v.Str()), nil
	case Bytes:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes())
		return append(dst, '"'), nil
	case Time:
		dst = v.Time().AppendFormat(append(dst, '"'), time.RFC3339Nano)
		return append(dst, '"'), nil
	case Array, Ints, Floats:
		return appendArray(dst, v)
	case Object:
		return appendObject(dst, v.Members())
	}
	return append(dst, "null"...), nil
}

func appendArray(dst []byte, v Value) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = AppendJSON(dst, v.At(i)); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, ms []Member) ([]byte, error) {
	start := len(dst)
	dst = append(dst, '{')
	for i := range ms {
		if !ms[i].Val.Present() {
			continue
		}
		if len(dst) > start+1 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, ms[i].Name), ':')
		var err error
		if dst, err = AppendJSON(dst, ms[i].Val); err != nil {
			return dst[:start], err
		}
	}
	return append(dst, '}'), nil
}

// appendFloat writes the shortest decimal that reads back as f, with an
// exponent below 1e-6 and from 1e21 on.
func appendFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("json: unsupported value: %s", strconv.FormatFloat(f, 'g', -1, 64))
	}
	abs := math.Abs(f)
	if abs < 1e11 {
		// Most readings have few decimals. If n/10000 is f, then its digits are
		// f's shortest ones: no two decimals of 15 digits are the same float64.
		n := math.Round(abs * 1e4)
		if n/1e4 == abs && (n != 0 || !math.Signbit(f)) {
			return appendDecimals(dst, math.Signbit(f), uint64(n)), nil
		}
	}
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
		if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
			dst[n-2] = dst[n-1] // e-09 is written e-9
			dst = dst[:n-1]
		}
		return dst, nil
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
}

// appendDecimals writes n/10000 without trailing zeros.
func appendDecimals(dst []byte, neg bool, n uint64) []byte {
	if neg {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, n/1e4, 10)
	frac := n % 1e4
	if frac == 0 {
		return dst
	}
	dst = append(dst, '.', byte('0'+frac/1000), byte('0'+frac/100%10), byte('0'+frac/10%10), byte('0'+frac%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
