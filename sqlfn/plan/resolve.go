package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// resolve replaces names by slots and calls by resolved calls; nil stays nil.
func (b *builder) resolve(e ast.Expr, st stage) (ast.Expr, error) {
	if e == nil {
		return nil, nil
	}
	return ast.Rewrite(e, func(e ast.Expr) (ast.Expr, error) {
		switch e := e.(type) {
		case *ast.Ident:
			return b.ident(e, st)
		case *ast.Call:
			return b.call(e, st)
		case *ast.Star:
			return nil, diag.At(diag.Plan, e.Offset(), "* cannot be used here")
		}
		return nil, nil
	})
}

func (b *builder) resolveAll(es []ast.Expr, st stage) ([]ast.Expr, error) {
	var out []ast.Expr
	for _, e := range es {
		x, err := b.resolve(e, st)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (b *builder) ident(id *ast.Ident, st stage) (ast.Expr, error) {
	if id.Stream != "" {
		if in := b.input(id.Stream); in != nil {
			return b.qualified(in, id)
		}
		x, err := b.ident(&ast.Ident{Pos: id.Pos, Name: id.Stream}, st)
		if err != nil {
			return nil, err
		}
		return &ast.Deref{Pos: id.Pos, X: x, Name: id.Name}, nil
	}
	al := b.aliases[id.Name]
	if al == nil || b.isOwn(al) {
		return b.column(id)
	}
	if st < grouped && b.isLate(al.x) { // in front of the window the name is the column
		x, err := b.column(id)
		if err != nil {
			err = diag.At(diag.Plan, id.Offset(), "alias %s is computed from the window and cannot be used here", al.name)
		}
		return x, err
	}
	return b.aliasRef(al, st, id)
}

func (b *builder) qualified(in *Input, id *ast.Ident) (ast.Expr, error) {
	if !in.Stream.Schema.Open && b.declared(in, id.Name) < 0 {
		return nil, diag.At(diag.Plan, id.Offset(), "field %s not found in stream %s", id.Name, in.Ref).
			WithHint(diag.DidYouMean(id.Name, in.Stream.Schema.Names()))
	}
	return b.columnOf(in, id.Name, id.Offset()), nil
}

// column finds an unqualified column: the one stream that declares it, else
// the schemaless streams.
func (b *builder) column(id *ast.Ident) (ast.Expr, error) {
	var owners, open []*Input
	var names []string
	for _, in := range b.inputs {
		switch {
		case b.declared(in, id.Name) >= 0:
			owners = append(owners, in)
		case in.Stream.Schema.Open:
			open = append(open, in)
		}
		names = append(names, in.Stream.Schema.Names()...)
	}
	switch {
	case len(owners) > 1:
		return nil, diag.At(diag.Plan, id.Offset(), "ambiguous field %s", id.Name).
			WithHint(fmt.Sprintf("write %s.%s or %s.%s", owners[0].Ref, id.Name, owners[1].Ref, id.Name))
	case len(owners) == 1:
		return b.columnOf(owners[0], id.Name, id.Offset()), nil
	case len(open) == 1:
		return b.columnOf(open[0], id.Name, id.Offset()), nil
	case len(open) == 0:
		for n := range b.aliases {
			names = append(names, n)
		}
		return nil, diag.At(diag.Plan, id.Offset(), "unknown field %s", id.Name).WithHint(diag.DidYouMean(id.Name, names))
	}
	f := &FirstOf{Pos: id.Pos}
	for _, in := range open {
		f.Slots = append(f.Slots, b.columnOf(in, id.Name, id.Offset()))
	}
	return f, nil
}

// isOwn tells whether the alias's own expression is being resolved: there its
// name means the column.
func (b *builder) isOwn(al *alias) bool {
	return len(b.stack) > 0 && b.stack[len(b.stack)-1] == al
}

// aliasRef stands for an alias used outside its own field: its value is
// computed once into a slot, unless it only renames a column.
func (b *builder) aliasRef(al *alias, st stage, at ast.Expr) (ast.Expr, error) {
	if al.ref != nil {
		return al.ref, nil
	}
	for _, open := range b.stack {
		if open == al {
			return nil, diag.At(diag.Plan, at.Offset(), "select fields have cycled alias")
		}
	}
	if !b.isLate(al.x) {
		st = min(st, perRow)
	}
	x, err := b.inAlias(al, st)
	if err != nil {
		return nil, err
	}
	if s, ok := x.(*Slot); ok {
		al.ref = s
		return s, nil
	}
	s := b.derive(al.name, typeOf(x))
	b.assign(st, Assign{s, x})
	al.ref = s
	return s, nil
}

func (b *builder) inAlias(al *alias, st stage) (ast.Expr, error) {
	b.stack = append(b.stack, al)
	defer func() { b.stack = b.stack[:len(b.stack)-1] }()
	return b.resolve(al.x, st)
}

func (b *builder) assign(st stage, a Assign) {
	if st == grouped {
		b.after = append(b.after, a)
	} else {
		b.before[st] = append(b.before[st], a)
	}
}

// isLate tells whether an expression needs the window or its groups.
func (b *builder) isLate(e ast.Expr) bool { return b.late(e, map[string]bool{}) }

func (b *builder) late(e ast.Expr, seen map[string]bool) bool {
	late := false
	ast.Walk(e, func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.Call:
			f := b.cfg.Functions.Lookup(e.Name)
			late = late || f != nil && (f.IsAggregate() || isWindowFunc(f))
		case *ast.Ident:
			if al := b.aliases[e.Name]; al != nil && e.Stream == "" && !b.isOwn(al) && !seen[e.Name] {
				seen[e.Name] = true
				late = late || b.late(al.x, seen)
			}
		}
		return !late
	})
	return late
}

