package window

import (
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// timeWindow is a tumbling or hopping window; its content is rows or panes of
// aggregates.
type timeWindow struct {
	admit   filter
	ticks   *ticks
	content content
}

// content is what a time window remembers.
type content interface {
	// add takes a row that belongs before the tick next.
	add(r *row.Row, t *ticks, out exec.Emitter)
	// fire emits the window that ends at the tick and forgets what no later
	// window needs.
	fire(t *ticks, out exec.Emitter) error
	empty() bool
	state.Stateful
}

// Push implements exec.Operator.
func (w *timeWindow) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := &b.Rows[i]
		if !w.ticks.running {
			w.ticks.start(r.TS)
		}
		if r.TS >= w.ticks.next {
			if err := w.Advance(r.TS, out); err != nil {
				return err
			}
		}
		if w.admit.cond == nil || w.admit.admits(r, out) {
			w.content.add(r, w.ticks, out)
		}
	}
	return nil
}

// Advance implements exec.Operator.
func (w *timeWindow) Advance(now int64, out exec.Emitter) error {
	for w.ticks.running && w.ticks.next <= now {
		if w.content.empty() {
			w.ticks.skip(now)
		}
		if err := w.content.fire(w.ticks, out); err != nil {
			return err
		}
		w.ticks.step()
	}
	return nil
}

// Flush implements Operator.
func (w *timeWindow) Flush(out exec.Emitter) error {
	for w.ticks.running && !w.content.empty() {
		if err := w.Advance(w.ticks.next, out); err != nil {
			return err
		}
	}
	return nil
}

// NextWake implements exec.Waker.
func (w *timeWindow) NextWake() (int64, bool) { return w.ticks.next, w.ticks.running }

// Save implements state.Stateful.
func (w *timeWindow) Save(sw *state.Writer) error {
	w.ticks.save(sw)
	return w.content.Save(sw)
}

// Load implements state.Stateful.
func (w *timeWindow) Load(r *state.Reader) error {
	w.ticks.load(r)
	return w.content.Load(r)
}

// rowContent keeps the rows themselves.
type rowContent struct {
	rows   []row.Row
	sparse bool // see plan.Window
}

func (c *rowContent) add(r *row.Row, t *ticks, _ exec.Emitter) {
	k := exec.Keep(r)
	k.TS = max(k.TS, t.next-t.distance) // waited in front of the rule past a tick
	c.rows = append(c.rows, k)
}

func (c *rowContent) fire(t *ticks, out exec.Emitter) error {
	c.drop(t.next - t.length)
	if c.sparse && len(c.rows) == 0 {
		return nil
	}
	if err := out.Emit(row.Batch{Rows: c.rows, Span: span(t.from(), t.next, t.next)}); err != nil {
		return err
	}
	c.drop(t.next - t.length + t.distance)
	return nil
}

// drop forgets rows before a time; rows are in time order.
func (c *rowContent) drop(before int64) {
	n := 0
	for n < len(c.rows) && c.rows[n].TS < before {
		n++
	}
	c.rows = forget(c.rows, n)
}

// forget removes the first n rows and lets go of what they point to.
func forget(rows []row.Row, n int) []row.Row {
	if n == 0 {
		return rows
	}
	kept := copy(rows, rows[n:])
	clear(rows[kept:])
	if cap(rows) > 1024 && kept < cap(rows)/8 {
		return append(make([]row.Row, 0, 2*kept), rows[:kept]...)
	}
	return rows[:kept]
}

func (c *rowContent) empty() bool { return len(c.rows) == 0 }

// Save implements state.Stateful.
func (c *rowContent) Save(w *state.Writer) error {
	saveRows(w, c.rows)
	return nil
}

// Load implements state.Stateful.
func (c *rowContent) Load(r *state.Reader) error {
	c.rows = loadRows(r)
	return r.Err()
}

// maxPanes bounds the panes of a window; with more, rows are kept.
const maxPanes = 4096

