// Package mqtt is the sink that publishes results to an MQTT broker.
//
//	{"mqtt": {"server": "tcp://127.0.0.1:1883", "topic": "alerts/{{.deviceId}}", "qos": 1, "sendSingle": true}}
//
// All sinks for one broker and user share a connection. At qos 1 and 2 many
// messages are under way at once, and those that a break of the connection
// caught are sent again after it, in order.
package mqtt

import (
	"context"
	"strings"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "mqtt",
		Doc:  param.T("Results to an MQTT broker.", "将结果发布到 MQTT 服务器。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

// closeWait is how long Close waits for what is under way.
const closeWait = time.Second

type sink struct {
	broker   conn.MQTTParams
	topic    param.Template
	qos      int
	retained bool

	client  *conn.MQTTClient
	release func()
	unwatch func()
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	s.broker.Params(p, "")
	p.Template(&s.topic, "topic", "", param.T("topic to publish to, may contain {{..}}", "发布的主题，可包含 {{..}}"))
	p.Int(&s.qos, "qos", 0, param.T("quality of service: 0, 1 or 2", "服务质量：0、1 或 2"))
	p.Bool(&s.retained, "retained", false, param.T("the broker keeps the last message for later subscribers", "服务器保留最后一条消息"))
	p.Accept("properties")
	p.Check(s.check)
}

func (s *sink) check() error {
	switch {
	case s.topic.Text == "":
		return diag.New(diag.Exec, "mqtt sink is missing property topic")
	case s.topic.Static() && strings.ContainsAny(s.topic.Text, "#+"):
		return diag.New(diag.Exec, "mqtt sink topic shouldn't contain # or +")
	case s.qos < 0 || s.qos > 2:
		return diag.New(diag.Exec, "invalid qos value %d, the value could be only int 0 or 1 or 2", s.qos)
	}
	return nil
}

// Connect implements sinks.Sink. It does not wait for the broker.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	client, release, err := conn.MQTT(s.broker.Config(""), env.Log)
	if err != nil {
		return err
	}
	s.client, s.release, s.unwatch = client, release, func() {}
	if env.Status != nil {
		s.unwatch = client.Watch(env.Status)
	}
	return nil
}

// Write implements sinks.Sink.
func (s *sink) Write(ctx context.Context, p sinks.Payload) error {
	topic, err := s.topicOf(&p)
	if err != nil {
		return err
	}
	return s.client.Publish(ctx, topic, p.Data, byte(s.qos), s.retained)
}

// WriteAsync implements sinks.AsyncWriter.
func (s *sink) WriteAsync(ctx context.Context, p sinks.Payload, done func(error)) error {
	topic, err := s.topicOf(&p)
	if err != nil {
		return err
	}
	return s.client.Queue(ctx, topic, p.Data, byte(s.qos), s.retained, done)
}

// Flush implements sinks.Flusher. Errors go to the payloads they concern.
func (s *sink) Flush(context.Context) error {
	s.client.Flush()
	return nil
}

// Close implements sinks.Sink.
func (s *sink) Close() error {
	if s.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = s.client.Drain(ctx) // what is not through by then stays with its sender
	s.unwatch()
	s.release()
	s.client = nil
	return nil
}

// Ping implements sinks.Pinger.
func (s *sink) Ping(ctx context.Context, env sinks.Env) error {
	client, release, err := conn.MQTT(s.broker.Config(""), env.Log)
	if err != nil {
		return err
	}
	defer release()
	return client.Ping(ctx)
}

func (s *sink) topicOf(p *sinks.Payload) (string, error) {
	if s.topic.Static() {
		return s.topic.Text, nil
	}
	return s.topic.Eval(p.Value().Any())
}
