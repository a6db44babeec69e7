package plan

import "github.com/edgesluice/sluice/sqlfn/ast"

// Reads returns the slots that nodes read; all is set if they want whole rows:
// every column, or what a row has beside its columns.
func Reads(nodes []Node) (slots []*Slot, all bool) {
	seen := map[*Slot]bool{}
	add := func(s *Slot) {
		if !seen[s] {
			seen[s] = true
			slots = append(slots, s)
		}
	}
	for _, n := range nodes {
		for _, e := range expressions(n) {
			all = eachSlot(e, add) || all
		}
		p, ok := n.(*Project)
		if !ok {
			continue
		}
		all = all || p.Rest
		for _, star := range p.Star {
			for _, s := range star.Slots {
				add(s)
			}
		}
	}
	return slots, all
}

func expressions(n Node) (es []ast.Expr) {
	switch n := n.(type) {
	case *Compute:
		for _, c := range n.Cols {
			es = append(es, c.X)
		}
	case *Filter:
		es = append(es, n.X)
	case *Group:
		es = append(es, n.Dims...)
		for _, a := range n.Aggs {
			es = append(es, a.Args...)
		}
	case *Order:
		for _, s := range n.By {
			es = append(es, s.X)
		}
	case *Project:
		for _, f := range n.Fields {
			es = append(es, f.X)
		}
	}
	return es
}

// eachSlot calls f for the slots of a resolved expression; all is set if it
// wants whole rows.
func eachSlot(e ast.Expr, f func(*Slot)) (all bool) {
	if e == nil {
		return false
	}
	ast.Walk(e, func(e ast.Expr) bool {
		switch e := e.(type) {
		case *Slot:
			f(e)
		case *FirstOf:
			for _, s := range e.Slots {
				f(s)
			}
		case *RowObject:
			all = true
		case *Apply:
			for _, a := range e.Args {
				all = eachSlot(a, f) || all
			}
			if e.Over != nil {
				for _, p := range append(e.Over.Partition, e.Over.When) {
					all = eachSlot(p, f) || all
				}
			}
			return false
		}
		return true
	})
	return all
}

// Fixed tells whether expressions have the same value whenever they are
// evaluated for a row.
func Fixed(es ...ast.Expr) bool {
	fixed := true
	for _, e := range es {
		if e == nil {
			continue
		}
		ast.Walk(e, func(e ast.Expr) bool {
			a, ok := e.(*Apply)
			if ok {
				fixed = fixed && !a.Func.Volatile && !isWindowFunc(a.Func) && Fixed(a.Args...)
			}
			return !ok
		})
	}
	return fixed
}
