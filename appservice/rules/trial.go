package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// Trial is a SELECT that is tried out: on rows that the user gives in place of
// streams, its results to whoever looks. It leaves nothing behind.
type Trial struct {
	ID  string
	set *Set
	run *run
	out *stage
}

// trialDefinition is the body of POST /ruletest.
type trialDefinition struct {
	ID      string         `json:"id"`
	SQL     string         `json:"sql"`
	Options map[string]any `json:"options"`
	Sink    map[string]any `json:"sinkProps"`
	Mock    map[string]struct {
		Data     []json.RawMessage `json:"data"`
		Interval any               `json:"interval"`
		Loop     bool              `json:"loop"`
	} `json:"mockSource"`
}

// Trial reads and compiles the definition of a trial; id is used if it has
// none.
func (s *Set) Trial(text []byte, id string) (*Trial, error) {
	var d trialDefinition
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("invalid rule json: Parse rule %s error : %w", clip(text), err)
	}
	if d.ID != "" {
		id = d.ID
	}
	r := &Rule{ID: id, Name: id, SQL: d.SQL}
	var err error
	if r.Options, err = parseOptions(s.cfg.Defaults, d.Options, s.cfg.Location); err != nil {
		return nil, err
	}
	r.Options.QoS, r.Options.SendError = 0, true
	if r.Select, err = parseSQL(d.SQL); err != nil {
		return nil, err
	}
	t := &Trial{ID: id, set: s, out: &stage{}}
	mocks := map[string]sources.Source{}
	for name, m := range d.Mock {
		src := &mock{rows: m.Data, loop: m.Loop}
		if m.Interval != nil {
			if src.interval, err = param.ParseDuration(m.Interval); err != nil {
				return nil, fmt.Errorf("mockSource %s: interval: %w", name, err)
			}
		}
		mocks[name] = src
	}
	if t.run, err = s.prepareWith(r, mocks); err != nil {
		return nil, err
	}
	o, err := sinks.NewOutlet(sinks.OutletConfig{
		Name: "trial", Sink: t.out, Props: d.Sink, Rule: id, DataDir: s.cfg.DataDir, Log: t.run.log, Clock: s.cfg.Clock,
	})
	if err != nil {
		return nil, err
	}
	t.run.outs = []outlet{&action{o, "trial"}}
	return t, nil
}

// Run runs the trial once, until ctx ends or its sources are exhausted, and
// gives show every message.
func (t *Trial) Run(ctx context.Context, show func(message []byte)) error {
	t.out.show = show
	err := t.set.open(ctx, t.run)
	if err == nil {
		err = t.run.loop(ctx)
	}
	t.run.finish(err)
	if errors.Is(err, errExhausted) || ctx.Err() != nil {
		return nil
	}
	return err
}

// stage is the sink of a trial.
type stage struct{ show func([]byte) }

// Params implements sinks.Sink.
func (s *stage) Params(*param.Set) {}

// Connect implements sinks.Sink.
func (s *stage) Connect(context.Context, sinks.Env) error { return nil }

// Write implements sinks.Sink.
func (s *stage) Write(_ context.Context, p sinks.Payload) error {
	s.show(p.Data)
	return nil
}

// Close implements sinks.Sink.
func (s *stage) Close() error { return nil }
