package builtin

import "math"

// double is an unevaluated sum hi+lo of two floats, some 106 bits of digits.
type double struct{ hi, lo float64 }

// add adds x. A sum that is too large is infinite, not NaN.
func (d *double) add(x float64) {
	hi, cut := twoSum(d.hi, x)
	if math.IsInf(hi, 0) {
		*d = double{hi: hi}
		return
	}
	d.hi, d.lo = twoSum(hi, d.lo+cut)
}

// less is d - e, not negative.
func (d double) less(e double) float64 {
	hi, cut := twoSum(d.hi, -e.hi)
	return max(0, hi+(cut+d.lo-e.lo))
}

// squareOver is d*d/n.
func (d double) squareOver(n float64) double {
	square := d.hi * d.hi
	cut := math.FMA(d.hi, d.hi, -square) + 2*d.hi*d.lo
	q := square / n
	return double{q, (math.FMA(-q, n, square) + cut) / n}
}

// float is the nearest float64.
func (d double) float() float64 { return d.hi + d.lo }

// twoSum is a+b and what rounding cut off it.
func twoSum(a, b float64) (sum, cut float64) {
	sum = a + b
	bb := sum - a
	return sum, (a - (sum - bb)) + (b - bb)
}
