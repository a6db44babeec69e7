package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// MetaColumn is what sendMetaToSink adds to every result.
const MetaColumn = "__meta"

// starField is a * or s.* of the SELECT list.
type starField struct {
	inputs []*Input
	except []string
}

// project resolves the SELECT list.
func (b *builder) project() (*Project, error) {
	p := &Project{Rows: -1, Distinct: b.sel.Distinct}
	var stars []starField
	unnamed := 0
	for _, f := range b.sel.Fields {
		if star, ok := f.X.(*ast.Star); ok {
			s, err := b.starOf(star, p)
			if err != nil {
				return nil, err
			}
			stars = append(stars, s)
			continue
		}
		if err := b.field(p, f, &unnamed); err != nil {
			return nil, err
		}
	}
	if b.cfg.SendMeta {
		b.wantMeta()
		meta := b.cfg.Functions.Lookup("meta")
		p.Fields = append(p.Fields, OutField{Name: MetaColumn, X: &Apply{Func: meta,
			Args: []ast.Expr{&ast.Literal{Val: value.OfString("*")}}, Text: "meta(*)"}})
	}
	for _, s := range stars {
		b.expand(p, s)
	}
	p.Out = &row.Schema{Open: p.Rest}
	for _, s := range p.Star {
		p.Out.Cols = append(p.Out.Cols, value.Field{Name: s.Slots[0].Name, Type: s.Slots[0].Type})
	}
	for _, f := range p.Fields {
		p.Out.Cols = append(p.Out.Cols, value.Field{Name: f.Name, Type: typeOf(f.X)})
	}
	if p.Rows >= 0 {
		p.Rows += len(p.Star)
	}
	for i := range p.Spread {
		p.Spread[i] += len(p.Star)
	}
	p.Out.Open = p.Out.Open || p.Rows >= 0 || len(p.Spread) > 0
	return p, nil
}

// field resolves one item of the SELECT list that is no star.
func (b *builder) field(p *Project, f ast.Field, unnamed *int) error {
	name, bare := fieldName(f, unnamed, b)
	x, err := b.fieldExpr(p, f)
	if err != nil || f.Invisible {
		return err
	}
	same := slices.IndexFunc(p.Fields, func(o OutField) bool { return o.Name == name })
	if same >= 0 {
		if _, call := f.X.(*ast.Call); !call || f.Alias != "" {
			return diag.At(diag.Plan, f.X.Offset(), "duplicate field definition %s", name).WithHint("give one of them an alias")
		}
		p.Fields[same].X = x // the last of equal calls wins
		return nil
	}
	p.Fields = append(p.Fields, OutField{Name: name, X: x, Bare: bare || b.isAggregate(x), Named: bare || f.Alias != ""})
	return nil
}

// isAggregate tells whether a field is just an aggregate, whose explicit null
// (collect of nothing) is shown.
func (b *builder) isAggregate(x ast.Expr) bool {
	return slices.ContainsFunc(b.aggs, func(a Agg) bool { return ast.Expr(a.Slot) == x })
}

func (b *builder) fieldExpr(p *Project, f ast.Field) (ast.Expr, error) {
	if call, ok := f.X.(*ast.Call); ok {
		if fun := b.cfg.Functions.Lookup(call.Name); fun != nil && (fun.Columns != nil || fun.Rows != nil) {
			return b.specialField(p, f, call)
		}
		if strings.EqualFold(call.Name, dedupTrigger) {
			return b.dedupField(p, call)
		}
	}
	al := b.aliases[f.Alias]
	switch {
	case f.Alias == "":
		return b.resolve(f.X, grouped)
	case b.used[f.Alias]:
		return b.aliasRef(al, grouped, f.X)
	}
	return b.inAlias(al, grouped)
}

const dedupTrigger = "dedup_trigger"

// dedupField resolves dedup_trigger, which stands only directly in the SELECT
// list, once: a Dedup behind the projection does its work.
func (b *builder) dedupField(p *Project, call *ast.Call) (ast.Expr, error) {
	if b.dedup >= 0 {
		return nil, diag.At(diag.Plan, call.Offset(), "%s can be used once only", dedupTrigger)
	}
	fun := b.cfg.Functions.Lookup(call.Name)
	if err := b.checkCall(fun, call, call.Args); err != nil {
		return nil, err
	}
	b.dedup = len(p.Fields)
	args, err := b.args(fun, call.Args, grouped)
	return &Apply{Pos: call.Pos, Func: fun, Args: args, Text: call.String()}, err
}

