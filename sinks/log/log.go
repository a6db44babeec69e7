// Package log is the sink that writes results to the service's log:
//
//	sink result for rule r1: [{"a":1}]
package log

import (
	"context"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "log",
		Doc:  param.T("Writes results to the log.", "将结果写入日志。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

type sink struct{ env sinks.Env }

// Params implements sinks.Sink.
func (s *sink) Params(*param.Set) {}

// Connect implements sinks.Sink.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	s.env = env
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(_ context.Context, p sinks.Payload) error {
	s.env.Log.Info("sink result for rule " + s.env.Rule + ": " + string(p.Data))
	return nil
}

// Close implements sinks.Sink.
func (s *sink) Close() error { return nil }
