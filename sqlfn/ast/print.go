package ast

import (
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Binding strengths, weakest first. An operand that binds weaker than its
// place asks for is printed in parentheses.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
	bindCompare
	bindAdd
	bindMultiply
	bindUnary
	bindPostfix
	bindPrimary
)

// Binds returns how strongly a binary operator binds, from 1 for OR; 0 if op
// is not one. Operators of equal strength group from the left.
func (op Op) Binds() int {
	switch op {
	case "OR":
		return bindOr
	case "AND":
		return bindAnd
	case "=", "!=", "<", "<=", ">", ">=":
		return bindCompare
	case "+", "-", "|", "^":
		return bindAdd
	case "*", "/", "%", "&":
		return bindMultiply
	}
	return 0
}

func binds(e Expr) int {
	switch e := e.(type) {
	case *Binary:
		return e.Op.Binds()
	case *Unary:
		if e.Op == "NOT" {
			return bindNot
		}
		return bindUnary
	case *Between, *Like, *In, *IsNull:
		return bindCompare
	case *Index, *Slice, *Deref:
		return bindPostfix
	}
	return bindPrimary
}

// printer collects SQL text.
type printer struct{ strings.Builder }

func print1(write func(p *printer)) string {
	var p printer
	write(&p)
	return p.String()
}

func (p *printer) put(parts ...string) {
	for _, s := range parts {
		p.WriteString(s)
	}
}

// expr prints e, in parentheses if it binds weaker than least.
func (p *printer) expr(e Expr, least int) {
	if binds(e) < least {
		p.put("(")
		p.bare(e)
		p.put(")")
		return
	}
	p.bare(e)
}

func (p *printer) bare(e Expr) {
	switch e := e.(type) {
	case *Ident:
		p.put(e.text())
	case *Literal:
		p.put(literalText(e.Val))
	case *Unary:
		p.unary(e)
	case *Binary:
		b := e.Op.Binds()
		p.expr(e.L, b)
		p.put(" ", string(e.Op), " ")
		p.expr(e.R, b+1)
	case *Between:
		p.operand(e.X, e.Not, "BETWEEN")
		p.expr(e.Lo, bindUnary)
		p.put(" AND ")
		p.expr(e.Hi, bindUnary)
	case *Like:
		p.operand(e.X, e.Not, "LIKE")
		p.expr(e.Pattern, bindUnary)
	case *In:
		p.operand(e.X, e.Not, "IN")
		p.inSet(e)
	case *IsNull:
		p.expr(e.X, bindCompare)
		p.put(" IS ")
		if e.Not {
			p.put("NOT ")
		}
		p.put("NULL")
	case *Index, *Slice, *Deref:
		p.postfix(e)
	case *Case:
		p.caseOf(e)
	case *Call:
		p.call(e)
	case *Star:
		p.star(e)
	default: // the planner puts its own nodes into trees
		p.put(e.String())
	}
}

func (p *printer) unary(e *Unary) {
	if e.Op == "NOT" {
		p.put("NOT ")
		p.expr(e.X, bindNot)
		return
	}
	p.put(string(e.Op))
	// A literal would be read as a negative number, and a second minus as the
	// start of a comment.
	switch e.X.(type) {
	case *Literal, *Unary:
		p.expr(e.X, bindPrimary+1)
	default:
		p.expr(e.X, bindUnary)
	}
}

// operand prints the left side and the word of BETWEEN, LIKE and IN.
func (p *printer) operand(x Expr, not bool, word string) {
	p.expr(x, bindCompare)
	if not {
		p.put(" NOT")
	}
	p.put(" ", word, " ")
}

func (p *printer) inSet(e *In) {
	if e.List == nil {
		p.expr(e.Array, bindUnary)
		return
	}
	p.put("(")
	p.exprs(e.List)
	p.put(")")
}

func (p *printer) exprs(es []Expr) {
	for i, e := range es {
		if i > 0 {
			p.put(", ")
		}
		p.expr(e, 0)
	}
}

func (p *printer) postfix(e Expr) {
	switch e := e.(type) {
	case *Index:
		p.base(e.X)
		p.put("[")
		p.expr(e.I, 0)
		p.put("]")
	case *Slice:
		p.base(e.X)
		p.put("[")
		if e.Lo != nil {
			p.expr(e.Lo, 0)
		}
		p.put(":")
		if e.Hi != nil {
			p.expr(e.Hi, 0)
		}
		p.put("]")
	case *Deref:
		if id, ok := e.X.(*Ident); ok && id.Stream == "" && !e.Arrow {
			p.put("(", id.text(), ").", QuoteName(e.Name)) // a.b would be column b of stream a
			return
		}
		p.base(e.X)
		if e.Arrow {
			p.put("->")
		} else {
			p.put(".")
		}
		p.put(QuoteName(e.Name))
	}
}

// base prints what a postfix operator applies to. Numbers get parentheses: a
// dot behind them would be read as part of them.
func (p *printer) base(x Expr) {
	if _, ok := x.(*Literal); ok {
		p.expr(x, bindPrimary+1)
		return
	}
	p.expr(x, bindPostfix)
}

func (p *printer) caseOf(e *Case) {
	p.put("CASE")
	if e.Operand != nil {
		p.put(" ")
		p.expr(e.Operand, 0)
	}
	for _, w := range e.Whens {
		p.put(" WHEN ")
		p.expr(w.Cond, 0)
		p.put(" THEN ")
		p.expr(w.Then, 0)
	}
	if e.Else != nil {
		p.put(" ELSE ")
		p.expr(e.Else, 0)
	}
	p.put(" END")
}

func (p *printer) call(e *Call) {
	p.put(QuoteName(e.Name), "(")
	if e.Distinct {
		p.put("DISTINCT ")
	}
	p.exprs(e.Args)
	p.put(")")
	if e.Over != nil {
		p.put(" ")
		p.over(e.Over.Partition, e.Over.When)
	}
}

func (p *printer) over(partition []Expr, when Expr) {
	p.put("OVER (")
	if len(partition) > 0 {
		p.put("PARTITION BY ")
		p.exprs(partition)
	}
	if when != nil {
		if len(partition) > 0 {
			p.put(" ")
		}
		p.put("WHEN ")
		p.expr(when, 0)
	}
	p.put(")")
}

func (p *printer) star(e *Star) {
	if e.Stream != "" {
		p.put(QuoteName(e.Stream), ".")
	}
	p.put("*")
	if len(e.Except) > 0 {
		p.put(" EXCEPT(")
		for i, n := range e.Except {
			if i > 0 {
				p.put(", ")
			}
			p.put(QuoteName(n))
		}
		p.put(")")
	}
	if len(e.Replace) > 0 {
		p.put(" REPLACE(")
		p.fields(e.Replace)
		p.put(")")
	}
}

func (e *Ident) text() string {
	if e.Stream == "" {
		return QuoteName(e.Name)
	}
	return QuoteName(e.Stream) + "." + QuoteName(e.Name)
}

func literalText(v value.Value) string {
	switch v.Kind() {
	case value.Null:
		return "NULL"
	case value.Bool:
		return strings.ToUpper(v.String())
	case value.String:
		return strconv.Quote(v.Str())
	case value.Float:
		s := strconv.FormatFloat(v.Float(), 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0" // or it would be read as a BIGINT
		}
		return s
	}
	return v.String()
}
