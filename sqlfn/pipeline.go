package sqlfn

import (
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/window"
)

// Pipeline is a compiled query.
type Pipeline struct {
	adapters  []adapter
	tables    []*exec.Table // by input; nil: it is no scan table
	first     *stage
	watermark *window.Watermark // nil under processing time
	rowByRow  bool              // see plan.Plan
	out       exec.Emitter      // of the call that is running
	now       int64             // ms, of the call that is running
	pushes    int
	wakers    []exec.Waker

	ctx    *exec.Ctx
	stages []*stage
	plan   *plan.Plan
	opt    Options
}

// stage is an operator with its counters, and the emitter of the one before.
type stage struct {
	stats exec.Stats // in place: a rule that is run for one row waits for memory more than for anything else
	op    exec.Operator
	p     *Pipeline
	next  *stage // nil: the results
	name  string
	info  string
}

func (p *Pipeline) add(name, info string, op exec.Operator) *stage {
	s := &stage{name: fmt.Sprintf("%d_%s", firstStage+len(p.stages), name), info: info, op: op, p: p}
	p.stages = append(p.stages, s)
	return s
}

func (p *Pipeline) link() {
	for i, s := range p.stages {
		if i > 0 {
			p.stages[i-1].next = s
		}
		if w, ok := s.op.(exec.Waker); ok && (p.watermark == nil || s.op == exec.Operator(p.watermark)) {
			p.wakers = append(p.wakers, w)
		}
	}
	p.first, p.rowByRow = p.stages[0], p.plan.RowByRow
}

// Emit implements exec.Emitter: it hands a result of the stage to the next.
func (s *stage) Emit(b row.Batch) error {
	s.stats.Out.Add(int64(len(b.Rows)))
	if s.next != nil {
		return s.next.push(b)
	}
	s.p.ctx.Hits++
	s.p.ctx.LastHit = s.p.now
	return s.p.out.Emit(b)
}

// Fail implements exec.Emitter.
func (s *stage) Fail(err error) {
	s.stats.Failed(err, s.p.now)
	s.p.out.Fail(err)
}

// timeEvery is how many calls share one measurement of latency: reading the
// clock costs more than a small operator.
const timeEvery = 64

func (s *stage) push(b row.Batch) error {
	s.stats.In.Add(int64(len(b.Rows)))
	s.stats.LastInvocation.Store(s.p.now)
	if b.Span.Set {
		s.p.ctx.Span = b.Span
	}
	if s.p.pushes%timeEvery != 1 {
		return s.op.Push(b, s)
	}
	begin := s.p.opt.Clock.Now()
	err := s.op.Push(b, s)
	s.stats.LatencyUS.Store(max(1, s.p.opt.Clock.Now().Sub(begin).Microseconds()))
	return err
}

// Inputs returns the streams of the query and what is needed of them.
func (p *Pipeline) Inputs() []Input {
	ins := make([]Input, len(p.plan.Inputs))
	for i, in := range p.plan.Inputs {
		ins[i] = Input{Stream: in.Stream.Name, Table: in.Stream.Table, Lookup: in.Stream.Lookup, Want: in.Want, Meta: in.Meta}
	}
	return ins
}

// Output returns the columns of the results.
func (p *Pipeline) Output() *row.Schema { return p.plan.Out }

// Explain prints the plan, one JSON line a node.
func (p *Pipeline) Explain() string { return p.plan.Explain() }

// Stages returns the operators with their counters.
func (p *Pipeline) Stages() []Stage {
	ss := make([]Stage, len(p.stages))
	for i, s := range p.stages {
		ss[i] = Stage{Name: s.name, Info: s.info, Stats: &s.stats}
	}
	return ss
}

