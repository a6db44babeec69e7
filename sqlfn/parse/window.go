package parse

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
)

// windowKind returns the window function of that name, "" if there is none.
func windowKind(name string) ast.WindowKind {
	switch k := ast.WindowKind(strings.ToUpper(name)); k {
	case ast.Tumbling, ast.Hopping, ast.Sliding, ast.Session, ast.Count, ast.State:
		return k
	}
	return ""
}

// dim reads one item of GROUP BY.
func (p *parser) dim(s *ast.Select) {
	t := p.tok()
	if t.kind == tIdent && t.quote == 0 && p.peek(1).isOp("(") {
		if k := windowKind(t.text); k != "" {
			p.setWindow(s, p.window(k))
			return
		}
	}
	s.Dims = append(s.Dims, p.expr(0))
}

func (p *parser) setWindow(s *ast.Select, w *ast.Window) {
	if s.Window != nil {
		p.failAt(w.Pos, "", "%s: a statement can have only one window, it has %s already",
			strings.ToLower(string(w.Kind)), strings.ToLower(string(s.Window.Kind)))
	}
	s.Window = w
}

func (p *parser) window(k ast.WindowKind) *ast.Window {
	w := &ast.Window{Pos: p.tok().pos, Kind: k}
	p.next()
	switch k {
	case ast.State:
		p.stateArgs(w)
	case ast.Count:
		p.countArgs(w)
	default:
		p.timeArgs(w)
	}
	p.windowOptions(w)
	return w
}

// windowOptions reads FILTER (..) and OVER (..) behind a window.
func (p *parser) windowOptions(w *ast.Window) {
	for {
		switch {
		case w.Filter == nil && p.keyword("FILTER"):
			p.needOp("(")
			p.needKeyword("WHERE")
			w.Filter = p.expr(0)
			p.needOp(")")
		case w.Partition == nil && w.When == nil && p.tok().isKeyword("OVER"):
			w.Partition, w.When = p.over()
		default:
			return
		}
	}
}

func (p *parser) stateArgs(w *ast.Window) {
	args := p.windowArgs()
	if len(args) < 1 || len(args) > 2 {
		p.failCount(w, "1 or 2")
	}
	w.Begin = args[0].x
	if len(args) == 2 {
		w.Emit = args[1].x
	}
}

func (p *parser) countArgs(w *ast.Window) {
	args := p.windowArgs()
	if len(args) < 1 || len(args) > 2 {
		p.failCount(w, "1 or 2")
	}
	p.windowInts(w, args, 1)
	if w.HasSecond && w.Second > w.Size {
		p.failAt(args[1].pos, "", "The second parameter value %d should be less than the first parameter %d.", w.Second, w.Size)
	}
}

func (p *parser) timeArgs(w *ast.Window) {
	args := p.windowArgs()
	least, most, text := 3, 3, "3"
	switch w.Kind {
	case ast.Tumbling:
		least, most, text = 2, 2, "2"
	case ast.Sliding:
		least, text = 2, "2 or 3"
	}
	if len(args) < least || len(args) > most {
		p.failCount(w, text)
	}
	if w.Unit = args[0].unit; w.Unit == "" {
		p.failAt(args[0].pos, "", "The 1st argument for %s is expecting timer literal expression. One value of [dd|hh|mi|ss|ms].", lowerKind(w))
	}
	p.windowInts(w, args[1:], 2)
	limit := maxLengthMS / unitMS(w.Unit)
	if w.Size > limit || w.Second > limit {
		p.failAt(args[1].pos, "", "%s of more than %d %s is too long", lowerKind(w), limit, w.Unit)
	}
}

// maxLengthMS is a thousand years. Longer windows could overflow.
const maxLengthMS = 1000 * 366 * 24 * 3600 * 1000

func unitMS(unit string) int64 {
	switch unit {
	case "DD":
		return 24 * 3600 * 1000
	case "HH":
		return 3600 * 1000
	case "MI":
		return 60 * 1000
	case "SS":
		return 1000
	}
	return 1
}

func lowerKind(w *ast.Window) string { return strings.ToLower(string(w.Kind)) }

func (p *parser) failCount(w *ast.Window, want string) {
	p.failAt(w.Pos, "", "The arguments for %s should be %s.", lowerKind(w), want)
}

// windowInts takes over the one or two integer arguments; first is the
// number of the first of them, counted from 1.
func (p *parser) windowInts(w *ast.Window, args []windowArg, first int) {
	for i, a := range args {
		n, ok := constInt(a.x)
		if !ok {
			p.failAt(a.pos, "", "The %s argument for %s is expecting integer literal expression.", ordinals[first+i], lowerKind(w))
		}
		if n < 0 || n == 0 && (i == 0 || w.Kind != ast.Sliding) {
			p.failAt(a.pos, "", "The %s argument for %s should be greater than 0.", ordinals[first+i], lowerKind(w))
		}
		if i == 0 {
			w.Size = n
		} else {
			w.Second, w.HasSecond = n, true
		}
	}
}

var ordinals = [...]string{1: "1st", 2: "2nd", 3: "3rd"}

// windowArg is an argument of a window: a unit or an expression.
type windowArg struct {
	pos  int
	unit string
	x    ast.Expr
}

func (p *parser) windowArgs() []windowArg {
	p.needOp("(")
	if p.op(")") {
		return nil
	}
	var args []windowArg
	for {
		a := windowArg{pos: p.tok().pos}
		if t := p.tok(); t.kind == tKeyword && ast.IsTimeUnit(t.text) {
			a.unit = p.next().text
		} else {
			a.x = p.expr(0)
		}
		args = append(args, a)
		if !p.op(",") {
			p.needOp(")")
			return args
		}
	}
}
