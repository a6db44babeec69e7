package parse

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Strengths of the operators that are not ast.Ops; see ast.Op.Binds.
var (
	bindNot     = ast.Op("AND").Binds() + 1
	bindCompare = ast.Op("=").Binds()
)

// expr reads operands and the binary operators between them as long as these
// bind at least as strongly as asked for.
//
// Postfix operators (a[0], a.b, a->b) bind stronger than * and /. The dialect
// formally puts them on one level, but then 2*a[0] means (2*a)[0], which is
// never of use.
func (p *parser) expr(least int) ast.Expr {
	defer p.nest()()
	var left ast.Expr
	if t := p.tok(); t.isKeyword("NOT") && least <= bindNot {
		p.next()
		left = &ast.Unary{Pos: ast.Pos(t.pos), Op: "NOT", X: p.expr(bindNot)}
	} else {
		left = p.operand()
	}
	for {
		next, ok := p.infix(left, least)
		if !ok {
			return left
		}
		p.link()
		left = next
	}
}

// infix reads one operator and its right side.
func (p *parser) infix(left ast.Expr, least int) (ast.Expr, bool) {
	t := p.tok()
	if e, ok := p.predicate(left, least); ok {
		return e, true
	}
	if t.kind != tOp && t.kind != tKeyword {
		return nil, false
	}
	op := ast.Op(t.text)
	b := op.Binds()
	if b == 0 || b < least {
		return nil, false
	}
	p.next()
	if p.tok().isOp("=") && op == "=" {
		p.failHint("equality is written with one =", "expression")
	}
	return &ast.Binary{Pos: ast.Pos(left.Offset()), OpPos: t.pos, Op: op, L: left, R: p.expr(b + 1)}, true
}

// predicate reads [NOT] BETWEEN, [NOT] LIKE, [NOT] IN and IS [NOT] NULL.
func (p *parser) predicate(x ast.Expr, least int) (ast.Expr, bool) {
	if bindCompare < least {
		return nil, false
	}
	pos := ast.Pos(x.Offset())
	if p.word("IS") {
		not := p.keyword("NOT")
		if !p.word("NULL") {
			p.fail("NULL")
		}
		return &ast.IsNull{Pos: pos, X: x, Not: not}, true
	}
	not := p.tok().isKeyword("NOT")
	if not {
		switch t := p.peek(1); {
		case t.isKeyword("BETWEEN"), t.isKeyword("LIKE"), t.isKeyword("IN"):
			p.next()
		default:
			return nil, false
		}
	}
	switch {
	case p.keyword("BETWEEN"):
		e := &ast.Between{Pos: pos, X: x, Not: not, Lo: p.operand()}
		p.needKeyword("AND")
		e.Hi = p.operand()
		return e, true
	case p.keyword("LIKE"):
		return &ast.Like{Pos: pos, X: x, Not: not, Pattern: p.operand()}, true
	case p.keyword("IN"):
		e := &ast.In{Pos: pos, X: x, Not: not}
		if p.op("(") {
			e.List = p.exprs()
			p.needOp(")")
		} else {
			e.Array = p.operand()
		}
		return e, true
	}
	return nil, false
}

// exprs reads one or more expressions with commas between them.
func (p *parser) exprs() []ast.Expr {
	list := []ast.Expr{p.expr(0)}
	for p.op(",") {
		list = append(list, p.expr(0))
	}
	return list
}

// operand reads a primary expression with its signs and postfix operators.
func (p *parser) operand() ast.Expr {
	t := p.tok()
	if !t.isOp("-") {
		return p.postfix(p.primary())
	}
	defer p.nest()()
	p.next()
	pos := ast.Pos(t.pos)
	if n := p.tok(); n.kind == tInt || n.kind == tFloat {
		p.next()
		return p.postfix(&ast.Literal{Pos: pos, Val: number("-" + n.text)})
	}
	x := p.operand()
	if lit, ok := x.(*ast.Literal); ok {
		if v, ok := negate(lit.Val); ok {
			return &ast.Literal{Pos: pos, Val: v}
		}
	}
	return &ast.Unary{Pos: pos, Op: "-", X: x}
}

