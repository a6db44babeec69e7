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
	plan      *plan.Plan
	opt       Options
	ctx       *exec.Ctx
	adapters  []*adapter
	stages    []*stage
	watermark *window.Watermark // nil under processing time
	out       exec.Emitter      // of the call that is running
	now       int64             // ms, of the call that is running
	pushes    int
}

// stage is an operator with its counters, and the emitter of the one before.
type stage struct {
	Stage
	op   exec.Operator
	p    *Pipeline
	next *stage // nil: the results
	time bool   // this call is timed
}

func (p *Pipeline) add(name, info string, op exec.Operator) {
	p.addStats(name, info, op, &exec.Stats{})
}

func (p *Pipeline) addStats(name, info string, op exec.Operator, stats *exec.Stats) {
	name = fmt.Sprintf("%d_%s", firstStage+len(p.stages), name)
	p.stages = append(p.stages, &stage{Stage: Stage{Name: name, Info: info, Stats: stats}, op: op, p: p})
}

func (p *Pipeline) link() {
	for i, s := range p.stages[:len(p.stages)-1] {
		s.next = p.stages[i+1]
	}
}

// Emit implements exec.Emitter: it hands a result of the stage to the next.
func (s *stage) Emit(b row.Batch) error {
	s.Stats.Out.Add(int64(len(b.Rows)))
	if s.next != nil {
		return s.next.push(b)
	}
	s.p.ctx.Hits++
	s.p.ctx.LastHit = s.p.now
	return s.p.out.Emit(b)
}

// Fail implements exec.Emitter.
func (s *stage) Fail(err error) {
	s.Stats.Failed(err, s.p.now)
	s.p.out.Fail(err)
}

// timeEvery is how many calls share one measurement of latency: reading the
// clock costs more than a small operator.
const timeEvery = 64

func (s *stage) push(b row.Batch) error {
	s.Stats.In.Add(int64(len(b.Rows)))
	s.Stats.LastInvocation.Store(s.p.now)
	if s.p.pushes%timeEvery != 1 {
		return s.op.Push(b, s)
	}
	begin := s.p.opt.Clock.Now()
	err := s.op.Push(b, s)
	s.Stats.LatencyUS.Store(max(1, s.p.opt.Clock.Now().Sub(begin).Microseconds()))
	return err
}

// Inputs returns the streams of the query and what is needed of them.
func (p *Pipeline) Inputs() []Input {
	ins := make([]Input, len(p.plan.Inputs))
	for i, in := range p.plan.Inputs {
		ins[i] = Input{Stream: in.Stream.Name, Table: in.Stream.Table, Want: in.Want, Meta: in.Meta}
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
		ss[i] = s.Stage
	}
	return ss
}

// Push takes rows of an input; their schema may have more columns than the
// query needs, in any order. Results go to out before Push returns.
func (p *Pipeline) Push(input int, b row.Batch, out exec.Emitter) error {
	p.begin(out)
	b = p.adapters[input].adapt(b)
	if !p.plan.RowByRow {
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
	if err := p.stages[0].push(b); err != nil {
		return err
	}
	return p.advanceToWatermark()
}

func (p *Pipeline) begin(out exec.Emitter) {
	p.out = out
	p.now = clock.MS(p.opt.Clock.Now())
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

// Advance tells the time under processing time; under event time it does
// nothing.
func (p *Pipeline) Advance(now int64, out exec.Emitter) error {
	if p.watermark != nil {
		return nil
	}
	p.begin(out)
	return p.advance(now)
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
	if p.watermark != nil {
		return 0, false
	}
	for _, s := range p.stages {
		if w, isWaker := s.op.(exec.Waker); isWaker {
			if t, wants := w.NextWake(); wants && (!ok || t < at) {
				at, ok = t, true
			}
		}
	}
	return at, ok
}

// flusher is an operator that holds rows in wait of more.
type flusher interface{ Flush(out exec.Emitter) error }

// End tells that an input is exhausted: a file was read. When the last one is,
// open windows give what they have.
func (p *Pipeline) End(input int, out exec.Emitter) error {
	p.adapters[input].ended = true
	for _, a := range p.adapters {
		if !a.ended {
			return nil
		}
	}
	p.begin(out)
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
	for _, s := range p.stages {
		w.String(s.Name + " " + s.Info)
		if st, ok := s.op.(state.Stateful); ok {
			if err := st.Save(w); err != nil {
				return fmt.Errorf("save %s: %w", s.Name, err)
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
	for _, s := range p.stages {
		if name := r.String(); r.Err() == nil && name != s.Name+" "+s.Info {
			r.Fail("snapshot: it is of another query (%s, now %s)", name, s.Name)
		}
		if r.Err() != nil {
			return r.Err()
		}
		if st, ok := s.op.(state.Stateful); ok {
			if err := st.Load(r); err != nil {
				return fmt.Errorf("load %s: %w", s.Name, err)
			}
		}
	}
	return r.Err()
}

// StartedAt returns when the pipeline was made, the start of its first window.
func (p *Pipeline) StartedAt() time.Time { return time.UnixMilli(p.ctx.RuleStart) }