// specialField resolves multi-column and multi-row functions, which stand only
// directly in the SELECT list.
func (b *builder) specialField(p *Project, f ast.Field, call *ast.Call) (ast.Expr, error) {
	fun := b.cfg.Functions.Lookup(call.Name)
	if err := b.checkCall(fun, call, call.Args); err != nil {
		return nil, err
	}
	if fun.Rows != nil {
		if p.Rows >= 0 {
			return nil, diag.At(diag.Plan, call.Offset(), "select clause shouldn't has multi set-returning-functions.")
		}
		p.Rows = len(p.Fields)
		args, err := b.args(fun, call.Args, grouped)
		return &Apply{Pos: call.Pos, Func: fun, Args: args, Text: call.String()}, err
	}
	p.Spread = append(p.Spread, len(p.Fields))
	x, err := b.analyticApply(fun, call, call.Args, raw)
	if err != nil {
		return nil, err
	}
	s := b.derive(x.Text, value.Type{Kind: value.Object})
	b.assign(raw, Assign{s, x})
	return s, nil
}

// fieldName is the name of a result column; bare is true for a column without
// an alias.
func fieldName(f ast.Field, unnamed *int, b *builder) (name string, bare bool) {
	if f.Alias != "" {
		return f.Alias, false
	}
	switch x := f.X.(type) {
	case *ast.Ident:
		return x.Name, x.Stream == "" || b.input(x.Stream) != nil
	case *ast.Call:
		if fun := b.cfg.Functions.Lookup(x.Name); fun != nil && fun.Exact {
			return x.Name, false
		}
		return strings.ToLower(x.Name), false
	}
	name = fmt.Sprintf("kuiper_field_%d", *unnamed)
	*unnamed++
	return name, false
}

// starOf notes what a star emits; its columns are listed when all fields are
// known.
func (b *builder) starOf(star *ast.Star, p *Project) (starField, error) {
	s := starField{inputs: b.inputs, except: star.Except}
	if star.Stream != "" {
		in := b.input(star.Stream)
		if in == nil {
			return s, diag.At(diag.Plan, star.Offset(), "stream %s not found", star.Stream)
		}
		s.inputs = []*Input{in}
	}
	for _, f := range star.Replace {
		x, err := b.resolve(f.X, grouped)
		if err != nil {
			return s, err
		}
		p.Fields = append(p.Fields, OutField{Name: f.Alias, X: x, Named: true})
	}
	for _, in := range s.inputs {
		b.everything(in)
		p.Rest = p.Rest || in.Want.Open
	}
	return s, nil
}

// expand adds the columns of a star: all columns of its inputs but those that
// a field of the same name overrides; of equal names the leftmost stream that
// has a value wins. On
// a schemaless stream the overridden and excepted names become columns of the
// input, so that they do not ride along in Rest.
func (b *builder) expand(p *Project, s starField) {
	skip := slices.Clone(s.except)
	for _, f := range p.Fields {
		skip = append(skip, f.Name)
	}
	names := slices.Clone(skip)
	for _, in := range b.inputs { // a column of one stream must not hide a key of a stream to its left
		names = append(names, in.Want.Names()...)
	}
	for _, in := range s.inputs {
		if in.Want.Open {
			for _, name := range names {
				b.columnOf(in, name, 0)
			}
		}
	}
	for _, in := range s.inputs {
		for _, c := range in.cols {
			if slices.Contains(skip, c.Name) {
				continue
			}
			i := slices.IndexFunc(p.Star, func(f *FirstOf) bool { return f.Slots[0].Name == c.Name })
			if i < 0 {
				p.Star = append(p.Star, &FirstOf{Slots: []*Slot{c}})
			} else if !slices.Contains(p.Star[i].Slots, c) {
				p.Star[i].Slots = append(p.Star[i].Slots, c)
			}
		}
	}
}
