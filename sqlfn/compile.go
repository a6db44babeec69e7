package sqlfn

import (
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/fn/builtin"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/window"
)

// firstStage is the number of the first operator in the status: 1 is the
// source and 2 its decoder.
const firstStage = 3

// Compile makes the pipeline of a query. Errors in the SQL are *diag.Error.
func Compile(sel *ast.Select, cat Catalog, opt Options) (*Pipeline, error) {
	opt = opt.withDefaults()
	pl, err := plan.Build(sel, plan.Config{
		Stream:     streams(cat),
		Functions:  opt.Functions,
		EventTime:  opt.EventTime,
		SendMeta:   opt.SendMeta,
		IgnoreCase: opt.IgnoreCase,
		Whole:      opt.Late != nil,
	})
	if err != nil {
		return nil, err
	}
	start := clock.MS(opt.Clock.Now())
	p := &Pipeline{plan: pl, opt: opt, now: start, ctx: &exec.Ctx{Rule: opt.Rule, RuleStart: start, Now: opt.Clock.Now, Loc: opt.Loc}}
	for i, in := range pl.Inputs {
		p.adapters = append(p.adapters, newAdapter(in, i, len(pl.Inputs) > 1, !opt.EventTime))
		p.tables = append(p.tables, scanTable(in.Stream))
	}
	if err := p.assemble(start); err != nil {
		return nil, diag.InSQL(err, sel.Text)
	}
	return p, nil
}

// scanTable holds the rows of a scan table, nil for anything else.
func scanTable(s *plan.Stream) *exec.Table {
	if !s.Table || s.Lookup {
		return nil
	}
	return &exec.Table{Retain: s.Retain}
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.Wall
	}
	if o.Loc == nil {
		o.Loc = time.Local
	}
	if o.Functions == nil {
		o.Functions = builtin.Registry()
	}
	return o
}

func streams(cat Catalog) func(string) (*plan.Stream, error) {
	return func(name string) (*plan.Stream, error) {
		s, err := cat.Stream(name)
		if err != nil {
			return nil, err
		}
		schema := s.Schema
		if schema == nil {
			schema = &row.Schema{Open: true}
		}
		return &plan.Stream{Name: s.Name, Table: s.Table, Lookup: s.Lookup, Schema: schema, Retain: s.RetainSize,
			Timestamp: s.Timestamp, TimestampFormat: s.TimestampFormat, Timed: s.Timed}, nil
	}
}

// assemble makes the operators of the plan's nodes and links them.
func (p *Pipeline) assemble(start int64) error {
	if p.opt.EventTime {
		if err := p.addWatermark(); err != nil {
			return err
		}
	}
	cfg := window.Config{Ctx: p.ctx, EventTime: p.opt.EventTime, Start: start}
	nodes := p.plan.Nodes
	for i := 0; i < len(nodes); i++ {
		used, err := p.addAggregating(nodes[i:], cfg)
		if err != nil {
			return err
		}
		if used > 0 {
			i += used - 1
			continue
		}
		op, err := p.operator(nodes[i], cfg)
		if err != nil {
			return err
		}
		p.add(nodes[i].Op(), nodes[i].Info(), op)
	}
	p.link()
	return nil
}

func (p *Pipeline) operator(n plan.Node, cfg window.Config) (exec.Operator, error) {
	width := p.plan.Width
	switch n := n.(type) {
	case *plan.Compute:
		return exec.NewCompute(n, width, p.ctx)
	case *plan.Filter:
		return exec.NewFilter(n, p.ctx)
	case *plan.Window:
		return window.New(n, cfg)
	case *plan.Join:
		return exec.NewJoin(n, p.layout(), p.opt.Lookup, p.ctx)
	case *plan.Group:
		by, err := exec.NewGrouping(n, width, p.ctx)
		if err != nil {
			return nil, err
		}
		return exec.NewGroup(by, n.PerRow), nil
	case *plan.Order:
		return exec.NewOrder(n, p.ctx)
	case *plan.Limit:
		return exec.NewLimit(n), nil
	case *plan.Project:
		return exec.NewProject(n, p.opt.SendNil, p.ctx)
	case *plan.Dedup:
		return exec.NewDedup(n, p.plan.Out), nil
	}
	return nil, fmt.Errorf("no operator for %s", n.Op())
}

