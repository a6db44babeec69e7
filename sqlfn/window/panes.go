package window

import (
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

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
// windows divide. Older panes are kept as aggregates of themselves and the
// older ones behind them, so that a window is put together from three parts
// however many panes it has (the queue of two stacks).
type paneContent struct {
	ctx      *exec.Ctx
	by       *exec.Grouping
	where    filter
	width    int64 // of a pane, ms
	tumbling bool  // one pane a window
	sparse   bool  // see plan.Window

	old    []*pane      // each with those behind it in old
	recent []*pane      // each by itself, the last one open
	closed *exec.Groups // recent without the open one, nil: nothing
	spare  *exec.Groups
}

type pane struct {
	start  int64
	groups *exec.Groups
}

func (p *paneContent) add(r *row.Row, t *ticks, out exec.Emitter) {
	ts := max(r.TS, t.next-t.distance)
	var cur *pane
	if n := len(p.recent); n > 0 {
		cur = p.recent[n-1]
	}
	if cur == nil || ts >= cur.start+p.width {
		p.close()
		cur = p.open(t.next - (t.next-ts+p.width-1)/p.width*p.width)
	}
	if p.where.cond == nil || p.where.admits(r, out) {
		cur.groups.Add(r, true)
	}
}

// close takes the open pane to the closed ones.
func (p *paneContent) close() {
	n := len(p.recent)
	if n == 0 {
		return
	}
	if p.closed == nil {
		p.closed = p.by.New()
	}
	p.closed.Merge(p.recent[n-1].groups)
}

func (p *paneContent) open(start int64) *pane {
	g := p.spare
	p.spare = nil
	if g == nil {
		g = p.by.New()
	}
	n := &pane{start: start, groups: g}
	p.recent = append(p.recent, n)
	return n
}

func (p *paneContent) fire(t *ticks, out exec.Emitter) error {
	p.ctx.Span = span(t.from(), t.next, t.next)
	p.drop(t.next - t.length) // rows between two windows
	defer p.drop(t.next - t.length + t.distance)
	seen := !p.empty()
	groups := p.window()
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

// window puts all panes together.
func (p *paneContent) window() *exec.Groups {
	if p.tumbling && len(p.recent) > 0 {
		return p.recent[0].groups
	}
	all := p.by.New()
	if len(p.old) > 0 {
		all.Merge(p.old[0].groups)
	}
	if p.closed != nil {
		all.Merge(p.closed)
	}
	if n := len(p.recent); n > 0 {
		all.Merge(p.recent[n-1].groups)
	}
	return all
}

// drop lets go of the panes from before a time. It is called at a tick, when
// every pane is complete.
func (p *paneContent) drop(before int64) {
	p.old = dropPanes(p.old, before)
	if len(p.old) > 0 || len(p.recent) == 0 || p.recent[0].start >= before {
		return
	}
	if p.spare == nil {
		p.spare = p.recent[0].groups
		p.spare.Reset()
	}
	p.old = dropPanes(p.recent, before)
	for i := len(p.old) - 2; i >= 0; i-- {
		p.old[i].groups.Merge(p.old[i+1].groups)
	}
	p.recent, p.closed = nil, nil
}

func dropPanes(panes []*pane, before int64) []*pane {
	n := 0
	for n < len(panes) && panes[n].start < before {
		panes[n] = nil
		n++
	}
	return panes[n:]
}

func (p *paneContent) empty() bool { return len(p.old) == 0 && len(p.recent) == 0 }

// Save implements state.Stateful.
func (p *paneContent) Save(w *state.Writer) error {
	for _, panes := range [][]*pane{p.old, p.recent} {
		w.Int(int64(len(panes)))
		for _, n := range panes {
			w.Int(n.start)
			if err := n.groups.Save(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// Load implements state.Stateful.
func (p *paneContent) Load(r *state.Reader) error {
	load := func() error {
		for range r.Len() {
			p.close()
			if err := p.open(r.Int()).groups.Load(r); err != nil {
				return err
			}
		}
		return r.Err()
	}
	if err := load(); err != nil {
		return err
	}
	p.old, p.recent, p.closed = p.recent, nil, nil
	return load()
}
