// Package edgex is the sink that publishes results as EdgeX events. The rows of
// one emission become one event with a reading per column. What a result comes
// from stays: device, profile, source, origin and each reading's value type and
// units are those of the input event, unless a property or the SQL says
// otherwise; a column Temperature made from an Int32 reading Temperature is an
// Int32 again.
//
//	{"edgex": {"type": "mqtt", "server": "localhost", "topicPrefix": "edgex/events/device/sluice", "messageType": "request"}}
package edgex

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/edgex/event"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "edgex",
		Doc:  param.T("Results as events on an EdgeX MessageBus.", "将结果作为事件发布到 EdgeX 消息总线。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

// Names of events that come from nowhere in particular, those of Kuiper.
const (
	defaultTopic   = "application"
	defaultDevice  = "ekuiper"
	defaultProfile = "ekuiperProfile"
)

type sink struct {
	params      conn.BusParams
	topic       param.Template
	topicPrefix param.Template
	device      param.Template
	profile     param.Template
	source      param.Template
	messageType string
	contentType string
	metadata    string

	rule    string
	log     *slog.Logger
	clock   clock.Clock
	bus     conn.Bus
	order   inOrder
	release func()
	unwatch func()
	skipped int64
	warned  time.Time
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	s.params.Params(p)
	p.Template(&s.topic, "topic", "", param.T("topic to publish to, application by default", "发布的主题，默认为 application"))
	p.Template(&s.topicPrefix, "topicPrefix", "", param.T("publish to topicPrefix/profile/device/source", "发布到 topicPrefix/profile/device/source"))
	p.String(&s.messageType, "messageType", "event", param.T("what to publish: an event, or a request to add it", "发布的内容：event 或 request"),
		param.OneOf("event", "request"))
	p.String(&s.contentType, "contentType", event.JSON, param.T("encoding of requests", "请求的编码"), param.OneOf(event.JSON, event.CBOR))
	p.Template(&s.device, "deviceName", "", param.T("device of the events, by default that of the input", "事件的设备名，默认取自输入"))
	p.Template(&s.profile, "profileName", "", param.T("profile of the events, by default that of the input", "事件的配置文件名，默认取自输入"))
	p.Template(&s.source, "sourceName", "", param.T("source of the events, by default that of the input", "事件的来源名，默认取自输入"))
	p.String(&s.metadata, "metadata", "", param.T("column with meta(*), whose names, types and tags count", "包含 meta(*) 的列，采用其中的名称、类型和标签"))
	p.Check(s.check)
}

func (s *sink) check() error {
	if s.topic.Text != "" && s.topicPrefix.Text != "" {
		return errors.New("not allow to specify both topic and topicPrefix, please set one only")
	}
	if strings.EqualFold(s.messageType, "event") && strings.EqualFold(s.contentType, event.CBOR) {
		return errors.New("contentType application/cbor needs messageType request, an event is sent as application/json only")
	}
	return nil
}

// TakesRows implements sinks.Tuples.
func (s *sink) TakesRows() {}

// Connect implements sinks.Sink. It does not wait for the bus.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	bus, release, err := conn.OpenBus(s.params.Config(), env.Log)
	if err != nil {
		return err
	}
	s.bus, s.release, s.rule, s.log, s.clock = bus, release, env.Rule, env.Log, env.Clock
	s.unwatch = func() {}
	if env.Status != nil {
		s.unwatch = bus.Watch(env.Status)
	}
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(ctx context.Context, p sinks.Payload) error {
	topic, message, err := s.message(&p)
	if err != nil || message == nil {
		return err
	}
	if s.bus == nil {
		return conn.ErrDown
	}
	return s.bus.Publish(ctx, topic, message)
}

// WriteAsync implements sinks.AsyncWriter.
func (s *sink) WriteAsync(ctx context.Context, p sinks.Payload, done func(error)) error {
	topic, message, err := s.message(&p)
	if err != nil {
		return err
	}
	if s.bus == nil {
		return conn.ErrDown
	}
	w := s.order.add(done)
	if message == nil {
		s.order.finish(w, nil)
		return nil
	}
	if err := s.bus.PublishAsync(ctx, topic, message, func(err error) { s.order.finish(w, err) }); err != nil {
		s.order.drop()
		return err
	}
	return nil
}

// Flush implements sinks.Flusher. Errors go to the payloads they concern.
func (s *sink) Flush(context.Context) error {
	s.bus.Flush()
	return nil
}

// closeWait is how long Close waits for events under way.
const closeWait = time.Second

// Close implements sinks.Sink.
func (s *sink) Close() error {
	if s.bus == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = s.bus.Drain(ctx) // what is not through by then stays with its sender
	s.unwatch()
	s.release()
	s.bus = nil
	return nil
}

// Ping implements sinks.Pinger.
func (s *sink) Ping(ctx context.Context, env sinks.Env) error {
	bus, release, err := conn.OpenBus(s.params.Config(), env.Log)
	if err != nil {
		return err
	}
	defer release()
	return bus.Ping(ctx)
}

// message makes the envelope and its topic; nil if no value is left to send.
func (s *sink) message(p *sinks.Payload) (topic string, message []byte, err error) {
	e, correlation, err := s.event(p)
	if err != nil {
		return "", nil, err
	}
	if len(e.Readings) == 0 {
		return "", nil, nil
	}
	if topic, err = s.topicOf(p, e); err != nil {
		return "", nil, err
	}
	contentType := event.JSON
	var payload []byte
	switch {
	case strings.EqualFold(s.messageType, "event"):
		payload, err = e.AppendEvent(nil)
	case strings.EqualFold(s.contentType, event.CBOR):
		contentType = event.CBOR
		payload, err = e.MarshalCBOR(uuid.NewString())
	default:
		payload, err = e.AppendRequest(nil, uuid.NewString())
	}
	if err != nil {
		return "", nil, fmt.Errorf("edgex event: %w", err)
	}
	return topic, event.AppendEnvelope(nil, payload, contentType, correlation), nil
}

func (s *sink) topicOf(p *sinks.Payload, e *event.Event) (string, error) {
	if s.topicPrefix.Text != "" {
		prefix, err := s.fill(&s.topicPrefix, p)
		return strings.Join([]string{prefix, e.Profile, e.Device, e.Source}, "/"), err
	}
	topic, err := s.fill(&s.topic, p)
	if topic == "" {
		topic = defaultTopic
	}
	return topic, err
}

// fill evaluates a property for a payload.
func (s *sink) fill(t *param.Template, p *sinks.Payload) (string, error) {
	if t.Static() {
		return t.Text, nil
	}
	return t.Eval(p.Value().Any())
}

// skip counts a value that cannot be a reading and logs a sample.
func (s *sink) skip(err error) {
	s.skipped++
	if now := s.clock.Now(); now.Sub(s.warned) >= 10*time.Second {
		s.warned = now
		s.log.Warn("edgex sink leaves a value out", "error", err, "so far", s.skipped)
	}
}

// SkippedReadings returns how many values were left out of events.
func (s *sink) SkippedReadings() int64 { return s.skipped }