// number converts digits; what is out of range becomes the nearest number.
func number(text string) value.Value {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if errors.Is(err, strconv.ErrRange) && math.IsInf(f, 0) {
			f = math.Copysign(math.MaxFloat64, f)
		}
		return value.OfFloat(f)
	}
	i, _ := strconv.ParseInt(text, 10, 64) // clamps
	return value.OfInt(i)
}

func negate(v value.Value) (value.Value, bool) {
	switch {
	case v.Kind() == value.Float:
		return value.OfFloat(-v.Float()), true
	case v.Kind() == value.Int && v.Int() != math.MinInt64:
		return value.OfInt(-v.Int()), true
	}
	return v, false
}

func (p *parser) postfix(x ast.Expr) ast.Expr {
	for {
		pos := ast.Pos(x.Offset())
		switch {
		case p.op("->"):
			x = &ast.Deref{Pos: pos, X: x, Name: p.name("field name"), Arrow: true}
		case p.tok().isOp(".") && !p.peek(1).isOp("*"):
			p.next()
			x = &ast.Deref{Pos: pos, X: x, Name: p.name("field name")}
		case p.op("["):
			x = p.subscript(x)
		default:
			return x
		}
		p.link()
	}
}

// subscript reads what is behind an opening bracket.
func (p *parser) subscript(x ast.Expr) ast.Expr {
	pos := ast.Pos(x.Offset())
	start := p.tok().pos
	var lo, hi ast.Expr
	if !p.tok().isOp(":") && !p.tok().isOp("]") {
		lo = p.expr(0)
	}
	if lo != nil && p.op("]") {
		return &ast.Index{Pos: pos, X: x, I: lo}
	}
	if p.op(":") && !p.tok().isOp("]") {
		hi = p.expr(0)
	}
	p.needOp("]")
	a, aok := constInt(lo)
	b, bok := constInt(hi)
	if aok && bok && a > b && (a < 0) == (b < 0) {
		p.failAt(start, "", "colon start value can't be greater than end value")
	}
	return &ast.Slice{Pos: pos, X: x, Lo: lo, Hi: hi}
}

func constInt(e ast.Expr) (int64, bool) {
	lit, ok := e.(*ast.Literal)
	if !ok || lit.Val.Kind() != value.Int {
		return 0, false
	}
	return lit.Val.Int(), true
}

func (p *parser) primary() ast.Expr {
	t := p.tok()
	pos := ast.Pos(t.pos)
	switch t.kind {
	case tInt, tFloat:
		p.next()
		return &ast.Literal{Pos: pos, Val: number(t.text)}
	case tString:
		p.next()
		return &ast.Literal{Pos: pos, Val: value.OfString(t.text)}
	case tIdent:
		return p.reference()
	case tOp:
		if p.op("(") {
			defer p.nest()()
			e := p.expr(0)
			p.needOp(")")
			return e
		}
	case tKeyword:
		switch {
		case p.keyword("TRUE"):
			return &ast.Literal{Pos: pos, Val: value.True}
		case p.keyword("FALSE"):
			return &ast.Literal{Pos: pos, Val: value.False}
		case p.keyword("CASE"):
			return p.caseOf(pos)
		}
	}
	p.failExpression()
	return nil
}

func (p *parser) failExpression() {
	t, behind := p.tok(), p.peek(1)
	switch {
	case t.kind != tKeyword:
	case ast.IsTimeUnit(t.text):
		p.failHint(t.text+" is a unit of time; as a name it is written in backticks: `"+p.src[t.pos:t.end]+"`", "expression")
	case t.text == "NOT":
		p.failHint("put NOT (..) in parentheses", "expression")
	case behind.isOp(","), behind.isKeyword("FROM"), behind.isKeyword("AS"), behind.kind == tOp && ast.Op(behind.text).Binds() > 0:
		p.failHint(p.backtickHint(), "expression")
	}
	p.fail("expression")
}

