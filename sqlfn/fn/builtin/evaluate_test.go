package builtin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// evaluator runs expressions over rows straight from the syntax tree, one
// state for each call of an aggregate or analytic function.
type evaluator struct {
	reg       *fn.Registry
	ctx       *fn.Ctx
	aggregate map[*ast.Call]fn.Aggregate
	analytic  map[*ast.Call]fn.Analytic
	bound     map[*ast.Call]fn.EvalFunc
	last      bool // the row is the last one: results count
}

func newEvaluator() *evaluator {
	at := time.Date(2020, 1, 2, 3, 4, 5, 123_000_000, time.UTC)
	return &evaluator{
		reg: builtin.Registry(),
		ctx: &fn.Ctx{
			Rule: "rule1", RuleStart: 1577934000000, Loc: time.UTC, Hits: 2, LastHit: 1577934240000,
			Now:    func() time.Time { return at },
			Span:   row.Span{Start: 1577934240000, End: 1577934250000, Trigger: 1577934250001, Set: true},
			Stored: func(k string) (value.Value, bool) { return value.OfString("30"), k == "limit" },
		},
		aggregate: map[*ast.Call]fn.Aggregate{}, analytic: map[*ast.Call]fn.Analytic{}, bound: map[*ast.Call]fn.EvalFunc{},
	}
}

// run evaluates an expression over rows, an array of JSON objects, and returns
// the result after the last one.
func (e *evaluator) run(text, rows string) (out value.Value, err error) {
	x, err := parse.Expr(text)
	if err != nil {
		return out, err
	}
	all := []value.Value{value.OfObject(nil)}
	if rows != "" {
		v, err := value.ParseJSON([]byte(rows), value.JSONOptions{IntWhole: true})
		if err != nil {
			return out, err
		}
		all = v.Values()
	}
	for i, obj := range all {
		e.last = i == len(all)-1
		e.row(i, obj)
		if out, err = e.eval(x); err != nil {
			return out, err
		}
	}
	return out, nil
}

// row puts the evaluator on a row.
func (e *evaluator) row(i int, obj value.Value) {
	e.ctx.RowNumber = int64(i + 1)
	e.ctx.Row = &row.Row{Rest: obj, TS: 1577934245123, Meta: row.ObjectMeta{Obj: value.From(map[string]any{
		"topic": "in/s", "qos": 1, "messageId": 3, "device": map[string]any{"id": 7}})}}
}

func (e *evaluator) eval(x ast.Expr) (value.Value, error) {
	switch x := x.(type) {
	case *ast.Literal:
		return x.Val, nil
	case *ast.Ident:
		v, _ := e.ctx.Row.Rest.Lookup(x.Name)
		return v, nil
	case *ast.Star:
		return e.ctx.Row.Rest, nil
	case *ast.Deref:
		v, err := e.eval(x.X)
		m, _ := v.Lookup(x.Name)
		return m, err
	case *ast.Unary:
		v, err := e.eval(x.X)
		if v.Kind() == value.Int {
			return value.OfInt(-v.Int()), err
		}
		return value.OfFloat(-v.Float()), err
	case *ast.Binary:
		return e.greater(x)
	case *ast.Call:
		return e.call(x)
	}
	return value.Value{}, fmt.Errorf("no %T in examples", x)
}

func (e *evaluator) greater(x *ast.Binary) (value.Value, error) {
	l, err := e.eval(x.L)
	if err != nil {
		return l, err
	}
	r, err := e.eval(x.R)
	c, _ := value.Compare(l, r)
	return value.OfBool(x.Op == ">" && c > 0), err
}

