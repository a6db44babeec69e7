package ast

import (
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
)

func exprText(e Expr) string { return print1(func(p *printer) { p.bare(e) }) }

func (e *Ident) String() string   { return e.text() }
func (e *Literal) String() string { return literalText(e.Val) }
func (e *Unary) String() string   { return exprText(e) }
func (e *Binary) String() string  { return exprText(e) }
func (e *Between) String() string { return exprText(e) }
func (e *Like) String() string    { return exprText(e) }
func (e *In) String() string      { return exprText(e) }
func (e *IsNull) String() string  { return exprText(e) }
func (e *Index) String() string   { return exprText(e) }
func (e *Slice) String() string   { return exprText(e) }
func (e *Deref) String() string   { return exprText(e) }
func (e *Case) String() string    { return exprText(e) }
func (e *Call) String() string    { return exprText(e) }
func (e *Star) String() string    { return exprText(e) }

// String is the statement in canonical form, not as it was written; for that
// see Text.
func (s *Select) String() string {
	return print1(func(p *printer) {
		p.put("SELECT ")
		if s.Distinct {
			p.put("DISTINCT ")
		}
		p.fields(s.Fields)
		p.put(" FROM ", s.From.String())
		for _, j := range s.Joins {
			p.put(" ", j.String())
		}
		p.clause(" WHERE ", s.Where)
		p.groupBy(s)
		p.clause(" HAVING ", s.Having)
		p.orderBy(s.Order)
		if s.Limit != nil {
			p.put(" LIMIT ", strconv.FormatInt(*s.Limit, 10))
		}
	})
}

func (p *printer) fields(fs []Field) {
	for i, f := range fs {
		if i > 0 {
			p.put(", ")
		}
		p.expr(f.X, 0)
		if f.Alias != "" {
			p.put(" AS ", QuoteName(f.Alias))
		}
		if f.Invisible {
			p.put(" INVISIBLE")
		}
	}
}

func (p *printer) clause(word string, e Expr) {
	if e != nil {
		p.put(word)
		p.expr(e, 0)
	}
}

func (p *printer) groupBy(s *Select) {
	if len(s.Dims) == 0 && s.Window == nil {
		return
	}
	p.put(" GROUP BY ")
	p.exprs(s.Dims)
	if s.Window != nil {
		if len(s.Dims) > 0 {
			p.put(", ")
		}
		p.window(s.Window)
	}
}

func (p *printer) orderBy(order []Sort) {
	for i, o := range order {
		if i == 0 {
			p.put(" ORDER BY ")
		} else {
			p.put(", ")
		}
		p.expr(o.X, 0)
		if o.Desc {
			p.put(" DESC")
		}
	}
}

// String is the source as in FROM.
func (s Source) String() string {
	if s.Alias == "" {
		return QuoteName(s.Name)
	}
	return QuoteName(s.Name) + " AS " + QuoteName(s.Alias)
}

// String is the whole clause.
func (j Join) String() string {
	return print1(func(p *printer) {
		p.put(string(j.Kind), " JOIN ", j.Source.String())
		p.clause(" ON ", j.On)
	})
}

// String is the window as in GROUP BY.
func (w *Window) String() string { return print1(func(p *printer) { p.window(w) }) }

func (p *printer) window(w *Window) {
	p.put(string(w.Kind), "(")
	if w.Kind == State {
		p.expr(w.Begin, 0)
		p.clause(", ", w.Emit)
	} else {
		if w.Unit != "" {
			p.put(w.Unit, ", ")
		}
		p.put(strconv.FormatInt(w.Size, 10))
		if w.HasSecond {
			p.put(", ", strconv.FormatInt(w.Second, 10))
		}
	}
	p.put(")")
	if w.Filter != nil {
		p.put(" FILTER (WHERE ")
		p.expr(w.Filter, 0)
		p.put(")")
	}
	if len(w.Partition) > 0 || w.When != nil {
		p.put(" ")
		p.over(w.Partition, w.When)
	}
}

// String is the statement in canonical form.
func (c *Create) String() string {
	return print1(func(p *printer) {
		p.put("CREATE ", c.object(), " ", QuoteName(c.Name), " (")
		p.cols(c.Cols)
		p.put(") WITH (")
		sep := ""
		for _, name := range OptionNames() {
			if v := *c.Options.Value(name); v != "" {
				p.put(sep, name, "=", strconv.Quote(v))
				sep = ", "
			}
		}
		p.put(")")
	})
}

func (c *Create) object() string { return objectWord(c.Table) }

func objectWord(table bool) string {
	if table {
		return "TABLE"
	}
	return "STREAM"
}

func (p *printer) cols(fs []value.Field) {
	for i, f := range fs {
		if i > 0 {
			p.put(", ")
		}
		p.put(QuoteName(f.Name), " ")
		p.typeName(f.Type)
	}
}

func (p *printer) typeName(t value.Type) {
	switch {
	case t.Kind == value.Array && t.Elem != nil:
		p.put("ARRAY(")
		p.typeName(*t.Elem)
		p.put(")")
	case t.Kind == value.Object:
		p.put("STRUCT(")
		p.cols(t.Fields)
		p.put(")")
	default:
		p.put(strings.ToUpper(t.String()))
	}
}

// String is the statement.
func (c *Command) String() string {
	if c.Verb == Show {
		return "SHOW " + objectWord(c.Table) + "S"
	}
	return string(c.Verb) + " " + objectWord(c.Table) + " " + QuoteName(c.Name)
}