// reference reads a call, a column or NULL.
func (p *parser) reference() ast.Expr {
	t := p.next()
	pos := ast.Pos(t.pos)
	switch {
	case p.tok().isOp("("):
		return p.call(t)
	case p.tok().isOp(".") && !p.peek(1).isOp("*"):
		p.next()
		return &ast.Ident{Pos: pos, Stream: t.text, Name: p.name("column name")}
	case t.isWord("NULL") && !p.tok().isOp("->"):
		return &ast.Literal{Pos: pos}
	}
	return &ast.Ident{Pos: pos, Name: t.text}
}

func (p *parser) call(name token) ast.Expr {
	defer p.nest()()
	if name.quote == 0 && windowKind(name.text) != "" {
		p.failAt(name.pos, "", "%s can only be used in GROUP BY", strings.ToLower(name.text))
	}
	p.next()
	c := &ast.Call{Pos: ast.Pos(name.pos), Name: name.text}
	if !p.op(")") {
		c.Distinct = p.distinct()
		c.Args = append(c.Args, p.argument())
		for p.op(",") {
			c.Args = append(c.Args, p.argument())
		}
		p.needOp(")")
	}
	if p.tok().isKeyword("OVER") {
		c.Over = &ast.Over{}
		c.Over.Partition, c.Over.When = p.over()
	}
	return c
}

func (p *parser) argument() ast.Expr {
	if s := p.star(); s != nil {
		return s
	}
	return p.expr(0)
}

// distinct steps over the word DISTINCT, unless it is the name of a column.
func (p *parser) distinct() bool {
	if !p.tok().isWord("DISTINCT") {
		return false
	}
	switch t := p.peek(1); t.kind {
	case tIdent, tString, tInt, tFloat:
		return p.take(!t.isWord("IS"))
	case tKeyword:
		return p.take(t.text == "CASE" || t.text == "TRUE" || t.text == "FALSE")
	case tOp:
		return p.take(t.text == "(" || t.text == "*" || t.text == "-")
	}
	return false
}

// over reads OVER ([PARTITION BY ..] [WHEN ..]).
func (p *parser) over() (partition []ast.Expr, when ast.Expr) {
	p.needKeyword("OVER")
	p.needOp("(")
	if p.keyword("PARTITION") {
		p.needKeyword("BY")
		partition = append(partition, p.expr(0))
		for p.op(",") && !p.tok().isKeyword("WHEN") {
			partition = append(partition, p.expr(0))
		}
	}
	if p.keyword("WHEN") {
		when = p.expr(0)
	}
	if partition == nil && when == nil {
		p.fail("PARTITION BY", "WHEN")
	}
	p.needOp(")")
	return partition, when
}

func (p *parser) caseOf(pos ast.Pos) ast.Expr {
	c := &ast.Case{Pos: pos}
	if !p.tok().isKeyword("WHEN") {
		c.Operand = p.expr(0)
	}
	for p.keyword("WHEN") {
		w := ast.When{Cond: p.expr(0)}
		if c.Operand == nil && neverBool(w.Cond) {
			p.failAt(w.Cond.Offset(), "", "invalid CASE expression, WHEN expression must be a bool condition")
		}
		p.needKeyword("THEN")
		w.Then = p.expr(0)
		c.Whens = append(c.Whens, w)
	}
	if c.Whens == nil {
		p.fail("WHEN")
	}
	if p.keyword("ELSE") {
		c.Else = p.expr(0)
	}
	p.needKeyword("END")
	return c
}

// neverBool tells whether e gives a number or a text whatever its operands are.
func neverBool(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Literal:
		return e.Val.Kind() != value.Bool && !e.Val.IsNull()
	case *ast.Unary:
		return e.Op == "-"
	case *ast.Binary:
		return strings.Contains("+-*/%", string(e.Op))
	}
	return false
}