func isWindowFunc(f *fn.Func) bool {
	switch f.Name {
	case "window_start", "window_end", "window_trigger", "row_number":
		return true
	}
	return false
}

func (b *builder) call(e *ast.Call, st stage) (ast.Expr, error) {
	f := b.cfg.Functions.Lookup(e.Name)
	if f == nil {
		return nil, b.cfg.Functions.Unknown(e.Name, e.Offset())
	}
	if e.Over != nil && !f.IsAnalytic() && f.Name != "row_number" {
		return nil, diag.At(diag.Plan, e.Offset(), "Found OVER after non analytic function %s.", strings.ToLower(e.Name))
	}
	args, keyword := keywordArgs(f, e.Args, b)
	if keyword {
		b.wantMeta()
	}
	if err := b.checkCall(f, e, args); err != nil {
		return nil, err
	}
	b.hits = b.hits || strings.HasPrefix(f.Name, "last_hit")
	switch {
	case f.Name == "row_number" && st < grouped:
		return nil, diag.At(diag.Plan, e.Offset(), "function row_number can only be used inside the select clause")
	case f.IsAggregate():
		return b.aggregate(f, e, args, st)
	case f.Columns != nil:
		return nil, diag.At(diag.Plan, e.Offset(), "function %s can only be used inside the select clause", f.Name)
	case f.Name == dedupTrigger:
		return nil, diag.At(diag.Plan, e.Offset(), "function %s can only be used inside the select clause", f.Name)
	case f.Rows != nil:
		return nil, diag.At(diag.Plan, e.Offset(), "select statement shouldn't has srf except fields.")
	case f.IsAnalytic():
		return b.analytic(f, e, args)
	}
	resolved, err := b.args(f, args, st)
	if err != nil {
		return nil, err
	}
	return &Apply{Pos: e.Pos, Func: f, Args: resolved, Over: e.Over, Text: e.String()}, nil
}

// checkCall checks the number of arguments and the types of literals.
func (b *builder) checkCall(f *fn.Func, e *ast.Call, args []ast.Expr) error {
	lits, is := make([]value.Value, len(args)), make([]bool, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case *ast.Literal:
			lits[i], is[i] = a.Val, true
		case *ast.Unary:
			if l, ok := a.X.(*ast.Literal); ok && a.Op == "-" && l.Val.IsNumber() {
				lits[i], is[i] = negate(l.Val), true
			}
		case *ast.Star:
			if !f.StarArg && f.Columns == nil {
				return diag.At(diag.Plan, a.Offset(), "function %s does not take *", f.Name)
			}
		}
	}
	if err := f.CheckCall(lits, is); err != nil {
		return diag.At(diag.Plan, e.Offset(), "validate function %s error: %v", f.Name, err)
	}
	return nil
}

func negate(v value.Value) value.Value {
	if v.Kind() == value.Int {
		return value.OfInt(-v.Int())
	}
	return value.OfFloat(-v.Float())
}

