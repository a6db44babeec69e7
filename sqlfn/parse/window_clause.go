package parse

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// windowClause reads WINDOW TUMBLING (SIZE 5 SECOND) and its kin, another
// spelling of the window functions that stands before or behind GROUP BY:
//
//	WINDOW TUMBLING (SIZE 5 SECOND)                        TUMBLINGWINDOW(ss, 5)
//	WINDOW HOPPING (SIZE 10 SECOND, ADVANCE BY 5 SECOND)   HOPPINGWINDOW(ss, 10, 5)
//	WINDOW SLIDING (SIZE 5 SECOND)                         SLIDINGWINDOW(ss, 5)
//	WINDOW SESSION (5 SECOND)                              SESSIONWINDOW(ss, a year, 5)
func (p *parser) windowClause(s *ast.Select) {
	pos := p.tok().pos
	if !p.word("WINDOW") {
		return
	}
	w := &ast.Window{Pos: pos}
	switch {
	case p.word("TUMBLING"):
		w.Kind = ast.Tumbling
	case p.word("HOPPING"):
		w.Kind = ast.Hopping
	case p.word("SLIDING"):
		w.Kind = ast.Sliding
	case p.word("SESSION"):
		w.Kind = ast.Session
	default:
		p.fail("TUMBLING", "HOPPING", "SLIDING", "SESSION")
	}
	p.needOp("(")
	if !p.word("SIZE") && w.Kind != ast.Session {
		p.fail("SIZE")
	}
	first := p.length(w.Kind)
	switch w.Kind {
	case ast.Hopping:
		p.op(",")
		if !p.word("ADVANCE") {
			p.fail("ADVANCE BY")
		}
		p.needKeyword("BY")
		setLengths(w, first, p.length(w.Kind))
	case ast.Session:
		// Without a limit a session lasts as long as events come.
		setLengths(w, span{365, "DD"}, first)
	default:
		w.Unit, w.Size = first.unit, first.n
	}
	p.needOp(")")
	p.windowOptions(w)
	p.setWindow(s, w)
}

// span is a number of units of time.
type span struct {
	n    int64
	unit string
}

func setLengths(w *ast.Window, size, second span) {
	w.Unit, w.HasSecond = size.unit, true
	if unitMS(second.unit) < unitMS(w.Unit) {
		w.Unit = second.unit
	}
	w.Size = size.n * (unitMS(size.unit) / unitMS(w.Unit))
	w.Second = second.n * (unitMS(second.unit) / unitMS(w.Unit))
}

// length reads 5 SECONDS.
func (p *parser) length(k ast.WindowKind) span {
	t := p.tok()
	if t.kind != tInt {
		p.fail("integer")
	}
	p.next()
	l := span{n: number(t.text).Int(), unit: p.unitWord()}
	switch limit := maxLengthMS / unitMS(l.unit); {
	case l.n == 0:
		p.failAt(t.pos, "", "%s: length should be greater than 0", strings.ToLower(string(k)))
	case l.n > limit:
		p.failAt(t.pos, "", "%s of more than %d %s is too long", strings.ToLower(string(k)), limit, l.unit)
	}
	return l
}

var unitWords = map[string]string{
	"MILLISECOND": "MS", "SECOND": "SS", "MINUTE": "MI", "HOUR": "HH", "DAY": "DD",
	"MILLISECONDS": "MS", "SECONDS": "SS", "MINUTES": "MI", "HOURS": "HH", "DAYS": "DD",
}

func (p *parser) unitWord() string {
	t := p.tok()
	if t.kind == tKeyword && ast.IsTimeUnit(t.text) {
		return p.next().text
	}
	if unit := unitWords[strings.ToUpper(t.text)]; t.kind == tIdent && unit != "" {
		p.next()
		return unit
	}
	hint := ""
	if t.kind == tIdent {
		hint = diag.DidYouMean(t.text, []string{"MILLISECONDS", "SECONDS", "MINUTES", "HOURS", "DAYS"})
	}
	p.failHint(hint, "MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS")
	return ""
}
