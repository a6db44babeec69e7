// Package edgex is the source for EdgeX readings. It reads a MessageBus (MQTT,
// Redis, NATS) itself, in order, and turns each event into one row: a column
// per reading, typed by the reading's valueType, origin as event time, device,
// profile, source and tags under meta().
//
//	CREATE STREAM press (Temperature FLOAT, Vibration ARRAY(FLOAT))
//	  WITH (TYPE="edgex", DATASOURCE="edgex/events/device/+/Press-Line-Sensor/#")
//
// Without DATASOURCE the property topic counts. EdgeX 2, 3 and 4, requests and
// bare events are recognised by themselves (package wire).
package edgex

import (
	"context"
	"strings"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sources.Register(&sources.Driver{
		Name:  "edgex",
		Timed: true,
		Doc:   param.T("Readings from an EdgeX MessageBus.", "来自 EdgeX 消息总线的读数。"),
		New:   func() sources.Source { return &source{} },
	})
}

type source struct {
	bus         conn.BusParams
	topic       string
	messageType string
	clock       clock.Clock // of the run
	sources.Skips
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	s.bus.Params(p)
	p.String(&s.topic, "topic", "edgex/rules-events", param.T("topic filter, if the stream has no DATASOURCE", "主题过滤器，流没有 DATASOURCE 时使用"))
	p.String(&s.messageType, "messageType", "", param.T("event or request; without effect, each message tells itself", "event 或 request；无效果，自动识别"),
		param.OneOf("", "event", "request"))
	p.Accept("serviceServer", "interval")
}

// Decoder implements sources.Decoding.
func (s *source) Decoder(cfg format.Config) (format.Decoder, error) {
	return wire.New(wire.Config{
		Schema: cfg.Schema, Strict: cfg.Strict, IntWhole: cfg.IntWhole, NoMeta: cfg.NoMeta, Now: s.now, Warn: func(w wire.Warning) { s.Skip(w.String()) },
	}), nil
}

// now is the time of the run, 0 before it.
func (s *source) now() int64 {
	if s.clock == nil {
		return 0
	}
	return clock.MS(s.clock.Now())
}

// Run implements sources.Source. It ends only with ctx: the bus client
// reconnects by itself.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	bus, release, err := conn.OpenBus(s.bus.Config(), env.Log)
	if err != nil {
		return err
	}
	defer release()
	s.clock = env.Clock
	s.Report(env.Log, env.Clock)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	handle := func(m conn.BusMessage) {
		if err := deliver(sources.Message{Payload: m.Payload, Ack: m.Ack}); err != nil {
			cancel(err) // the stream is closed; not acknowledged, a message at qos 1 comes again
		}
	}
	if env.Status != nil {
		defer bus.Watch(env.Status)()
	}
	for _, filter := range s.filters(env.Datasource) {
		stop, err := bus.Subscribe(filter, handle)
		if err != nil {
			return err
		}
		defer stop()
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// filters are the topics to subscribe to, separated by commas.
func (s *source) filters(datasource string) (fs []string) {
	list := datasource
	if strings.TrimSpace(list) == "" {
		list = s.topic
	}
	for _, f := range strings.Split(list, ",") {
		if f = strings.TrimSpace(f); f != "" {
			fs = append(fs, f)
		}
	}
	return fs
}

// Ping implements sources.Pinger.
func (s *source) Ping(ctx context.Context, env sources.Env) error {
	bus, release, err := conn.OpenBus(s.bus.Config(), env.Log)
	if err != nil {
		return err
	}
	defer release()
	return bus.Ping(ctx)
}
