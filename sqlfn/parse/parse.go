// Package parse reads SQL: a hand-written lexer and a Pratt parser make the
// trees of package ast. Every error is a *diag.Error that knows its place, so
// that its Detail shows the line with a caret under it:
//
//	st, err := parse.Statement("SELECT a FORM demo")
//	// line 1, column 10: found "FORM", expected FROM. did you mean "FROM"?
//
// The functions keep no state and may be called from any goroutine.
package parse

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// Statement reads one statement. Text behind its semicolon is ignored.
func Statement(sql string) (ast.Statement, error) {
	st, _, err := statement(sql, 0)
	setText(st, sql)
	return st, err
}

func setText(st ast.Statement, text string) {
	switch st := st.(type) {
	case *ast.Select:
		st.Text = text
	case *ast.Create:
		st.Text = text
	}
}

// Select reads a statement that must be a SELECT.
func Select(sql string) (*ast.Select, error) {
	st, err := Statement(sql)
	if err != nil {
		return nil, err
	}
	sel, ok := st.(*ast.Select)
	if !ok {
		return nil, diag.New(diag.Parse, "SQL %s is not a select statement.", sql)
	}
	return sel, nil
}

// Statements reads statements that are separated by semicolons.
func Statements(sql string) ([]ast.Statement, error) {
	var all []ast.Statement
	for at := 0; ; {
		l := lexer{src: sql, at: at}
		l.skipBlanks()
		switch {
		case l.at == len(sql):
			return all, nil
		case sql[l.at] == ';':
			at = l.at + 1
			continue
		}
		st, end, err := statement(sql, l.at)
		if err != nil {
			return nil, err
		}
		setText(st, sql[l.at:end])
		all = append(all, st)
		at = end
	}
}

// Expr reads an expression on its own.
func Expr(text string) (e ast.Expr, err error) {
	p := parser{src: text, tokens: lex(text, 0)}
	defer p.recover(&err)
	e = p.expr(0)
	if p.tok().kind != tEOF || p.tok().pos < len(text) {
		p.fail("EOF")
	}
	return e, nil
}

func statement(sql string, from int) (st ast.Statement, end int, err error) {
	p := parser{src: sql, tokens: lex(sql, from)}
	defer p.recover(&err)
	switch {
	case p.keyword("SELECT"):
		st = p.selectStatement()
	case p.word("CREATE"):
		st = p.create()
	case p.word("SHOW"):
		st = p.show()
	case p.word("DESCRIBE"):
		st = p.command(ast.Describe)
	case p.word("EXPLAIN"):
		st = p.command(ast.Explain)
	case p.word("DROP"):
		st = p.command(ast.Drop)
	default:
		p.fail("SELECT", "CREATE", "SHOW", "DESCRIBE", "EXPLAIN", "DROP")
	}
	if p.tok().kind != tEOF {
		p.failEnd(st)
	}
	return st, p.tok().pos, nil
}

// Limits that keep nonsense from exhausting the stack of this package or of
// those that walk the trees. Sensible statements stay far below.
const (
	maxNesting = 500
	maxChain   = 5000 // operators of one expression, which nest to the left
)

type parser struct {
	src     string
	tokens  []token
	at      int
	nesting int
	chain   int
}

// syntaxError is what the parser panics with; recover turns it into the error
// result, so that the grammar's functions can return trees only.
type syntaxError struct{ err *diag.Error }

func (p *parser) recover(err *error) {
	switch r := recover().(type) {
	case nil:
	case syntaxError:
		*err = diag.InSQL(r.err, p.src)
	default:
		panic(r)
	}
}

func (p *parser) failAt(pos int, hint, format string, args ...any) {
	panic(syntaxError{diag.At(diag.Parse, pos, format, args...).WithHint(hint)})
}

// fail reports the current token where one of the wanted words, or a thing so
// described, must stand.
func (p *parser) fail(wanted ...string) {
	p.failHint(p.misspelt(wanted), strings.Join(wanted, ", "))
}

func (p *parser) failHint(hint, wanted string) {
	t := p.tok()
	if t.hint != "" {
		hint = t.hint
	}
	p.failAt(t.pos, hint, "found %q, expected %s.", t.shown(), wanted)
}

// backtickHint is for a reserved word that was meant as a name.
func (p *parser) backtickHint() string {
	return "a reserved word is a name only in backticks: `" + p.src[p.tok().pos:p.tok().end] + "`"
}

// misspelt returns a hint if the current token looks like one of the words.
func (p *parser) misspelt(words []string) string {
	t := p.tok()
	if t.kind != tIdent || t.quote != 0 {
		return ""
	}
	var keywords []string
	for _, w := range words {
		if w == strings.ToUpper(w) {
			keywords = append(keywords, strings.Fields(w)[0])
		}
	}
	return diag.DidYouMean(t.text, keywords)
}

func (p *parser) tok() token { return p.tokens[p.at] }

func (p *parser) peek(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tok()
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

func (t token) isOp(op string) bool { return t.kind == tOp && t.text == op }

func (t token) isKeyword(kw string) bool { return t.kind == tKeyword && t.text == kw }

// isWord tells whether the token is an unreserved word in any case.
func (t token) isWord(w string) bool {
	return t.kind == tIdent && t.quote == 0 && strings.EqualFold(t.text, w)
}

// op, keyword and word step over a token if it is the one asked for.
func (p *parser) op(op string) bool { return p.take(p.tok().isOp(op)) }

func (p *parser) keyword(kw string) bool { return p.take(p.tok().isKeyword(kw)) }

func (p *parser) word(w string) bool { return p.take(p.tok().isWord(w)) }

func (p *parser) take(is bool) bool {
	if is {
		p.next()
	}
	return is
}

func (p *parser) needOp(op string) {
	if !p.op(op) {
		p.fail(op)
	}
}

func (p *parser) needKeyword(kw string) {
	if !p.keyword(kw) {
		p.fail(kw)
	}
}

// name reads an identifier; what says what it is the name of.
func (p *parser) name(what string) string {
	switch t := p.tok(); t.kind {
	case tIdent:
		return p.next().text
	case tKeyword:
		p.failHint(p.backtickHint(), what)
	}
	p.fail(what)
	return ""
}

// nest counts levels of nesting; the result undoes it.
func (p *parser) nest() func() {
	p.nesting++
	if p.nesting > maxNesting {
		p.failAt(p.tok().pos, "", "expression is nested more than %d levels deep", maxNesting)
	}
	return func() { p.nesting-- }
}

// link counts operators that nest to the left without recursion.
func (p *parser) link() {
	p.chain++
	if p.chain > maxChain {
		p.failAt(p.tok().pos, "a long list of = and OR is shorter as IN (..)", "statement has more than %d operators", maxChain)
	}
}
