package builtin

import (
	"errors"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func changes() []*fn.Func {
	const a = `[{"a":1},{"a":1},{"a":null},{},{"a":2}]`
	return []*fn.Func{
		{Name: "changed_col", Sig: "(ignoreNull bool, x any) -> any", Mark: 'A',
			Doc: param.T("x if it differs from the event before, else NULL; with TRUE a NULL is no change.",
				"x 与前一事件不同时返回 x，否则为 NULL；ignoreNull 为 TRUE 时空值不算变化。"),
			Examples:    []fn.Example{on(a, "changed_col(true, a)", "2"), on(`[{"a":1},{"a":1}]`, "changed_col(true, a)", "null")},
			NewAnalytic: func() fn.Analytic { return new(changedCol) }},
		{Name: "had_changed", Sig: "(ignoreNull bool, x any, rest any...) -> bool", Mark: 'A', StarArg: true,
			Doc: param.T("Whether any of the columns differs from the event before; with TRUE a NULL is no change.",
				"任一列与前一事件不同则为 true；ignoreNull 为 TRUE 时空值不算变化。"),
			Examples: []fn.Example{on(a, "had_changed(true, a)", "true"), on(`[{"a":1},{"a":null}]`, "had_changed(true, a)", "false"),
				on(`[{"a":1},{"a":null}]`, "had_changed(false, a)", "true")},
			NewAnalytic: func() fn.Analytic { return new(hadChanged) }},
	}
}

func columnChanges() []*fn.Func {
	const ab = `[{"a":1,"b":1},{"a":1,"b":2},{"a":null,"b":3}]`
	return []*fn.Func{
		{Name: "changed_cols", Sig: "(prefix string, ignoreNull bool, x any, rest any...) -> object", Mark: 'B', StarArg: true,
			Doc: param.T("One column for each that differs from the event before, its name behind the prefix; * takes all columns.",
				"每个发生变化的列输出一列，列名加前缀；* 表示所有列。"),
			Examples: []fn.Example{on(ab, `changed_cols("p_", true, a, b)`, `{"p_b":3}`), on(ab, `changed_cols("p_", false, a, b)`, `{"p_a":null,"p_b":3}`),
				on(ab, `changed_cols("", true, *)`, `{"b":3}`)},
			Columns: func(names []string) fn.Analytic { return &changedCols{names: names} }},
	}
}

// cell remembers one value and tells changes of it.
type cell struct {
	last value.Value
	seen bool
}

// change tells whether v differs from the value before; the first one does.
func (c *cell) change(v value.Value, ignoreNull bool) bool {
	if v.IsNull() && ignoreNull || c.seen && value.Equal(c.last, v) {
		return false
	}
	c.last, c.seen = v.Clone(), true
	return true
}

func (c *cell) save(w *state.Writer) {
	w.Bool(c.seen)
	w.Value(c.last)
}

func (c *cell) load(r *state.Reader) { c.seen, c.last = r.Bool(), r.Value() }

type changedCol struct{ cell cell }

func (a *changedCol) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	ignoreNull, err := fn.ToBool(args[0])
	if err != nil || !a.cell.change(args[1], ignoreNull) || args[1].IsNull() {
		return null, err
	}
	return args[1], nil
}

func (a *changedCol) Save(w *state.Writer) error {
	a.cell.save(w)
	return nil
}

func (a *changedCol) Load(r *state.Reader) error {
	a.cell.load(r)
	return r.Err()
}

type hadChanged struct{ cells []cell }

func (a *hadChanged) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	ignoreNull, err := fn.ToBool(args[0])
	if err != nil {
		return null, err
	}
	if a.cells == nil {
		a.cells = make([]cell, len(args)-1)
	}
	changed := false
	for i := range min(len(a.cells), len(args)-1) {
		changed = a.cells[i].change(args[i+1], ignoreNull) || changed
	}
	return value.OfBool(changed), nil
}

func (a *hadChanged) Save(w *state.Writer) error {
	w.Int(int64(len(a.cells)))
	for i := range a.cells {
		a.cells[i].save(w)
	}
	return nil
}

func (a *hadChanged) Load(r *state.Reader) error {
	a.cells = nil
	for range r.Len() {
		var c cell
		c.load(r)
		a.cells = append(a.cells, c)
	}
	return r.Err()
}

// changedCols remembers columns by name, since * may bring new ones with every
// event.
type changedCols struct {
	names []string // of the arguments
	cells map[string]*cell
}

func (a *changedCols) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	if args[0].Kind() != value.String {
		return null, errors.New("the prefix of changed_cols must be a text")
	}
	ignoreNull, err := fn.ToBool(args[1])
	if err != nil {
		return null, err
	}
	var out []value.Member
	look := func(name string, v value.Value) {
		if a.cell(name).change(v, ignoreNull) {
			if v.IsNull() {
				v = value.ExplicitNull
			}
			out = append(out, value.Member{Name: args[0].Str() + name, Val: v})
		}
	}
	for i := 2; i < len(args); i++ {
		if i < len(a.names) && a.names[i] == "*" {
			a.lookAll(args[i], look)
		} else {
			look(a.names[i], args[i])
		}
	}
	if out == nil {
		return null, nil
	}
	return value.OfObject(out), nil
}

// lookAll looks at all columns of a row, and at those that went away.
func (a *changedCols) lookAll(row value.Value, look func(string, value.Value)) {
	for name := range a.cells {
		if _, ok := row.Lookup(name); !ok {
			look(name, null)
		}
	}
	for _, m := range row.Members() {
		look(m.Name, m.Val)
	}
}

func (a *changedCols) cell(name string) *cell {
	if a.cells == nil {
		a.cells = map[string]*cell{}
	}
	c := a.cells[name]
	if c == nil {
		c = new(cell)
		a.cells[name] = c
	}
	return c
}

func (a *changedCols) Save(w *state.Writer) error {
	w.Int(int64(len(a.cells)))
	for name, c := range a.cells {
		w.String(name)
		c.save(w)
	}
	return nil
}

func (a *changedCols) Load(r *state.Reader) error {
	a.cells = map[string]*cell{}
	for range r.Len() {
		a.cell(r.String()).load(r)
	}
	return r.Err()
}
