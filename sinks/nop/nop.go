// Package nop is the sink that throws results away, for measurements and for
// rules whose functions have effects of their own.
//
//	{"nop": {"log": true}}
package nop

import (
	"context"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "nop",
		Doc:  param.T("Throws results away.", "丢弃结果。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

type sink struct {
	log bool
	env sinks.Env
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	p.Bool(&s.log, "log", false, param.T("log what is thrown away", "将丢弃的内容写入日志"))
}

// Discards implements sinks.Discarder.
func (s *sink) Discards() bool { return !s.log }

// Connect implements sinks.Sink.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	s.env = env
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(_ context.Context, p sinks.Payload) error {
	s.env.Log.Info("result thrown away", "result", string(p.Data))
	return nil
}

// Close implements sinks.Sink.
func (s *sink) Close() error { return nil }
