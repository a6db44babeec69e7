package expr

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var errDivZero = errors.New("divided by zero")

// operation computes l op r for operands that are not NULL.
type operation func(c *fn.Ctx, l, r value.Value) (value.Value, error)

func unary(e *ast.Unary) (Func, error) {
	x, err := Compile(e.X)
	if err != nil {
		return nil, err
	}
	if e.Op == "NOT" {
		return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
			v, err := x(c, r)
			if err != nil || v.IsNull() {
				return value.Value{}, err
			}
			if v.Kind() != value.Bool {
				return value.Value{}, fmt.Errorf("NOT expects a boolean, but found %s", value.Describe(v))
			}
			return value.OfBool(!v.Bool()), nil
		}, nil
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.Value{}, err
		}
		switch v.Kind() {
		case value.Int:
			return value.OfInt(-v.Int()), nil
		case value.Float:
			return value.OfFloat(-v.Float()), nil
		}
		return value.Value{}, fmt.Errorf("invalid operation -%s", value.Describe(v))
	}, nil
}

func binary(e *ast.Binary) (Func, error) {
	l, r, err := compileBoth(e.L, e.R)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case "AND", "OR":
		return logical(e.Op, l, r), nil
	}
	if f := againstNumber(e, l); f != nil {
		return f, nil
	}
	if f := arithmetic(e, l, r); f != nil {
		return f, nil
	}
	op, nullResult := operationOf(e.Op)
	if op == nil {
		return nil, diag.At(diag.Plan, e.OpPos, "unknown operator %s", e.Op)
	}
	return func(c *fn.Ctx, rw *row.Row) (value.Value, error) {
		a, err := l(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		b, err := r(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		if a.IsNull() || b.IsNull() {
			return nullResult, nil
		}
		return op(c, a, b)
	}, nil
}

// againstNumber is the shape of most filters: column > 30.
func againstNumber(e *ast.Binary, l Func) Func {
	lit, ok := e.R.(*ast.Literal)
	test := comparison(e.Op)
	if !ok || !lit.Val.IsNumber() || test == nil {
		return nil
	}
	want := lit.Val
	wantF, _ := want.AsFloat()
	if s, ok := e.L.(*plan.Slot); ok {
		return columnAgainstNumber(e.Op, test, s.Index, want, wantF)
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := l(c, r)
		switch {
		case err != nil:
			return value.Value{}, err
		case v.Kind() == value.Float:
			return value.OfBool(test.float(v.Float(), wantF)), nil
		case v.IsNull():
			return value.False, nil
		}
		return compare(c, e.Op, test, v, want)
	}
}

func columnAgainstNumber(op ast.Op, test *relation, slot int, want value.Value, wantF float64) Func {
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v := r.Col(slot)
		switch v.Kind() {
		case value.Float:
			return value.OfBool(test.float(v.Float(), wantF)), nil
		case value.Null:
			return value.False, nil
		}
		return compare(c, op, test, v, want)
	}
}

// relation is one of the six comparisons, on an order and on floats (where NaN
// is unequal to everything).
type relation struct {
	order func(c int) bool
	float func(a, b float64) bool
}

// The comparisons are shared by all rules: with many of them, what each has of
// its own is what costs.
var (
	equal    = &relation{func(c int) bool { return c == 0 }, func(a, b float64) bool { return a == b }}
	unequal  = &relation{func(c int) bool { return c != 0 }, func(a, b float64) bool { return a != b }}
	lessThan = &relation{func(c int) bool { return c < 0 }, func(a, b float64) bool { return a < b }}
	atMost   = &relation{func(c int) bool { return c <= 0 }, func(a, b float64) bool { return a <= b }}
	moreThan = &relation{func(c int) bool { return c > 0 }, func(a, b float64) bool { return a > b }}
	atLeast  = &relation{func(c int) bool { return c >= 0 }, func(a, b float64) bool { return a >= b }}
)

// comparison returns the relation of an operator, nil if it is none.
func comparison(op ast.Op) *relation {
	switch op {
	case "=":
		return equal
	case "!=":
		return unequal
	case "<":
		return lessThan
	case "<=":
		return atMost
	case ">":
		return moreThan
	case ">=":
		return atLeast
	}
	return nil
}

func compare(c *fn.Ctx, op ast.Op, rel *relation, a, b value.Value) (value.Value, error) {
	switch {
	case a.Kind() == value.Float && b.Kind() == value.Float:
		return value.OfBool(rel.float(a.Float(), b.Float())), nil
	case a.Kind() == value.Bool && op != "=" && op != "!=":
		return value.Value{}, invalid(op, a, b)
	case a.Kind() == value.Object || a.IsArray():
		return value.Value{}, fmt.Errorf("%s is an invalid operation for %s", op, goType(a))
	case a.Kind() == value.Time || b.Kind() == value.Time:
		return compareTimes(op, rel, c.Loc, a, b)
	}
	order, ok := value.Compare(a, b)
	if !ok {
		if a.IsNumber() && b.IsNumber() { // NaN
			return value.OfBool(op == "!="), nil
		}
		return value.Value{}, invalid(op, a, b)
	}
	return value.OfBool(rel.order(order)), nil
}

// compareTimes compares a datetime with a datetime, a number of epoch ms or a
// text in one of the default formats.
func compareTimes(op ast.Op, rel *relation, loc *time.Location, a, b value.Value) (value.Value, error) {
	x, errA := Time(a, nil, loc)
	y, errB := Time(b, nil, loc)
	if errA != nil || errB != nil {
		return value.Value{}, invalid(op, a, b)
	}
	return value.OfBool(rel.order(x.Compare(y))), nil
}