// Push takes rows of an input; their schema may have more columns than the
// query needs, in any order. Results go to out before Push returns; the rows of
// a table have none.
func (p *Pipeline) Push(input int, b row.Batch, out exec.Emitter) error {
	p.begin(out, b.At)
	b = p.adapters[input].adapt(b)
	if t := p.tables[input]; t != nil {
		if b.Fresh {
			t.Clear()
		}
		t.Put(b.Rows)
		return nil
	}
	if !p.rowByRow {
		return p.push(b)
	}
	for i := range b.Rows {
		one := b
		one.Rows = b.Rows[i : i+1]
		if err := p.push(one); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipeline) push(b row.Batch) error {
	if err := p.first.push(b); err != nil {
		return err
	}
	return p.advanceToWatermark()
}

// begin starts a call; at is the time if the caller knows it.
func (p *Pipeline) begin(out exec.Emitter, at int64) {
	if at == 0 {
		at = clock.MS(p.opt.Clock.Now())
	}
	p.out, p.now = out, at
	p.pushes++
}

func (p *Pipeline) advanceToWatermark() error {
	if p.watermark == nil {
		return nil
	}
	at, ok := p.watermark.Now()
	if !ok {
		return nil
	}
	return p.advance(at)
}

// Advance tells what time it is by the clock. Under event time that makes
// silent streams known, no more.
func (p *Pipeline) Advance(now int64, out exec.Emitter) error {
	p.begin(out, now)
	if p.watermark == nil {
		return p.advance(now)
	}
	if err := p.watermark.Listen(now, p.first); err != nil {
		return err
	}
	return p.advanceToWatermark()
}

func (p *Pipeline) advance(now int64) error {
	for _, s := range p.stages {
		if err := s.op.Advance(now, s); err != nil {
			return err
		}
	}
	return nil
}

// NextWake returns when Advance is wanted next (ms); ok is false if time alone
// changes nothing.
func (p *Pipeline) NextWake() (at int64, ok bool) {
	for _, w := range p.wakers {
		if t, wants := w.NextWake(); wants && (!ok || t < at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// flusher is an operator that holds rows in wait of more.
type flusher interface{ Flush(out exec.Emitter) error }

// End tells that an input is exhausted: a file was read. When the last stream
// is, open windows give what they have; the end of a table changes nothing.
func (p *Pipeline) End(input int, out exec.Emitter) error {
	if p.plan.Inputs[input].Stream.Table {
		return nil
	}
	p.adapters[input].ended = true
	for i, in := range p.plan.Inputs {
		if !in.Stream.Table && !p.adapters[i].ended {
			return nil
		}
	}
	p.begin(out, 0)
	for _, s := range p.stages {
		if s.op == exec.Operator(p.watermark) {
			if err := s.op.Advance(exec.EndOfTime, s); err != nil {
				return err
			}
		}
		if f, ok := s.op.(flusher); ok {
			if err := f.Flush(s); err != nil {
				return err
			}
		}
	}
	return nil
}

const snapshotVersion = 1

// Save writes what the operators remember.
func (p *Pipeline) Save(w *state.Writer) error {
	w.Int(snapshotVersion)
	w.Int(p.ctx.Hits)
	w.Int(p.ctx.LastHit)
	w.Int(int64(len(p.stages)))
	for _, t := range p.tables {
		if t != nil {
			if err := t.Save(w); err != nil {
				return fmt.Errorf("save table: %w", err)
			}
		}
	}
	for _, s := range p.stages {
		w.String(s.name + " " + s.info)
		if st, ok := s.op.(state.Stateful); ok {
			if err := st.Save(w); err != nil {
				return fmt.Errorf("save %s: %w", s.name, err)
			}
		}
	}
	return nil
}

// Load restores what Save wrote. A snapshot of another query is refused.
func (p *Pipeline) Load(r *state.Reader) error {
	if v := r.Int(); v != snapshotVersion {
		r.Fail("snapshot: version %d is not known", v)
	}
	p.ctx.Hits, p.ctx.LastHit = r.Int(), r.Int()
	if n := r.Int(); n != int64(len(p.stages)) {
		r.Fail("snapshot: it is of another query (%d operators, now %d)", n, len(p.stages))
	}
	for _, t := range p.tables {
		if t != nil {
			if err := t.Load(r); err != nil {
				return fmt.Errorf("load table: %w", err)
			}
		}
	}
	for _, s := range p.stages {
		if name := r.String(); r.Err() == nil && name != s.name+" "+s.info {
			r.Fail("snapshot: it is of another query (%s, now %s)", name, s.name)
		}
		if r.Err() != nil {
			return r.Err()
		}
		if st, ok := s.op.(state.Stateful); ok {
			if err := st.Load(r); err != nil {
				return fmt.Errorf("load %s: %w", s.name, err)
			}
		}
	}
	return r.Err()
}

// StartedAt returns when the pipeline was made, the start of its first window.
func (p *Pipeline) StartedAt() time.Time { return time.UnixMilli(p.ctx.RuleStart) }