// NewPanes makes a tumbling or hopping window that aggregates as rows come:
// what it keeps grows with keys and panes, not with rows. where is a condition
// on the window's content (nil: none); ok is false if the window is not of
// that kind.
func NewPanes(n *plan.Window, where *plan.Filter, by *exec.Grouping, cfg Config) (op Operator, ok bool, err error) {
	t := newTicks(n, cfg)
	width := gcd(t.length, t.distance)
	if t.length != t.distance && (!by.Mergeable() || t.length/width > maxPanes) {
		return nil, false, nil
	}
	admit, err := newFilter(n, cfg.Ctx)
	if err != nil {
		return nil, false, err
	}
	p := &paneContent{ctx: cfg.Ctx, by: by, width: width, tumbling: t.length == t.distance, sparse: n.Sparse}
	if where != nil {
		if p.where.cond, err = expr.Compile(where.X); err != nil {
			return nil, false, err
		}
		p.where.ctx = cfg.Ctx
	}
	return &timeWindow{admit: admit, ticks: t, content: p}, true, nil
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// paneContent keeps aggregates by pane, the stretches of time into which all
// windows divide.
type paneContent struct {
	ctx      *exec.Ctx
	by       *exec.Grouping
	where    filter
	width    int64 // of a pane, ms
	tumbling bool  // one pane a window
	sparse   bool  // see plan.Window
	panes    []*pane
	spare    *exec.Groups
}

type pane struct {
	start  int64
	seen   bool // a row came, whether or not it passed WHERE
	groups *exec.Groups
}

func (p *paneContent) add(r *row.Row, t *ticks, out exec.Emitter) {
	ts := max(r.TS, t.next-t.distance)
	var cur *pane
	if n := len(p.panes); n > 0 && ts >= p.panes[n-1].start {
		cur = p.panes[n-1]
	}
	if cur == nil || ts >= cur.start+p.width {
		cur = p.open(t.next - (t.next-ts+p.width-1)/p.width*p.width)
	}
	cur.seen = true
	if p.where.cond == nil || p.where.admits(r, out) {
		cur.groups.Add(r, true)
	}
}

func (p *paneContent) open(start int64) *pane {
	g := p.spare
	p.spare = nil
	if g == nil {
		g = p.by.New()
	}
	n := &pane{start: start, groups: g}
	p.panes = append(p.panes, n)
	return n
}

func (p *paneContent) fire(t *ticks, out exec.Emitter) error {
	p.ctx.Span = span(t.from(), t.next, t.next)
	defer p.drop(t.next - t.length + t.distance)
	groups, seen := p.window(t.next - t.length)
	if groups.Len() == 0 && (seen || p.sparse) {
		return nil // WHERE left nothing, which is not the same as nothing to see
	}
	rows, err := groups.Rows()
	if err != nil {
		out.Fail(err)
		return nil
	}
	if len(rows) == 0 {
		return nil
	}
	return out.Emit(row.Batch{Rows: rows, Span: p.ctx.Span})
}

// window puts the panes from a time on together.
func (p *paneContent) window(from int64) (groups *exec.Groups, seen bool) {
	if p.tumbling {
		if len(p.panes) == 0 {
			return p.by.New(), false
		}
		return p.panes[0].groups, true
	}
	groups = p.by.New()
	for _, n := range p.panes {
		if n.start >= from {
			groups.Merge(n.groups)
			seen = true
		}
	}
	return groups, seen
}

func (p *paneContent) drop(before int64) {
	n := 0
	for n < len(p.panes) && p.panes[n].start < before {
		n++
	}
	if n > 0 && p.spare == nil {
		p.spare = p.panes[0].groups
		p.spare.Reset()
	}
	kept := copy(p.panes, p.panes[n:])
	clear(p.panes[kept:])
	p.panes = p.panes[:kept]
}

func (p *paneContent) empty() bool { return len(p.panes) == 0 }

// Save implements state.Stateful.
func (p *paneContent) Save(w *state.Writer) error {
	w.Int(int64(len(p.panes)))
	for _, n := range p.panes {
		w.Int(n.start)
		if err := n.groups.Save(w); err != nil {
			return err
		}
	}
	return nil
}

// Load implements state.Stateful.
func (p *paneContent) Load(r *state.Reader) error {
	p.panes = nil
	for range r.Len() {
		n := p.open(r.Int())
		n.seen = true
		if err := n.groups.Load(r); err != nil {
			return err
		}
	}
	return r.Err()
}
