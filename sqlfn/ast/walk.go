package ast

// Rewrite returns a copy of e in which f has replaced nodes, top down: where f
// returns a node, that one stands and its children are left alone; where it
// returns nil, the node is kept and its children are rewritten.
func Rewrite(e Expr, f func(Expr) (Expr, error)) (Expr, error) {
	if e == nil {
		return nil, nil
	}
	if r, err := f(e); r != nil || err != nil {
		return r, err
	}
	w := rewriter{f: f}
	out := w.node(e)
	return out, w.err
}

// rewriter keeps the first error, so that node reads as plain construction.
type rewriter struct {
	f   func(Expr) (Expr, error)
	err error
}

func (w *rewriter) one(e Expr) Expr {
	if e == nil || w.err != nil {
		return e
	}
	r, err := Rewrite(e, w.f)
	if err != nil {
		w.err = err
		return e
	}
	return r
}

func (w *rewriter) list(es []Expr) []Expr {
	if es == nil {
		return nil
	}
	out := make([]Expr, len(es))
	for i, e := range es {
		out[i] = w.one(e)
	}
	return out
}

func (w *rewriter) node(e Expr) Expr {
	switch e := e.(type) {
	case *Unary:
		return &Unary{e.Pos, e.Op, w.one(e.X)}
	case *Binary:
		return &Binary{e.Pos, e.OpPos, e.Op, w.one(e.L), w.one(e.R)}
	case *Between:
		return &Between{e.Pos, w.one(e.X), w.one(e.Lo), w.one(e.Hi), e.Not}
	case *Like:
		return &Like{e.Pos, w.one(e.X), w.one(e.Pattern), e.Not}
	case *In:
		return &In{e.Pos, w.one(e.X), w.list(e.List), w.one(e.Array), e.Not}
	case *IsNull:
		return &IsNull{e.Pos, w.one(e.X), e.Not}
	case *Index:
		return &Index{e.Pos, w.one(e.X), w.one(e.I)}
	case *Slice:
		return &Slice{e.Pos, w.one(e.X), w.one(e.Lo), w.one(e.Hi)}
	case *Deref:
		return &Deref{e.Pos, w.one(e.X), e.Name, e.Arrow}
	case *Case:
		c := &Case{Pos: e.Pos, Operand: w.one(e.Operand), Else: w.one(e.Else)}
		for _, n := range e.Whens {
			c.Whens = append(c.Whens, When{w.one(n.Cond), w.one(n.Then)})
		}
		return c
	case *Call:
		c := &Call{Pos: e.Pos, Name: e.Name, Distinct: e.Distinct, Args: w.list(e.Args)}
		if e.Over != nil {
			c.Over = &Over{Partition: w.list(e.Over.Partition), When: w.one(e.Over.When)}
		}
		return c
	}
	return e // leaves
}

// Walk calls f for e and everything below it, top down; where f returns false
// the children are skipped.
func Walk(e Expr, f func(Expr) bool) {
	Rewrite(e, func(x Expr) (Expr, error) {
		if !f(x) {
			return x, nil
		}
		return nil, nil
	})
}
