package rules

import (
	"context"
	"strings"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// outlet is where a run's results go.
type outlet interface {
	Start()
	Roomy() bool // a few rows can be sent without a wait
	// Send takes a batch; it blocks while the queue is full. done, if not nil, is
	// called when the results cannot get lost any more.
	Send(ctx context.Context, b row.Batch, done func(error)) error
	SendError(ctx context.Context, failure error) error
	// Flush waits until everything sent has reached the sink.
	Flush(ctx context.Context) error
	Close(ctx context.Context) error
	nodes() []Node
}

// action is the outlet of one element of "actions".
type action struct {
	*sinks.Outlet
	name string // mqtt_0
}

func (s *Set) newOutlet(r *Rule, a Action) (outlet, error) {
	props, _, err := s.cfg.Catalog.SinkProps(a.Type, a.Props)
	if err != nil {
		return nil, err
	}
	o, err := sinks.NewOutlet(sinks.OutletConfig{
		Name: strings.ToLower(a.Type), Props: props, Rule: r.ID, QoS: r.Options.QoS,
		DataDir: s.cfg.DataDir, Log: s.cfg.Log.With("rule", r.ID), Clock: s.cfg.Clock,
		Message: s.cfg.Catalog.Message,
	})
	if err != nil {
		return nil, err
	}
	return &action{o, a.name()}, nil
}

// Close delivers what is queued, unless the far side is away: then waiting for
// it would only hold up whoever stops the rule.
func (a *action) Close(ctx context.Context) error {
	if a.Link().Status < 0 {
		given, giveUp := context.WithCancel(ctx)
		giveUp()
		ctx = given
	}
	return a.Outlet.Close(ctx)
}

// nodes returns the steps in front of the sink (op_mqtt_0_0_transform ...) and
// the sink.
func (a *action) nodes() []Node {
	var ns []Node
	for i, step := range a.Steps() {
		ns = append(ns, Node{Kind: "op", Name: a.name + "_" + string(rune('0'+i)) + "_" + step.Name, Stats: step.Stats, Action: a.name})
	}
	return append(ns, Node{Kind: "sink", Name: a.name, Stats: a.Stats(), Link: a.Link, Action: a.name})
}