func goType(v value.Value) string {
	if v.Kind() == value.Object {
		return "map[string]interface {}"
	}
	return "[]interface {}"
}

func invalid(op ast.Op, a, b value.Value) error {
	return fmt.Errorf("invalid operation %s %s %s", value.Describe(a), op, value.Describe(b))
}

// operationOf returns the operation and its result for a NULL operand.
func operationOf(op ast.Op) (operation, value.Value) {
	if rel := comparison(op); rel != nil {
		return func(c *fn.Ctx, a, b value.Value) (value.Value, error) { return compare(c, op, rel, a, b) }, value.False
	}
	switch op {
	case "&", "|", "^":
		return func(_ *fn.Ctx, a, b value.Value) (value.Value, error) { return bitwise(op, a, b) }, value.False
	}
	return nil, value.Value{}
}

// arithmetic compiles + - * with a short way for floats, the numbers of
// schemaless streams, and leaves the rest to Arithmetic; nil for other
// operators.
func arithmetic(e *ast.Binary, l, r Func) Func {
	var floats func(a, b float64) float64
	switch e.Op {
	case "+":
		floats = func(a, b float64) float64 { return a + b }
	case "-":
		floats = func(a, b float64) float64 { return a - b }
	case "*":
		floats = func(a, b float64) float64 { return a * b }
	case "/", "%":
	default:
		return nil
	}
	if lit, ok := e.R.(*ast.Literal); ok && floats != nil && lit.Val.IsNumber() {
		return arithmeticWithNumber(e.Op, l, lit.Val, floats)
	}
	return func(c *fn.Ctx, rw *row.Row) (value.Value, error) {
		a, err := l(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		b, err := r(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		if floats != nil && a.Kind() == value.Float && b.Kind() == value.Float {
			return value.OfFloat(floats(a.Float(), b.Float())), nil
		}
		if a.IsNull() || b.IsNull() {
			return value.Value{}, nil
		}
		return Arithmetic(e.Op, a, b)
	}
}

// arithmeticWithNumber is x * 1.8 and the like.
func arithmeticWithNumber(op ast.Op, x Func, n value.Value, floats func(a, b float64) float64) Func {
	f, _ := n.AsFloat()
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.Value{}, err
		}
		if v.Kind() == value.Float {
			return value.OfFloat(floats(v.Float(), f)), nil
		}
		return Arithmetic(op, v, n)
	}
}

// Arithmetic computes a op b: int op int stays int and wraps, anything with a
// float is float.
func Arithmetic(op ast.Op, a, b value.Value) (value.Value, error) {
	if a.Kind() == value.Int && b.Kind() == value.Int {
		n, err := wholeArithmetic(op, a.Int(), b.Int())
		return value.OfInt(n), err
	}
	x, okA := a.AsFloat()
	y, okB := b.AsFloat()
	if !okA || !okB {
		return value.Value{}, invalid(op, a, b)
	}
	if a.Kind() != value.Float && b.Kind() != value.Float {
		n, err := wholeArithmetic(op, a.Uint(), b.Uint())
		return value.OfUint(n), err
	}
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	case "/":
		if y == 0 {
			return value.Value{}, errDivZero
		}
		x /= y
	case "%":
		if y == 0 {
			return value.Value{}, errDivZero
		}
		x = math.Mod(x, y)
	}
	return value.OfFloat(x), nil
}

// wholeArithmetic is for int64, and for uint64: readings above the int64 range.
// It wraps; division truncates toward zero.
func wholeArithmetic[T int64 | uint64](op ast.Op, a, b T) (T, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return 0, errDivZero
	}
	if op == "/" {
		return a / b, nil
	}
	return a % b, nil
}

func bitwise(op ast.Op, a, b value.Value) (value.Value, error) {
	ints := a.Kind() == value.Int && b.Kind() == value.Int
	bools := a.Kind() == value.Bool && b.Kind() == value.Bool
	switch {
	case ints && op == "&":
		return value.OfInt(a.Int() & b.Int()), nil
	case ints && op == "|":
		return value.OfInt(a.Int() | b.Int()), nil
	case ints && op == "^":
		return value.OfInt(a.Int() ^ b.Int()), nil
	case bools && op == "&":
		return value.OfBool(a.Bool() && b.Bool()), nil
	case bools && op == "|":
		return value.OfBool(a.Bool() || b.Bool()), nil
	}
	return value.Value{}, invalid(op, a, b)
}

// logical is AND and OR with short circuit; a NULL operand makes the result
// false, even NULL OR TRUE, as users of this dialect know it.
func logical(op ast.Op, l, r Func) Func {
	stop := op == "OR" // the left value that decides
	return func(c *fn.Ctx, rw *row.Row) (value.Value, error) {
		a, err := l(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		if a.Kind() != value.Bool {
			if a.IsNull() {
				return value.False, nil
			}
			b, err := r(c, rw)
			if err != nil {
				return value.Value{}, err
			}
			return value.Value{}, invalid(op, a, b)
		}
		if a.Bool() == stop {
			return a, nil
		}
		b, err := r(c, rw)
		if err != nil {
			return value.Value{}, err
		}
		if b.IsNull() {
			return value.False, nil
		}
		if b.Kind() != value.Bool {
			return value.Value{}, invalid(op, a, b)
		}
		return b, nil
	}
}