func (e *evaluator) call(x *ast.Call) (value.Value, error) {
	f := e.reg.Lookup(x.Name)
	if f == nil {
		return value.Value{}, e.reg.Unknown(x.Name, 0)
	}
	args := make([]value.Value, len(x.Args))
	lits, names, literal := make([]value.Value, len(args)), make([]string, len(args)), make([]bool, len(args))
	for i, a := range x.Args {
		var err error
		if args[i], err = e.eval(a); err != nil {
			return value.Value{}, err
		}
		names[i] = a.String()
		if _, ok := a.(*ast.Star); ok && !f.StarArg {
			return value.Value{}, errors.New(f.Name + " does not take *")
		}
		if isLiteral(a) {
			lits[i], literal[i] = args[i], true
		}
	}
	if err := f.CheckCall(lits, literal); err != nil {
		return value.Value{}, err
	}
	if f.RowArg {
		args = append(args, e.ctx.Row.Rest)
	}
	return e.apply(f, x, args, names)
}

func isLiteral(x ast.Expr) bool {
	if u, ok := x.(*ast.Unary); ok {
		x = u.X
	}
	_, ok := x.(*ast.Literal)
	return ok
}

func (e *evaluator) apply(f *fn.Func, x *ast.Call, args []value.Value, names []string) (value.Value, error) {
	switch {
	case f.NewAggregate != nil:
		if e.aggregate[x] == nil {
			e.aggregate[x] = f.NewAggregate()
		}
		if err := e.aggregate[x].Add(e.ctx, args); err != nil || !e.last {
			return value.Value{}, err
		}
		return e.aggregate[x].Result(e.ctx)
	case f.IsAnalytic():
		if e.analytic[x] == nil {
			if f.NewAnalytic != nil {
				e.analytic[x] = f.NewAnalytic()
			} else {
				e.analytic[x] = f.Columns(names)
			}
		}
		return e.analytic[x].Eval(e.ctx, args)
	case f.Rows != nil:
		return f.Rows(e.ctx, args)
	}
	if e.bound[x] == nil {
		e.bound[x] = f.Bind()
	}
	return e.bound[x](e.ctx, args)
}

// show is a result as JSON, or "error: text".
func show(v value.Value, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	b, err := value.AppendJSON(nil, v)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

func TestEveryExampleGivesWhatItSays(t *testing.T) {
	run := 0
	defer func() { t.Logf("%d examples of %d functions", run, len(builtin.Registry().All())) }()
	for _, f := range builtin.Registry().All() {
		for _, ex := range f.Examples {
			run++
			if got := show(newEvaluator().run(ex.Expr, ex.Rows)); got != ex.Want {
				t.Errorf("%s over %s\n got %s\nwant %s", ex.Expr, ex.Rows, got, ex.Want)
			}
		}
	}
}

func TestEveryFunctionIsDocumented(t *testing.T) {
	for _, f := range builtin.Registry().All() {
		if f.Doc.En == "" || f.Doc.Zh == "" || f.Mark < 'A' || f.Mark > 'C' || f.Category == "" {
			t.Errorf("%s lacks a text, mark or category", f.Name)
		}
		if len(f.Args()) == 0 {
			if len(f.Examples) == 0 {
				t.Errorf("%s has no example", f.Name)
			}
			continue
		}
		withNull := false
		for _, ex := range f.Examples {
			withNull = withNull || strings.Contains(ex.Expr, "null") || strings.Contains(ex.Rows, "null") || strings.Contains(ex.Expr, "nothing") || strings.Contains(ex.Rows, "{}")
		}
		if len(f.Examples) < 2 || !withNull && f.Name != "row_number" {
			t.Errorf("%s needs two examples, one of them with NULL", f.Name)
		}
	}
}

func TestEveryFunctionHasTheDeclaredResultType(t *testing.T) {
	for _, f := range builtin.Registry().All() {
		want := f.Result().Kind
		for _, ex := range f.Examples {
			x, err := parse.Expr(ex.Expr)
			if err != nil {
				t.Fatal(err)
			}
			if call, ok := x.(*ast.Call); !ok || want == value.Null || builtin.Registry().Lookup(call.Name) != f {
				continue
			}
			v, err := newEvaluator().run(ex.Expr, ex.Rows)
			if err != nil || v.IsNull() || v.Kind() == want || want == value.Array && v.IsArray() {
				continue
			}
			t.Errorf("%s is %s, declared %s", ex.Expr, v.Kind(), want)
		}
	}
}
