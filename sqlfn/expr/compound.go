package expr

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func between(e *ast.Between) (Func, error) {
	fs, err := CompileAll([]ast.Expr{e.X, e.Lo, e.Hi})
	if err != nil {
		return nil, err
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		var v [3]value.Value
		for i, f := range fs {
			var err error
			if v[i], err = f(c, r); err != nil {
				return value.Value{}, err
			}
			if v[i].IsNull() {
				return value.False, nil
			}
		}
		lo, err := compare(c, ">=", atLeast, v[0], v[1])
		if err != nil {
			return value.Value{}, err
		}
		hi, err := compare(c, "<=", atMost, v[0], v[2])
		if err != nil {
			return value.Value{}, err
		}
		return value.OfBool((lo.Bool() && hi.Bool()) != e.Not), nil
	}, nil
}

func like(e *ast.Like) (Func, error) {
	x, pattern, err := compileBoth(e.X, e.Pattern)
	if err != nil {
		return nil, err
	}
	var last string // the pattern is nearly always the same
	var re *regexp.Regexp
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil {
			return value.Value{}, err
		}
		p, err := pattern(c, r)
		if err != nil {
			return value.Value{}, err
		}
		if v.IsNull() || p.IsNull() {
			return value.False, nil
		}
		if v.Kind() != value.String {
			return value.Value{}, fmt.Errorf("LIKE operator left operand expects string, but found %s", v)
		}
		if p.Kind() != value.String {
			return value.Value{}, fmt.Errorf("LIKE operator right operand expects string, but found %s", p)
		}
		if re == nil || p.Str() != last {
			last = strings.Clone(p.Str())
			re = likePattern(last)
		}
		return value.OfBool(re.MatchString(v.Str()) != e.Not), nil
	}, nil
}

// likePattern translates % and _; a backslash makes the next character plain.
func likePattern(p string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	escaped := false
	for _, ch := range p {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(ch)))
			escaped = false
		case ch == '\\':
			escaped = true
		case ch == '%':
			b.WriteString(".*")
		case ch == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(ch)))
		}
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}

func in(e *ast.In) (Func, error) {
	x, err := Compile(e.X)
	if err != nil {
		return nil, err
	}
	list, err := CompileAll(e.List)
	if err != nil {
		return nil, err
	}
	var array Func
	if e.Array != nil {
		if array, err = Compile(e.Array); err != nil {
			return nil, err
		}
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.False, err
		}
		if array != nil {
			return inArray(c, r, v, array, e.Not)
		}
		for _, f := range list {
			hit, err := sameAs(c, r, v, f)
			if err != nil {
				return value.Value{}, err
			}
			if hit {
				return value.OfBool(!e.Not), nil
			}
		}
		return value.OfBool(e.Not), nil
	}, nil
}

func sameAs(c *fn.Ctx, r *row.Row, v value.Value, f Func) (bool, error) {
	w, err := f(c, r)
	if err != nil {
		return false, err
	}
	return matches(c, v, w)
}

func matches(c *fn.Ctx, v, w value.Value) (bool, error) {
	if w.IsNull() {
		return false, nil
	}
	hit, err := compare(c, "=", equal, v, w)
	if err != nil {
		return false, fmt.Errorf("evaluate in expression error: %w", err)
	}
	return hit.Bool(), nil
}

func inArray(c *fn.Ctx, r *row.Row, v value.Value, array Func, not bool) (value.Value, error) {
	a, err := array(c, r)
	if err != nil || a.IsNull() {
		return value.False, err
	}
	if !a.IsArray() {
		return value.Value{}, fmt.Errorf("evaluate in expression error: %s is not an array", value.Describe(a))
	}
	for i := range a.Len() {
		hit, err := matches(c, v, a.At(i))
		if err != nil {
			return value.Value{}, err
		}
		if hit {
			return value.OfBool(!not), nil
		}
	}
	return value.OfBool(not), nil
}

func isNull(e *ast.IsNull) (Func, error) {
	x, err := Compile(e.X)
	if err != nil {
		return nil, err
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		return value.OfBool(v.IsNull() != e.Not), err
	}, nil
}

func index(e *ast.Index) (Func, error) {
	x, i, err := compileBoth(e.X, e.I)
	if err != nil {
		return nil, err
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.Value{}, err
		}
		iv, err := i(c, r)
		if err != nil || iv.IsNull() {
			return value.Value{}, err
		}
		n, ok := iv.AsInt()
		if !v.IsArray() || !ok {
			return value.Value{}, invalid("[]", v, iv)
		}
		at, size := int(n), v.Len()
		if at < 0 {
			at += size
		}
		if at < 0 || at >= size {
			return value.Value{}, fmt.Errorf("out of index: %d of %d", n, size)
		}
		return v.At(at), nil
	}, nil
}

