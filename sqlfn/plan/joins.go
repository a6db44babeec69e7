package plan

import (
	"slices"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// joinPlace is where in the chain the joins stand.
type joinPlace int

const (
	noJoin       joinPlace = iota
	beforeWindow           // each event is joined by itself with tables
	behindWindow           // the rows of a window are joined
)

// place chooses where the joins stand. An event is joined with tables in front
// of a tumbling or hopping window where the content is the same either way:
// the window then keeps aggregates rather than rows.
func (b *builder) place() joinPlace {
	switch w := b.sel.Window; {
	case len(b.sel.Joins) == 0:
		return noJoin
	case w == nil:
		return beforeWindow
	case w.Kind != ast.Tumbling && w.Kind != ast.Hopping || b.inputs[0].Stream.Table:
		return behindWindow
	}
	for i, j := range b.sel.Joins {
		right := b.inputs[i+1].Stream
		if !right.Table || !right.Lookup && (j.Kind == ast.RightJoin || j.Kind == ast.FullJoin) {
			return behindWindow
		}
	}
	return beforeWindow
}

// checkJoins refuses joins that cannot be done.
func (b *builder) checkJoins() error {
	sel, streams := b.sel, 0
	for i, in := range b.inputs {
		if !in.Stream.Table {
			streams++
		}
		if in.Stream.Lookup && i == 0 {
			return diag.At(diag.Plan, sel.From.Pos, "lookup table %s cannot be the left side of a join", sel.From.Name).
				WithHint("write the stream first: FROM stream INNER JOIN " + sel.From.Name + " ON ..")
		}
	}
	switch {
	case streams == 0 && len(sel.Joins) == 0:
		return diag.At(diag.Plan, sel.From.Pos, "table %s cannot be read alone", sel.From.Name).WithHint("join it with a stream")
	case streams == 0:
		return diag.At(diag.Plan, sel.From.Pos, "tables cannot be joined without a stream").WithHint("write the stream that the rows of the tables are for")
	case streams > 1 && sel.Window == nil:
		return diag.At(diag.Plan, sel.Joins[0].Pos, "a time window or count window is required to join multiple streams").
			WithHint("add a window: GROUP BY TUMBLINGWINDOW(ss, 10)")
	}
	return nil
}

// joins resolves the ON conditions.
func (b *builder) joins() (*Join, error) {
	if len(b.sel.Joins) == 0 {
		return nil, nil
	}
	j := &Join{Each: b.place() == beforeWindow}
	for i, src := range b.sel.Joins {
		on, err := b.resolve(src.On, raw)
		if err != nil {
			return nil, err
		}
		step := JoinOn{Kind: src.Kind, Right: i + 1, On: on}
		if b.inputs[i+1].Stream.Lookup {
			err = b.lookup(&step, src)
		} else {
			step.Equal = b.firstEquality(on, i+1)
		}
		if err != nil {
			return nil, err
		}
		j.Joins = append(j.Joins, step)
	}
	return j, nil
}

// lookup splits the condition of a lookup into the keys that are asked for and
// the rest, which filters what comes back.
func (b *builder) lookup(step *JoinOn, src ast.Join) error {
	in := b.inputs[step.Right]
	look := &Lookup{Table: in.Stream.Name}
	var rest ast.Expr
	for _, x := range conjuncts(step.On) {
		if col, val := b.keyOf(x, step.Right); col != nil {
			look.Keys = append(look.Keys, col)
			look.Values = append(look.Values, val)
		} else if rest == nil {
			rest = x
		} else {
			rest = &ast.Binary{Op: "AND", L: rest, R: x}
		}
	}
	if len(look.Keys) == 0 {
		text := string(step.Kind)
		if src.On != nil {
			text = src.On.String()
		}
		return diag.At(diag.Plan, src.Pos, "join condition %s is invalid, at least one equi-join predicate is required", text).
			WithHint("compare a column of " + in.Ref + " with one of the stream: ON stream.id = " + in.Ref + ".id")
	}
	step.Lookup, step.On = look, rest
	if step.Kind != ast.LeftJoin { // there is nothing but the matches to tell of a table that is asked by key
		step.Kind = ast.InnerJoin
	}
	return nil
}

// keyOf recognises lookup.column = expression without the lookup's columns.
func (b *builder) keyOf(e ast.Expr, right int) (*Slot, ast.Expr) {
	eq, ok := e.(*ast.Binary)
	if !ok || eq.Op != "=" {
		return nil, nil
	}
	if col, ok := eq.R.(*Slot); ok && b.owns(right, col) && !b.reads(eq.L, right) {
		return col, eq.L
	}
	if col, ok := eq.L.(*Slot); ok && b.owns(right, col) && !b.reads(eq.R, right) {
		return col, eq.R
	}
	return nil, nil
}

// firstEquality finds left = right in a condition, where the sides depend on
// the rows to the left of the join and on input right alone: rows are matched
// by it rather than each with each.
func (b *builder) firstEquality(on ast.Expr, right int) *Equality {
	for _, e := range conjuncts(on) {
		eq, ok := e.(*ast.Binary)
		if !ok || eq.Op != "=" {
			continue
		}
		switch {
		case b.readsOnly(eq.L, 0, right) && b.readsOnly(eq.R, right, right+1):
			return &Equality{Left: eq.L, Right: eq.R}
		case b.readsOnly(eq.R, 0, right) && b.readsOnly(eq.L, right, right+1):
			return &Equality{Left: eq.R, Right: eq.L}
		}
	}
	return nil
}

// conjuncts splits a condition at its ANDs.
func conjuncts(e ast.Expr) []ast.Expr {
	if e == nil {
		return nil
	}
	if and, ok := e.(*ast.Binary); ok && and.Op == "AND" {
		return append(conjuncts(and.L), conjuncts(and.R)...)
	}
	return []ast.Expr{e}
}

func (b *builder) owns(input int, s *Slot) bool { return slices.Contains(b.inputs[input].cols, s) }

// reads tells whether an expression depends on an input.
func (b *builder) reads(e ast.Expr, input int) bool {
	found := false
	all := eachSlot(e, func(s *Slot) { found = found || b.owns(input, s) })
	return found || all
}

// readsOnly tells whether an expression depends on columns of inputs from..to-1
// and on nothing else.
func (b *builder) readsOnly(e ast.Expr, from, to int) bool {
	found, only := false, true
	all := eachSlot(e, func(s *Slot) {
		found = true
		only = only && slices.ContainsFunc(b.inputs[from:to], func(in *Input) bool { return slices.Contains(in.cols, s) })
	})
	return found && only && !all
}

// readsTable tells whether an expression that is not resolved yet names a
// column of a table; its value is known behind the join only.
func (b *builder) readsTable(es ...ast.Expr) bool {
	found := false
	for _, e := range es {
		if e == nil {
			continue
		}
		ast.Walk(e, func(e ast.Expr) bool {
			id, ok := e.(*ast.Ident)
			if !ok {
				return true
			}
			for _, in := range b.inputs {
				found = found || in.Stream.Table && (id.Stream == in.Ref || id.Stream == in.Stream.Name || id.Stream == "" && b.declared(in, id.Name) >= 0)
			}
			if al := b.aliases[id.Name]; al != nil && id.Stream == "" && !b.isOwn(al) && !slices.Contains(b.stack, al) {
				b.stack = append(b.stack, al)
				found = found || b.readsTable(al.x)
				b.stack = b.stack[:len(b.stack)-1]
			}
			return true
		})
	}
	return found
}

func (b *builder) analyticReadsTable(e *ast.Call, args []ast.Expr) bool {
	if e.Over != nil {
		args = append(append(slices.Clone(args), e.Over.When), e.Over.Partition...)
	}
	return b.readsTable(args...)
}