// layout tells which slots belong to which input.
func (p *Pipeline) layout() exec.Layout {
	l := exec.Layout{Width: p.plan.Width}
	for i, in := range p.plan.Inputs {
		l.Inputs = append(l.Inputs, exec.Slots{From: in.Base, Want: in.Want, Table: p.tables[i]})
	}
	return l
}

// addAggregating puts a time window, the WHERE on its content and its GROUP BY
// into one operator that aggregates as rows come. It returns how many nodes it
// took, 0 if the window must keep rows.
func (p *Pipeline) addAggregating(nodes []plan.Node, cfg window.Config) (int, error) {
	win, ok := nodes[0].(*plan.Window)
	if !ok {
		return 0, nil
	}
	rest := nodes[1:]
	where, _ := rest[0].(*plan.Filter)
	if where != nil {
		rest = rest[1:]
	}
	group, ok := rest[0].(*plan.Group)
	if !ok {
		return 0, nil
	}
	var op exec.Operator
	var err error
	switch win.Kind {
	case ast.Tumbling, ast.Hopping:
		op, ok, err = p.panes(win, where, group, cfg)
	case ast.Sliding:
		op, ok, err = p.moving(win, where, group, rest[1:], cfg)
	default:
		ok = false
	}
	if err != nil || !ok {
		return 0, err
	}
	p.add("window", win.Info()+" "+group.Info(), op)
	if where != nil {
		return 3, nil
	}
	return 2, nil
}

func (p *Pipeline) panes(win *plan.Window, where *plan.Filter, group *plan.Group, cfg window.Config) (exec.Operator, bool, error) {
	by, err := exec.NewGrouping(group, p.plan.Width, p.ctx)
	if err != nil {
		return nil, false, err
	}
	return window.NewPanes(win, where, by, cfg)
}

func (p *Pipeline) moving(win *plan.Window, where *plan.Filter, group *plan.Group, behind []plan.Node, cfg window.Config) (exec.Operator, bool, error) {
	for _, in := range p.plan.Inputs {
		if in.Meta {
			return nil, false, nil // what a result knows of its event is in the row
		}
	}
	var cond ast.Expr
	if where != nil {
		cond = where.X
	}
	content, ok, err := exec.NewMoving(group, cond, behind, p.plan.Width, p.ctx)
	if err != nil || !ok {
		return nil, false, err
	}
	op, err := window.NewMovingSliding(win, content, cfg)
	return op, true, err
}

func (p *Pipeline) addWatermark() error {
	var cols []window.TimeColumn
	for _, in := range p.plan.Inputs {
		if in.Stream.Table {
			cols = append(cols, window.TimeColumn{})
			continue
		}
		if in.TS == nil {
			cols = append(cols, window.TimeColumn{Own: true})
			continue
		}
		cols = append(cols, window.TimeColumn{Name: in.Stream.Timestamp, Slot: in.TS.Index, Format: in.Stream.TimestampFormat})
	}
	s := p.add("watermark", fmt.Sprintf("lateTolerance: %s", p.opt.LateTolerance), nil)
	cfg := window.WatermarkConfig{Columns: cols, Tolerance: p.opt.LateTolerance, Idle: p.opt.IdleTimeout, Loc: p.opt.Loc,
		Stats: &s.stats, Clock: func() int64 { return p.now }}
	if p.opt.Late != nil {
		cfg.Late = p.late
	}
	w, err := window.NewWatermark(cfg)
	if err != nil {
		return diag.New(diag.Plan, "option TIMESTAMP_FORMAT: %v", err)
	}
	p.watermark, s.op = w, w
	return nil
}

// late hands on a late row as it came: the columns of its stream.
func (p *Pipeline) late(r *row.Row) {
	in := p.plan.Inputs[r.In]
	out := *r
	out.Cols = r.Cols[min(in.Base, len(r.Cols)):min(in.Base+len(in.Want.Cols), len(r.Cols))]
	p.opt.Late(in.Stream.Name, row.Batch{Schema: in.Want, Rows: []row.Row{exec.Keep(&out)}})
}
