package rest

import (
	"context"
	"errors"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// idle is a source without events, under the names of real ones, so that
// scripts need no broker.
type idle struct {
	server string
	qos    int
}

func (s *idle) Params(p *param.Set) {
	p.String(&s.server, "server", "tcp://127.0.0.1:1883", param.T("broker address", "服务器地址"), param.Connection())
	p.Int(&s.qos, "qos", 1, param.T("quality of service", "服务质量"), param.OneOf(0, 1, 2))
}

func (s *idle) Run(ctx context.Context, env sources.Env, _ func(sources.Message) error) error {
	env.Status.Connected()
	<-ctx.Done()
	return ctx.Err()
}

func (s *idle) Ping(context.Context, sources.Env) error {
	if s.server == "tcp://unreachable:1883" {
		return errors.New("connection refused")
	}
	return nil
}

// hole is a sink that swallows everything.
type hole struct {
	server, topic string
	required      bool
}

func (s *hole) Params(p *param.Set) {
	if s.required {
		p.String(&s.server, "server", "", param.T("broker address", "服务器地址"), param.Required())
		p.String(&s.topic, "topic", "", param.T("topic", "主题"), param.Required())
	}
}

func (s *hole) Connect(_ context.Context, env sinks.Env) error {
	env.Status.Connected()
	return nil
}
func (s *hole) Write(context.Context, sinks.Payload) error { return nil }
func (s *hole) Close() error                               { return nil }

// lenient is a hole that takes any property.
type lenient struct{ hole }

func (s *lenient) Params(p *param.Set) { p.AllowUnknown() }

func init() {
	for _, name := range []string{"mqtt", "edgex"} {
		sources.Register(&sources.Driver{Name: name, Doc: param.T("test source", "测试数据源"), New: func() sources.Source { return &idle{} }, Table: true})
	}
	for _, name := range []string{"edgex", "rest"} {
		sinks.Register(&sinks.Driver{Name: name, New: func() sinks.Sink { return &lenient{} }})
	}
	sinks.Register(&sinks.Driver{Name: "log", Doc: param.T("test sink", "测试目标"), New: func() sinks.Sink { return &hole{} }})
	sinks.Register(&sinks.Driver{Name: "mqtt", Doc: param.T("test sink", "测试目标"), New: func() sinks.Sink { return &hole{required: true} }})
}
