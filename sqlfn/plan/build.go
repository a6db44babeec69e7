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

// stage is where in the chain an expression is evaluated.
type stage int

const (
	raw     stage = iota // every event, before WHERE
	perRow               // behind WHERE, before the window; with joins behind these
	grouped              // behind the window and grouping
)

// builder holds what is known of the query while its names are resolved.
type builder struct {
	cfg     Config
	sel     *ast.Select
	inputs  []*Input
	aliases map[string]*alias
	stack   []*alias // aliases being resolved, for cycles
	used    map[string]bool

	derived []*Slot
	before  [2][]Assign // computed at raw and perRow
	after   []Assign    // computed at grouped
	aggs    []Agg
	hits    bool         // last_hit_count and the like are used
	dedup   int          // position of the field that is a dedup_trigger, -1: there is none
	stars   []*RowObject // filled in when all columns are known
}

// alias is a SELECT field with a name of its own.
type alias struct {
	name string
	x    ast.Expr
	ref  ast.Expr // what stands for it once it was resolved
}

// Build plans a query. Errors are *diag.Error with an offset in the statement.
func Build(sel *ast.Select, cfg Config) (*Plan, error) {
	b := &builder{cfg: cfg, sel: sel, aliases: map[string]*alias{}, used: map[string]bool{}, dedup: -1}
	p, err := b.build()
	return p, diag.InSQL(err, sel.Text)
}