func slice(e *ast.Slice) (Func, error) {
	x, err := Compile(e.X)
	if err != nil {
		return nil, err
	}
	var bounds [2]Func
	for i, b := range []ast.Expr{e.Lo, e.Hi} {
		if b == nil {
			continue
		}
		if bounds[i], err = Compile(b); err != nil {
			return nil, err
		}
	}
	if lo, ok := e.Lo.(*ast.Literal); ok {
		if hi, ok := e.Hi.(*ast.Literal); ok && lo.Val.Int() >= 0 && hi.Val.Int() >= 0 && lo.Val.Int() > hi.Val.Int() {
			return nil, diag.At(diag.Plan, e.Offset(), "colon start value can't be greater than end value")
		}
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.Value{}, err
		}
		if !v.IsArray() {
			return value.Value{}, fmt.Errorf("%s is not an array and cannot be sliced", value.Describe(v))
		}
		size := v.Len()
		lo, err := bound(c, r, bounds[0], 0, size)
		if err != nil {
			return value.Value{}, err
		}
		hi, err := bound(c, r, bounds[1], size, size)
		if err != nil {
			return value.Value{}, err
		}
		if lo < 0 || lo > size || lo == size && size == 0 && bounds[0] != nil {
			return value.Value{}, fmt.Errorf("start value is out of index: %d of %d", lo, size)
		}
		if hi < lo || hi > size {
			return value.Value{}, fmt.Errorf("end value is out of index: %d of %d", hi, size)
		}
		return v.Slice(lo, hi), nil
	}, nil
}

func bound(c *fn.Ctx, r *row.Row, f Func, def, size int) (int, error) {
	if f == nil {
		return def, nil
	}
	v, err := f(c, r)
	if err != nil {
		return 0, err
	}
	n, ok := v.AsInt()
	if !ok {
		return 0, fmt.Errorf("slice bound must be a whole number, but found %s", value.Describe(v))
	}
	if n < 0 {
		n += int64(size)
	}
	return int(n), nil
}

func deref(e *ast.Deref) (Func, error) {
	x, err := Compile(e.X)
	if err != nil {
		return nil, err
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		v, err := x(c, r)
		if err != nil || v.IsNull() {
			return value.Value{}, err
		}
		if v.Kind() != value.Object {
			return value.Value{}, fmt.Errorf("the result [%s] is not a type of map[string]interface{}", v)
		}
		m, _ := v.Lookup(e.Name)
		return m, nil
	}, nil
}

type branch struct{ cond, then Func }

func caseOf(e *ast.Case) (Func, error) {
	var operand, other Func
	var err error
	if e.Operand != nil {
		if operand, err = Compile(e.Operand); err != nil {
			return nil, err
		}
	}
	if e.Else != nil {
		if other, err = Compile(e.Else); err != nil {
			return nil, err
		}
	}
	var branches []branch
	for _, w := range e.Whens {
		cond, then, err := compileBoth(w.Cond, w.Then)
		if err != nil {
			return nil, err
		}
		branches = append(branches, branch{cond, then})
	}
	return func(c *fn.Ctx, r *row.Row) (value.Value, error) {
		hit, err := findBranch(c, r, operand, branches)
		switch {
		case err != nil:
			return value.Value{}, err
		case hit >= 0:
			return branches[hit].then(c, r)
		case other != nil:
			return other(c, r)
		}
		return value.Value{}, nil
	}, nil
}

func findBranch(c *fn.Ctx, r *row.Row, operand Func, branches []branch) (int, error) {
	var v value.Value
	var err error
	if operand != nil {
		if v, err = operand(c, r); err != nil || v.IsNull() {
			return -1, err
		}
	}
	for i, b := range branches {
		var hit bool
		if operand == nil {
			hit, err = True(b.cond, c, r)
		} else {
			var w value.Value
			if w, err = b.cond(c, r); err == nil && !w.IsNull() {
				var same value.Value
				if same, err = compare(c, "=", equal, v, w); err != nil {
					err = fmt.Errorf("evaluate case expression error: %w", err)
				}
				hit = same.IsTrue()
			}
		}
		if err != nil {
			return -1, err
		}
		if hit {
			return i, nil
		}
	}
	return -1, nil
}
