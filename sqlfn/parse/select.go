package parse

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
)

func (p *parser) selectStatement() *ast.Select {
	s := &ast.Select{Distinct: p.distinct()}
	s.Fields = append(s.Fields, p.field())
	for p.op(",") {
		s.Fields = append(s.Fields, p.field())
	}
	p.needKeyword("FROM")
	s.From = p.source()
	for {
		j, ok := p.join()
		if !ok {
			break
		}
		s.Joins = append(s.Joins, j)
	}
	p.windowClause(s)
	if p.keyword("WHERE") {
		s.Where = p.expr(0)
	}
	p.windowClause(s)
	if p.keyword("GROUP") {
		p.needKeyword("BY")
		p.dim(s)
		for p.op(",") {
			p.dim(s)
		}
	}
	p.windowClause(s)
	if p.keyword("HAVING") {
		s.Having = p.expr(0)
	}
	if p.keyword("ORDER") {
		p.needKeyword("BY")
		s.Order = p.sorts()
	}
	if p.keyword("LIMIT") {
		s.Limit = p.limit()
	}
	return s
}

func (p *parser) field() ast.Field {
	var f ast.Field
	if s := p.star(); s != nil {
		f.X = s
	} else {
		f.X = p.expr(0)
		if p.keyword("AS") {
			f.Alias = p.name("as alias")
		}
	}
	f.Invisible = p.keyword("INVISIBLE")
	return f
}

// star reads * and s.* with EXCEPT and REPLACE; nil if something else follows.
func (p *parser) star() ast.Expr {
	s := &ast.Star{Pos: ast.Pos(p.tok().pos)}
	switch {
	case p.op("*"):
	case p.tok().kind == tIdent && p.peek(1).isOp(".") && p.peek(2).isOp("*"):
		s.Stream = p.next().text
		p.next()
		p.next()
	default:
		return nil
	}
	if p.keyword("EXCEPT") {
		p.needOp("(")
		s.Except = append(s.Except, p.name("column name"))
		for p.op(",") {
			s.Except = append(s.Except, p.name("column name"))
		}
		p.needOp(")")
	}
	if p.keyword("REPLACE") {
		p.needOp("(")
		s.Replace = append(s.Replace, p.replacement())
		for p.op(",") {
			s.Replace = append(s.Replace, p.replacement())
		}
		p.needOp(")")
	}
	return s
}

func (p *parser) replacement() ast.Field {
	f := ast.Field{X: p.expr(0)}
	p.needKeyword("AS")
	f.Alias = p.name("as alias")
	return f
}

func (p *parser) source() ast.Source {
	s := ast.Source{Pos: p.tok().pos, Name: p.sourceName()}
	if p.keyword("AS") {
		s.Alias = p.name("as alias")
	}
	return s
}

// sourceName reads an identifier or a topic pattern: pieces of names, numbers,
// "/", "#" and "+" without blanks between them.
func (p *parser) sourceName() string {
	t := p.tok()
	if t.quote == '`' {
		return p.next().text
	}
	end := p.at
	for end < len(p.tokens) && topicPiece(p.tokens[end]) && (end == p.at || p.tokens[end-1].end == p.tokens[end].pos) {
		end++
	}
	if end == p.at || end == p.at+1 && t.kind != tIdent && t.text != "#" && t.text != "+" {
		p.fail("source name")
	}
	name := p.src[t.pos:p.tokens[end-1].end]
	p.at = end
	return name
}

func topicPiece(t token) bool {
	switch t.kind {
	case tIdent:
		return t.quote == 0
	case tKeyword, tInt:
		return true
	case tBad:
		return strings.HasPrefix(t.text, "_")
	}
	return t.isOp("/") || t.isOp("#") || t.isOp("+")
}

var joinKinds = []ast.JoinKind{ast.InnerJoin, ast.LeftJoin, ast.RightJoin, ast.FullJoin, ast.CrossJoin}

func (p *parser) join() (j ast.Join, ok bool) {
	t := p.tok()
	for _, k := range joinKinds {
		if p.keyword(string(k)) {
			j.Kind, j.Pos = k, t.pos
		}
	}
	switch {
	case j.Kind == "" && t.isKeyword("JOIN"):
		p.failHint(`did you mean "INNER JOIN"?`, "INNER, LEFT, RIGHT, FULL or CROSS")
	case j.Kind == "" && t.isOp(","):
		p.failHint("streams are joined by INNER JOIN .. ON ..", "JOIN")
	case j.Kind == "":
		return j, false
	}
	if p.tok().isWord("OUTER") {
		p.failHint("OUTER is left out: "+string(j.Kind)+" JOIN", "JOIN")
	}
	p.needKeyword("JOIN")
	j.Source = p.source()
	if on := p.tok(); p.keyword("ON") {
		if j.Kind == ast.CrossJoin {
			p.failAt(on.pos, "", "On expression is not required for cross join type.")
		}
		j.On = p.expr(0)
	}
	return j, true
}

// sorts reads the items of ORDER BY; commas between them may be missing.
func (p *parser) sorts() []ast.Sort {
	var items []ast.Sort
	for {
		if p.tok().kind != tIdent {
			p.failHint("sort by a column, an alias or an expression that starts with one", "column or alias")
		}
		s := ast.Sort{X: p.expr(0)}
		if !p.keyword("ASC") {
			s.Desc = p.keyword("DESC")
		}
		items = append(items, s)
		if !p.op(",") && (p.tok().kind != tIdent || p.peek(1).kind == tInt) {
			return items
		}
	}
}

func (p *parser) limit() *int64 {
	if p.tok().kind != tInt {
		p.fail("integer")
	}
	n := number(p.next().text).Int()
	return &n
}

// failEnd reports text behind a complete statement.
func (p *parser) failEnd(st ast.Statement) {
	sel, ok := st.(*ast.Select)
	if !ok {
		p.fail("EOF")
	}
	wanted := p.clausesBehind(sel)
	hint := p.misspelt(wanted)
	if hint == "" && p.tok().kind == tIdent && sel.Where == nil && sel.Order == nil && sel.Limit == nil {
		hint = "an alias is written with AS"
	}
	p.failHint(hint, strings.Join(wanted, ", "))
}

// clausesBehind lists what could follow the last clause of s.
func (p *parser) clausesBehind(s *ast.Select) []string {
	all := []string{"JOIN", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "EOF"}
	switch {
	case s.Limit != nil:
		return all[6:]
	case s.Order != nil:
		return all[5:]
	case s.Having != nil:
		return all[4:]
	case s.Window != nil || s.Dims != nil:
		return all[3:]
	case s.Where != nil:
		return all[2:]
	}
	return all
}
