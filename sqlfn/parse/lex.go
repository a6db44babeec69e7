package parse

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/edgesluice/sluice/sqlfn/ast"
)

type tokenKind uint8

const (
	tEOF     tokenKind = iota
	tBad               // cannot start any token; hint says why
	tIdent             // name, also in backticks
	tKeyword           // reserved word; text is in upper case
	tString
	tInt
	tFloat
	tOp // operator or punctuation, blanks inside removed
)

type token struct {
	kind     tokenKind
	text     string // name, content of a string, digits, operator
	pos, end int    // bytes of the source it covers
	quote    byte   // ` around a name, " or ' around a string
	hint     string // of a tBad
}

// shown is how an error message calls the token.
func (t token) shown() string {
	if t.kind == tEOF {
		return "EOF"
	}
	return t.text
}

// lexer cuts SQL into tokens. It stops at a semicolon: what follows is no part
// of the statement.
type lexer struct {
	src string
	at  int
}

func lex(src string, from int) []token {
	l := lexer{src: src, at: from}
	var ts []token
	for {
		t := l.next()
		t.end = l.at
		ts = append(ts, t)
		if t.kind == tEOF {
			return ts
		}
	}
}

func (l *lexer) next() token {
	if bad, ok := l.skipBlanks(); !ok {
		return bad
	}
	pos := l.at
	if pos == len(l.src) || l.src[pos] == ';' {
		return token{kind: tEOF, pos: pos}
	}
	switch c := l.src[pos]; {
	case isLetter(c):
		return l.word()
	case isDigit(c), c == '.' && l.digitAt(pos+1):
		return l.number()
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '`':
		return l.backticked()
	}
	return l.operator()
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' }

func (l *lexer) digitAt(i int) bool { return i < len(l.src) && isDigit(l.src[i]) }

// skipBlanks skips blanks and comments; ok is false if a comment has no end.
func (l *lexer) skipBlanks() (bad token, ok bool) {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.at += n
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				bad = token{kind: tBad, text: "/*", pos: l.at, hint: "the comment is not closed by */"}
				l.at = len(l.src)
				return bad, false
			}
			l.at += n + 4
		default:
			r, n := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) && r != '\ufeff' {
				return token{}, true
			}
			l.at += n
		}
	}
	return token{}, true
}

func (l *lexer) word() token {
	pos := l.at
	for l.at < len(l.src) && isWord(l.src[l.at]) {
		l.at++
	}
	text := l.src[pos:l.at]
	if kw := ast.Reserved(text); kw != "" {
		return token{kind: tKeyword, text: kw, pos: pos}
	}
	return token{kind: tIdent, text: text, pos: pos}
}

func (l *lexer) digits() {
	for l.digitAt(l.at) {
		l.at++
	}
}

func (l *lexer) number() token {
	t := token{kind: tInt, pos: l.at}
	l.digits()
	if l.at < len(l.src) && l.src[l.at] == '.' && l.digitAt(l.at+1) {
		t.kind = tFloat
		l.at++
		l.digits()
	}
	if l.at < len(l.src) && (l.src[l.at] == 'e' || l.src[l.at] == 'E') {
		i := l.at + 1
		if i < len(l.src) && (l.src[i] == '+' || l.src[i] == '-') {
			i++
		}
		if l.digitAt(i) {
			t.kind = tFloat
			l.at = i
			l.digits()
		}
	}
	t.text = l.src[t.pos:l.at]
	return t
}

// quoted reads a string with the backslash escapes of Go.
func (l *lexer) quoted(quote byte) token {
	t := token{kind: tString, pos: l.at, quote: quote}
	var b strings.Builder
	l.at++
	for {
		rest := l.src[l.at:]
		switch {
		case rest == "" || rest[0] == '\n':
			return token{kind: tBad, text: l.src[t.pos:l.at], pos: t.pos, hint: fmt.Sprintf("the text is not closed by %c", quote)}
		case rest[0] == quote:
			l.at++
			t.text = b.String()
			return t
		case rest[0] != '\\':
			b.WriteByte(rest[0])
			l.at++
		case len(rest) > 1 && (rest[1] == '"' || rest[1] == '\''):
			b.WriteByte(rest[1])
			l.at += 2
		default:
			r, wide, tail, err := strconv.UnquoteChar(rest, 0)
			if err != nil {
				return l.badEscape(rest)
			}
			if wide {
				b.WriteRune(r)
			} else {
				b.WriteByte(byte(r))
			}
			l.at += len(rest) - len(tail)
		}
	}
}

func (l *lexer) badEscape(rest string) token {
	_, n := utf8.DecodeRuneInString(rest[1:])
	bad := token{kind: tBad, text: rest[:1+n], pos: l.at, hint: `a backslash is written \\`}
	l.at += 1 + n
	return bad
}

func (l *lexer) backticked() token {
	pos := l.at
	n := strings.IndexByte(l.src[pos+1:], '`')
	if n < 0 {
		l.at = len(l.src)
		return token{kind: tBad, text: "`", pos: pos, hint: "the name is not closed by `"}
	}
	l.at = pos + n + 2
	if n == 0 {
		return token{kind: tBad, text: "``", pos: pos, hint: "a name cannot be empty"}
	}
	return token{kind: tIdent, text: l.src[pos+1 : pos+1+n], pos: pos, quote: '`'}
}

// pairs are the operators of two characters; blanks may stand between them.
var pairs = map[byte]string{'!': "=", '<': "=>", '>': "=", '-': ">"}

func (l *lexer) operator() token {
	pos := l.at
	c := l.src[pos]
	if !strings.ContainsRune("+-*/%&|^=<>!()[],.:#", rune(c)) {
		return l.bad()
	}
	l.at++
	if seconds, ok := pairs[c]; ok {
		i := l.at
		for i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t') {
			i++
		}
		if i < len(l.src) && strings.IndexByte(seconds, l.src[i]) >= 0 {
			text := string([]byte{c, l.src[i]})
			l.at = i + 1
			if text == "<>" {
				text = "!="
			}
			return token{kind: tOp, text: text, pos: pos}
		}
	}
	if c == '!' {
		return token{kind: tBad, text: "!", pos: pos, hint: "did you mean \"!=\"? Negation is written NOT"}
	}
	return token{kind: tOp, text: string(c), pos: pos}
}

// fullWidth are signs that Chinese keyboards produce in place of ASCII ones.
var fullWidth = map[rune]string{'，': ",", '（': "(", '）': ")", '＝': "=", '＞': ">", '＜': "<", '；': ";", '“': `"`, '”': `"`, '‘': "'", '’': "'", '＊': "*"}

// bad reads a run of characters that no token can start with.
func (l *lexer) bad() token {
	t := token{kind: tBad, pos: l.at}
	r, n := utf8.DecodeRuneInString(l.src[l.at:])
	l.at += n
	if ascii, ok := fullWidth[r]; ok {
		t.text, t.hint = string(r), fmt.Sprintf("did you mean the ASCII character %s ?", ascii)
		return t
	}
	if r != '_' && !unicode.IsLetter(r) {
		t.text = l.src[t.pos:l.at]
		return t
	}
	for l.at < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.at:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		l.at += n
	}
	t.text = l.src[t.pos:l.at]
	t.hint = "a name that does not start with an ASCII letter is written in backticks: `" + t.text + "`"
	return t
}
