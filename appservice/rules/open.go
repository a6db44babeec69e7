package rules

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// compileRule makes the pipeline of a rule; ask answers for lookup tables.
func (s *Set) compileRule(r *Rule, ask exec.Lookup) (Pipeline, error) {
	var late func(string, row.Batch)
	if name := r.Options.LateStream; name != "" {
		late = func(_ string, b row.Batch) { topic.Default.Publish(topic.Message{Topic: name, Batch: b}) }
	}
	return s.cfg.Compile(r.Select, s.cfg.Catalog, sqlfn.Options{
		Rule: r.ID, EventTime: r.Options.EventTime, LateTolerance: r.Options.LateTolerance,
		IdleTimeout: r.Options.IdleTimeout, Late: late,
		SendNil: r.Options.SendNil, SendMeta: r.Options.SendMeta, IgnoreCase: s.cfg.IgnoreCase,
		Clock: s.cfg.Clock, Loc: s.cfg.Location, Functions: s.cfg.Functions, Lookup: ask,
	})
}

// prepare compiles a rule and checks everything that can be checked without
// connecting: SQL, properties of sources, properties of sinks.
func (s *Set) prepare(r *Rule) (*run, error) { return s.prepareWith(r, nil) }

// prepareWith is prepare with sources of its own for some streams.
func (s *Set) prepareWith(r *Rule, mocks map[string]sources.Source) (*run, error) {
	p := &run{
		rule: r, clock: s.cfg.Clock, log: s.cfg.Log.With("rule", r.ID),
		in: sources.NewInbox(r.Options.BufferLength), plan: s.fingerprint(r), mocks: mocks, tables: map[string]*lookup{},
	}
	var err error
	if p.pipe, err = s.compileRule(r, p.ask); err != nil {
		return nil, err
	}
	if r.Options.QoS > 0 {
		p.store = s.cfg.Checkpoints
	}
	inputs := p.pipe.Inputs()
	p.feeds = make([]*feed, len(inputs))
	for _, in := range inputs {
		if in.Table && !in.Lookup && p.side == nil {
			p.side = sources.NewInbox(r.Options.BufferLength)
		}
		if mocks[in.Stream] != nil {
			continue
		}
		check := s.hubs.check
		if in.Lookup {
			check = s.lookups.check
		}
		if err := check(in.Stream); err != nil {
			return nil, err
		}
	}
	for _, a := range r.Actions {
		o, err := s.newOutlet(r, a)
		if err != nil {
			p.discard()
			return nil, err
		}
		p.outs = append(p.outs, o)
	}
	return p, nil
}

// discard lets go of a prepared run that is not started. A nil run is none.
func (r *run) discard() {
	if r == nil {
		return
	}
	for _, o := range r.outs {
		if err := o.Close(context.Background()); err != nil { // it was never started: nothing to wait for
			r.log.Warn("sink did not close", "error", err)
		}
	}
}

// open restores the state of a prepared run and starts sinks, then sources.
func (s *Set) open(ctx context.Context, r *run) error {
	offsets, err := s.restore(ctx, r)
	if err != nil {
		return err
	}
	var starts []func()
	for i, in := range r.pipe.Inputs() {
		if in.Lookup {
			if r.tables[in.Stream], err = s.lookups.find(in.Stream); err != nil {
				return err
			}
			r.visits = neverAgain // it waits for answers: not in the goroutine of a hub
			continue
		}
		f, start, err := s.hubs.attach(r, i, in, offsets[in.Stream])
		if err != nil {
			return err
		}
		r.feeds[i] = f
		starts = append(starts, start)
		switch {
		case !in.Table:
			r.open++
		case f.hub.Finite():
			r.loading++
		}
	}
	for _, o := range r.outs {
		o.Start()
	}
	for _, start := range starts {
		start()
	}
	return nil
}

// The parts of a checkpoint.
const (
	partPlan     = "plan"     // fingerprint of what was running
	partPipeline = "pipeline" // state of the operators
	partOffset   = "offset "  // + stream: where its source resumes
)

// restore loads the last checkpoint into the pipeline and returns the offsets
// of the sources. A checkpoint of another definition is left aside.
func (s *Set) restore(ctx context.Context, r *run) (offsets map[string][]byte, err error) {
	if r.store == nil {
		return nil, nil
	}
	epoch, parts, err := r.store.Latest(ctx, r.rule.ID)
	if err != nil {
		r.log.Error("checkpoint cannot be read, the rule starts afresh", "error", err)
		return nil, nil
	}
	r.epoch = epoch
	if parts == nil {
		return nil, nil
	}
	if string(parts[partPlan]) != r.plan {
		r.log.Info("rule or stream has changed since the last checkpoint, the rule starts afresh")
		return nil, nil
	}
	rd := state.NewReader(parts[partPipeline])
	if err := errors.Join(r.pipe.Load(rd), rd.Err()); err != nil {
		// The pipeline may hold half of it: make a new one.
		r.log.Error("checkpoint does not fit, the rule starts afresh", "error", err)
		r.pipe, err = s.compileRule(r.rule, r.ask)
		return nil, err
	}
	offsets = map[string][]byte{}
	for _, in := range r.pipe.Inputs() {
		if !in.Table { // a table is read from its beginning
			offsets[in.Stream] = parts[partOffset+in.Stream]
		}
	}
	return offsets, nil
}

// fingerprint tells definitions apart whose states do not fit each other.
func (s *Set) fingerprint(r *Rule) string {
	h := sha256.New()
	fmt.Fprintln(h, r.SQL, r.Options.EventTime)
	for _, name := range r.Streams() {
		if d, ok := s.cfg.Catalog.Lookup(name); ok {
			fmt.Fprintln(h, name, d.Text)
		}
	}
	return string(h.Sum(nil))
}

// timedCheckpoint takes a checkpoint in the middle of a run.
func (r *run) timedCheckpoint() {
	ctx, cancel := r.limited()
	defer cancel()
	defer context.AfterFunc(r.ctx, cancel)()
	r.checkpoint(ctx)
}

// checkpoint commits the state of the pipeline and the offsets of the sources.
// It is a point between two batches; what was emitted before it must have
// reached the sinks, else a crash would lose it: if they do not take it before
// ctx ends, this checkpoint is left out.
func (r *run) checkpoint(ctx context.Context) {
	if err := r.flush(ctx); err != nil {
		r.log.Warn("no checkpoint: results wait for a sink", "error", err)
		return
	}
	var w state.Writer
	if err := r.pipe.Save(&w); err != nil {
		r.log.Error("no checkpoint: state cannot be saved", "error", err)
		return
	}
	parts := map[string][]byte{partPlan: []byte(r.plan), partPipeline: w.Bytes()}
	for _, f := range r.feeds {
		if f != nil && f.offset != nil && !f.table {
			parts[partOffset+f.name] = f.offset
		}
	}
	if err := r.store.Commit(ctx, r.rule.ID, r.epoch+1, parts); err != nil {
		r.log.Error("checkpoint cannot be stored", "error", err)
		return
	}
	r.epoch++
}
