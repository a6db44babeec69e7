// Package kubeedge is the sink that writes results back to KubeEdge's devices,
// as desired values, which edgecore passes on to the mapper, or as actual ones.
// Each column is a property of the device.
//
//	{"kubeedge": {"device": "default/dev1", "fields": ["power-status"]}}
//	{"kubeedge": {"device": "{{.deviceId}}", "write": "actual", "confirm": true}}
package kubeedge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/twin"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "kubeedge",
		Doc:  param.T("Results as desired or actual values of KubeEdge devices.", "将结果写为 KubeEdge 设备的期望值或实际值。"),
		New:  func() sinks.Sink { return &sink{directory: devicemodel.Default} },
	})
}

// closeWait is how long Close waits for what is under way.
const closeWait = time.Second

type sink struct {
	broker    conn.MQTTParams
	device    param.Template
	write     string
	qos       int
	confirm   bool
	patience  time.Duration
	directory *devicemodel.Directory

	client  *conn.MQTTClient
	release func()
	unwatch func()
	clock   clock.Clock
	answers *answers
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	s.broker.Params(p, conn.DefaultMQTTServer)
	p.Template(&s.device, "device", "{{.deviceId}}", param.T("device as topics name it: namespace/name, or name before KubeEdge 1.17; may contain {{..}}",
		"主题中的设备名：namespace/name，KubeEdge 1.17 之前为 name；可包含 {{..}}"))
	p.String(&s.write, "write", "desired", param.T("desired: the mapper sets the device; actual: what the device reports", "desired：由 mapper 设置设备；actual：设备上报的值"), param.OneOf("desired", "actual"))
	p.Int(&s.qos, "qos", 1, param.T("quality of service: 0, 1 or 2", "服务质量：0、1 或 2"), param.OneOf(0, 1, 2))
	p.Bool(&s.confirm, "confirm", false, param.T("wait for edgecore's answer", "等待 edgecore 的应答"))
	p.Duration(&s.patience, "confirmTimeout", 5*time.Second, param.T("how long to wait for it before writing again", "等待应答的时间，超时后重写"))
}

// TakesRows implements sinks.Tuples.
func (s *sink) TakesRows() {}

// Connect implements sinks.Sink. It does not wait for the broker.
func (s *sink) Connect(_ context.Context, env sinks.Env) error {
	client, release, err := conn.MQTT(s.broker.Config(""), env.Log)
	if err != nil {
		return err
	}
	s.client, s.release, s.unwatch, s.clock = client, release, func() {}, env.Clock
	if s.confirm {
		if s.answers, err = listen(client); err != nil {
			release()
			s.client = nil
			return err
		}
	}
	if env.Status != nil {
		s.unwatch = client.Watch(env.Status)
	}
	return nil
}

// Write implements sinks.Sink. A row of which nothing can be written is an
// error; the others are written.
func (s *sink) Write(ctx context.Context, p sinks.Payload) error {
	var bad error
	for i := range p.Rows {
		err := s.writeRow(ctx, p.Schema, &p.Rows[i])
		if sinks.IsRetryable(err) {
			return err
		}
		if err != nil && bad == nil {
			bad = err
		}
	}
	return bad
}

func (s *sink) writeRow(ctx context.Context, schema *row.Schema, r *row.Row) error {
	object := row.Object(schema, r)
	device, err := s.device.Eval(object.Any())
	if err != nil {
		return err
	}
	if device == "" || strings.ContainsAny(device, "+#") || strings.Contains(device, "<no value>") {
		return fmt.Errorf("kubeedge sink: device %q of %q is no device", device, s.device.Text)
	}
	_, model := s.directory.Device(device)
	var writes []twin.Write
	for _, m := range object.Members() {
		if m.Name == twin.DeviceID || m.Name == twin.Timestamp || m.Val.IsNull() {
			continue
		}
		w, err := twin.NewWrite(m.Name, m.Val, model, s.desired())
		if err != nil {
			return fmt.Errorf("kubeedge sink: device %q: %w", device, err)
		}
		writes = append(writes, w)
	}
	if len(writes) == 0 {
		return nil
	}
	return s.send(ctx, device, writes)
}

func (s *sink) desired() bool { return s.write == "desired" }

func (s *sink) send(ctx context.Context, device string, writes []twin.Write) error {
	id := uuid.NewString()
	message, err := twin.Update(id, clock.MS(s.clock.Now()), writes, s.desired())
	if err != nil {
		return err
	}
	if s.answers == nil {
		return s.client.Publish(ctx, twin.UpdateTopic(device), message, byte(s.qos), false)
	}
	answer, forget := s.answers.expect(id)
	defer forget()
	if err := s.client.Publish(ctx, twin.UpdateTopic(device), message, byte(s.qos), false); err != nil {
		return err
	}
	late, stop := s.clock.After(s.patience)
	defer stop()
	select {
	case r := <-answer:
		return refused(device, r)
	case <-late:
		return sinks.Retryable(fmt.Errorf("kubeedge sink: edgecore does not answer the update of device %q", device))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refused is the error of an answer. A conflict and an internal error may pass.
func refused(device string, r twin.Result) error {
	if r.Code == 0 {
		return nil
	}
	err := fmt.Errorf("kubeedge sink: edgecore refuses the update of device %q: %d %s", device, r.Code, r.Reason)
	if r.Code == 409 || r.Code >= 500 {
		return sinks.Retryable(err)
	}
	return err
}

// Close implements sinks.Sink.
func (s *sink) Close() error {
	if s.client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	_ = s.client.Drain(ctx) // what is not through by then stays with its sender
	if s.answers != nil {
		s.answers.stop()
	}
	s.unwatch()
	s.release()
	s.client, s.answers = nil, nil
	return nil
}

// Ping implements sinks.Pinger.
func (s *sink) Ping(ctx context.Context, env sinks.Env) error {
	client, release, err := conn.MQTT(s.broker.Config("ping"), env.Log)
	if err != nil {
		return err
	}
	defer release()
	return client.Ping(ctx)
}