// args resolves arguments; a star becomes the row as an object.
func (b *builder) args(f *fn.Func, args []ast.Expr, st stage) ([]ast.Expr, error) {
	var out []ast.Expr
	for _, a := range args {
		if star, ok := a.(*ast.Star); ok {
			if f.StarMark {
				out = append(out, &ast.Literal{Pos: star.Pos, Val: value.True})
				continue
			}
			out = append(out, b.rowObject(star.Pos))
			continue
		}
		x, err := b.resolve(a, st)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	if f.RowArg {
		out = append(out, b.rowObject(0))
	}
	return out, nil
}

func (b *builder) rowObject(pos ast.Pos) *RowObject {
	for _, in := range b.inputs {
		b.everything(in)
	}
	o := &RowObject{Pos: pos}
	b.stars = append(b.stars, o)
	return o
}

// aggregate gives an aggregate call a slot that Group fills; equal calls share
// it.
func (b *builder) aggregate(f *fn.Func, e *ast.Call, args []ast.Expr, st stage) (ast.Expr, error) {
	if st < grouped {
		return nil, diag.At(diag.Plan, e.Offset(), "aggregate function %s is not allowed here", f.Name).
			WithHint("use it in SELECT or HAVING")
	}
	for _, a := range args {
		if b.isLate(b.withoutShadows(a)) {
			return nil, diag.At(diag.Plan, e.Offset(), "invalid argument for func %s: aggregate argument is not allowed", f.Name)
		}
	}
	text := e.String()
	for _, a := range b.aggs {
		if a.Text == text {
			return a.Slot, nil
		}
	}
	resolved, err := b.args(f, args, perRow)
	if err != nil {
		return nil, err
	}
	s := b.derive(text, f.Result())
	b.aggs = append(b.aggs, Agg{Slot: s, Func: f, Distinct: e.Distinct, Args: resolved, Text: text})
	return s, nil
}

// withoutShadows leaves the names out of an argument that are those of columns
// and of their aggregates too: in HAVING avg(t) > 1 of SELECT avg(t) AS t, the
// inner t can only be the column.
func (b *builder) withoutShadows(arg ast.Expr) ast.Expr {
	id, ok := arg.(*ast.Ident)
	if !ok || id.Stream != "" || b.aliases[id.Name] == nil {
		return arg
	}
	shadows := false
	ast.Walk(b.aliases[id.Name].x, func(e ast.Expr) bool {
		inner, ok := e.(*ast.Ident)
		shadows = shadows || ok && inner.Name == id.Name
		return true
	})
	if shadows {
		return &ast.Literal{Pos: id.Pos}
	}
	return arg
}

// analytic gives an analytic call a slot; it sees every event, or every result
// row of a window if its arguments are aggregates.
func (b *builder) analytic(f *fn.Func, e *ast.Call, args []ast.Expr) (ast.Expr, error) {
	st := raw
	if f.Name == "row_number" || slices.ContainsFunc(args, b.isLate) {
		st = grouped
	}
	if st == raw && b.analyticReadsTable(e, args) {
		if st = perRow; b.place() == behindWindow {
			return nil, diag.At(diag.Plan, e.Offset(), "function %s cannot use columns of a table that is joined behind the window", f.Name)
		}
	}
	if strings.HasPrefix(f.Name, "last_hit") && len(b.aggregateCalls()) > 0 {
		return nil, diag.At(diag.Plan, e.Offset(), "function %s is not allowed in an aggregate query", f.Name)
	}
	x, err := b.analyticApply(f, e, args, st)
	if err != nil {
		return nil, err
	}
	s := b.derive(x.Text, f.Result())
	b.assign(st, Assign{s, x})
	return s, nil
}

func (b *builder) analyticApply(f *fn.Func, e *ast.Call, args []ast.Expr, st stage) (*Apply, error) {
	x := &Apply{Pos: e.Pos, Func: f, Text: e.String()}
	var err error
	if x.Args, err = b.args(f, args, st); err != nil {
		return nil, err
	}
	for _, a := range args {
		x.Names = append(x.Names, columnName(a))
	}
	if e.Over != nil {
		x.Over = &ast.Over{}
		if x.Over.Partition, err = b.resolveAll(e.Over.Partition, st); err != nil {
			return nil, err
		}
		if x.Over.When, err = b.resolve(e.Over.When, st); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// columnName is how a multi-column function names what it got.
func columnName(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return e.String()
}

// keywordArgs turns the bare words of meta(topic), meta(*), meta(a->b) and
// mqtt(topic) into texts.
func keywordArgs(f *fn.Func, args []ast.Expr, b *builder) ([]ast.Expr, bool) {
	if f.Name != "meta" && f.Name != "mqtt" || len(args) != 1 {
		return args, false
	}
	text := ""
	switch a := args[0].(type) {
	case *ast.Ident:
		text = a.Name
		if a.Stream != "" && b.input(a.Stream) == nil {
			text = a.Stream + "->" + a.Name
		}
	case *ast.Deref:
		text = strings.ReplaceAll(a.X.String(), "`", "") + "->" + a.Name
	case *ast.Star:
		text = "*"
	default:
		return args, true
	}
	return []ast.Expr{&ast.Literal{Pos: ast.Pos(args[0].Offset()), Val: value.OfString(text)}}, true
}

// wantMeta asks the inputs for metadata.
func (b *builder) wantMeta() {
	for _, in := range b.inputs {
		in.Meta = true
	}
}

// typeOf is the type of a resolved expression as far as it is known.
func typeOf(e ast.Expr) value.Type {
	switch e := e.(type) {
	case *Slot:
		return e.Type
	case *Apply:
		return e.Func.Result()
	case *ast.Literal:
		return value.Type{Kind: e.Val.Kind()}
	case *ast.Between, *ast.Like, *ast.In, *ast.IsNull:
		return value.Type{Kind: value.Bool}
	case *ast.Binary:
		return binaryType(e)
	}
	return value.Type{}
}

func binaryType(e *ast.Binary) value.Type {
	switch e.Op {
	case "+", "-", "*", "/", "%":
		l, r := typeOf(e.L).Kind, typeOf(e.R).Kind
		switch {
		case l == value.Float || r == value.Float:
			return value.Type{Kind: value.Float}
		case l == value.Int && r == value.Int:
			return value.Type{Kind: value.Int}
		}
		return value.Type{}
	case "&", "|", "^":
		return typeOf(e.L)
	}
	return value.Type{Kind: value.Bool}
}