func (b *builder) build() (*Plan, error) {
	if err := b.addInputs(); err != nil {
		return nil, err
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	if err := b.collectAliases(); err != nil {
		return nil, err
	}
	if b.cfg.Whole {
		for _, in := range b.inputs {
			b.everything(in)
		}
	}
	joins, err := b.joins()
	if err != nil {
		return nil, err
	}
	whereStage := raw
	if joins != nil {
		whereStage = perRow // it looks at joined rows
	}
	where, err := b.resolve(b.sel.Where, whereStage)
	if err != nil {
		return nil, err
	}
	win, err := b.window()
	if err != nil {
		return nil, err
	}
	dims, err := b.resolveAll(b.sel.Dims, perRow)
	if err != nil {
		return nil, err
	}
	project, err := b.project()
	if err != nil {
		return nil, err
	}
	having, err := b.resolve(b.sel.Having, grouped)
	if err != nil {
		return nil, err
	}
	order, err := b.order()
	if err != nil {
		return nil, err
	}
	p := &Plan{Inputs: b.inputs, Out: project.Out, RowByRow: b.hits}
	b.number(p)
	p.Nodes = b.chain(where, win, joins, dims, having, order, project)
	return p, nil
}

// chain puts the nodes in the order of sql.md section 7.
func (b *builder) chain(where ast.Expr, win *Window, joins *Join, dims []ast.Expr, having ast.Expr, order []ast.Sort, project *Project) []Node {
	var ns []Node
	add := func(cond bool, n Node) {
		if cond {
			ns = append(ns, n)
		}
	}
	place := b.place()
	late := win != nil && (place != noJoin || b.filtersContent(win))
	computed := len(b.before[perRow]) > 0
	add(len(b.before[raw]) > 0, &Compute{Cols: b.before[raw]})
	add(place == beforeWindow, joins)
	add(computed && place == beforeWindow, &Compute{Cols: b.before[perRow]})
	add(where != nil && !late, &Filter{X: where})
	add(computed && place == noJoin, &Compute{Cols: b.before[perRow]})
	add(win != nil, win)
	add(place == behindWindow, joins)
	add(computed && place == behindWindow, &Compute{Cols: b.before[perRow]})
	add(where != nil && late, &Filter{X: where, Content: true})
	add(len(b.aggs) > 0 || len(dims) > 0, &Group{Dims: dims, Aggs: b.aggs, PerRow: win == nil})
	add(len(b.after) > 0, &Compute{Cols: b.after})
	add(having != nil, &Filter{X: having, Having: true, Content: win != nil})
	collected := win != nil || joins != nil // rows come several at a time
	add(len(order) > 0 && collected, &Order{By: order})
	if b.sel.Limit != nil && collected {
		ns = append(ns, &Limit{N: *b.sel.Limit})
	}
	ns = append(ns, project)
	if b.dedup >= 0 {
		ns = append(ns, &Dedup{Column: len(project.Star) + b.dedup})
	}
	return ns
}

// filtersContent tells whether WHERE looks at the content of a window rather
// than at the events in front of it: windows that react to raw events, and
// event time.
func (b *builder) filtersContent(w *Window) bool {
	return b.cfg.EventTime || w.Kind == ast.Count || w.Kind == ast.Sliding
}

func (b *builder) addInputs() error {
	sources := []ast.Source{b.sel.From}
	for _, j := range b.sel.Joins {
		sources = append(sources, j.Source)
	}
	for _, src := range sources {
		s, err := b.cfg.Stream(src.Name)
		if err != nil {
			return err
		}
		in := &Input{Stream: s, Ref: src.Ref(), Want: &row.Schema{}}
		if slices.ContainsFunc(b.inputs, func(other *Input) bool { return other.Ref == in.Ref }) {
			return diag.At(diag.Plan, src.Pos, "stream %q is used twice", in.Ref).WithHint("give one of them an alias: " + in.Ref + " AS other")
		}
		b.inputs = append(b.inputs, in)
		if b.cfg.EventTime && !s.Table {
			if s.Timestamp == "" && s.Timed {
				continue
			}
			if s.Timestamp == "" {
				return diag.At(diag.Plan, src.Pos, "preprocessor is set to be event time but stream option TIMESTAMP not found").
					WithHint(fmt.Sprintf("declare stream %q WITH (TIMESTAMP=\"column\")", s.Name))
			}
			in.TS = b.columnOf(in, s.Timestamp, src.Pos)
		}
	}
	return nil
}

// input finds an input by its alias, else by the name of its stream.
func (b *builder) input(ref string) *Input {
	for _, in := range b.inputs {
		if in.Ref == ref {
			return in
		}
	}
	for _, in := range b.inputs {
		if in.Stream.Name == ref {
			return in
		}
	}
	return nil
}

// columnOf returns the slot of an input's column, which it adds if it is new.
func (b *builder) columnOf(in *Input, name string, pos int) *Slot {
	t := value.Type{}
	if i := b.declared(in, name); i >= 0 {
		name, t = in.Stream.Schema.Cols[i].Name, in.Stream.Schema.Cols[i].Type
	}
	for _, s := range in.cols {
		if s.Name == name {
			return s
		}
	}
	s := &Slot{Pos: ast.Pos(pos), Name: name, Type: t}
	if len(b.sel.Joins) > 0 {
		s.Ref = in.Ref
	}
	in.cols = append(in.cols, s)
	in.Want.Cols = append(in.Want.Cols, value.Field{Name: name, Type: t})
	return s
}

// declared returns the position of a declared column, -1 if there is none.
func (b *builder) declared(in *Input, name string) int {
	if i := in.Stream.Schema.Slot(name); i >= 0 || !b.cfg.IgnoreCase {
		return i
	}
	return slices.IndexFunc(in.Stream.Schema.Cols, func(f value.Field) bool { return strings.EqualFold(f.Name, name) })
}

// everything asks an input for all its columns.
func (b *builder) everything(in *Input) {
	in.Want.Open = in.Stream.Schema.Open
	for _, c := range in.Stream.Schema.Cols {
		b.columnOf(in, c.Name, 0)
	}
}

// derive makes a slot for a computed value.
func (b *builder) derive(name string, t value.Type) *Slot {
	s := &Slot{Name: name, Type: t}
	b.derived = append(b.derived, s)
	return s
}

// number gives every slot its index: the inputs' columns, then derived ones.
func (b *builder) number(p *Plan) {
	n := 0
	var columns []*Slot
	for _, in := range b.inputs {
		in.Base = n
		for _, s := range in.cols {
			s.Index = n
			n++
		}
		columns = append(columns, in.cols...)
	}
	for _, s := range b.derived {
		s.Index = n
		n++
	}
	p.Width = n
	for _, star := range b.stars {
		star.Slots = columns
	}
	for _, in := range b.inputs { // keys in another case than the query's are found in Rest
		in.FoldCase = b.cfg.IgnoreCase && in.Stream.Schema.Open
		in.Want.Open = in.Want.Open || in.FoldCase
	}
}

func (b *builder) collectAliases() error {
	for _, f := range b.sel.Fields {
		if f.Alias == "" {
			continue
		}
		if b.aliases[f.Alias] != nil {
			return diag.At(diag.Plan, f.X.Offset(), "duplicate alias %s", f.Alias)
		}
		b.aliases[f.Alias] = &alias{name: f.Alias, x: f.X}
	}
	mark := func(own string) func(ast.Expr) bool {
		return func(e ast.Expr) bool {
			if id, ok := e.(*ast.Ident); ok && id.Stream == "" && id.Name != own {
				b.used[id.Name] = true
			} else if ok {
				b.used[id.Stream] = true // alias.member
			}
			return true
		}
	}
	for _, f := range b.sel.Fields {
		ast.Walk(f.X, mark(f.Alias))
	}
	for _, e := range b.clauses() {
		ast.Walk(e, mark(""))
	}
	return nil
}

// clauses returns the expressions outside the SELECT list.
func (b *builder) clauses() []ast.Expr {
	es := append([]ast.Expr{b.sel.Where, b.sel.Having}, b.sel.Dims...)
	for _, s := range b.sel.Order {
		es = append(es, s.X)
	}
	if w := b.sel.Window; w != nil {
		es = append(append(es, w.Filter, w.When, w.Begin, w.Emit), w.Partition...)
	}
	for _, j := range b.sel.Joins {
		es = append(es, j.On)
	}
	return slices.DeleteFunc(es, func(e ast.Expr) bool { return e == nil })
}

func (b *builder) window() (*Window, error) {
	w := b.sel.Window
	if w == nil {
		return nil, nil
	}
	out := *w
	conds := append([]ast.Expr{w.Filter, w.When, w.Begin, w.Emit}, w.Partition...)
	st, place := raw, b.place()
	switch {
	case place == beforeWindow:
		st = perRow // it takes joined rows
	case place == behindWindow && b.readsTable(conds...):
		return nil, diag.At(diag.Plan, b.sel.Joins[0].Pos, "the conditions of this window cannot use columns of a table: tables are joined behind it")
	}
	var err error
	for _, x := range []*ast.Expr{&out.Filter, &out.When, &out.Begin, &out.Emit} {
		if *x, err = b.resolve(*x, st); err != nil {
			return nil, err
		}
	}
	if out.Partition, err = b.resolveAll(w.Partition, st); err != nil {
		return nil, err
	}
	return &Window{Window: &out, Sparse: place == beforeWindow}, nil
}

func (b *builder) order() ([]ast.Sort, error) {
	var by []ast.Sort
	for _, s := range b.sel.Order {
		x, err := b.resolve(s.X, grouped)
		if err != nil {
			return nil, err
		}
		by = append(by, ast.Sort{X: x, Desc: s.Desc})
	}
	return by, nil
}
