// Package mqtt is the source for messages from an MQTT broker, the type of a
// stream that names none.
//
//	CREATE STREAM demo (temperature FLOAT) WITH (DATASOURCE="devices/+/state, alarms/#", FORMAT="JSON")
//
// The stream's DATASOURCE is one topic filter or several, separated by commas;
// where they overlap a message comes once. Rules that fall behind hold the
// broker back. At qos 1 and 2 a message is acknowledged when every rule has it
// safely.
package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/twin"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sources.Register(&sources.Driver{
		Name:  "mqtt",
		Doc:   param.T("Messages from an MQTT broker.", "来自 MQTT 服务器的消息。"),
		New:   func() sources.Source { return &source{} },
		Table: true,
	})
}

type source struct {
	sources.Skips
	broker conn.MQTTParams
	qos    int
	eof    string

	modelFile string
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	s.broker.Params(p, conn.DefaultMQTTServer)
	s.broker.SourceParams(p)
	p.Int(&s.qos, "qos", 1, param.T("quality of service to subscribe with", "订阅的服务质量"), param.OneOf(0, 1, 2))
	p.String(&s.eof, "eofMessage", "", param.T("payload that ends the stream", "表示流结束的负载"))
	p.String(&s.modelFile, "kubeedgeModelFile", "", param.T("KubeEdge device models (Kuiper's, or deviceProfile.json) that type the values of flat JSON", "为扁平 JSON 的值确定类型的 KubeEdge 设备模型文件（Kuiper 格式或 deviceProfile.json）"))
	p.Accept("kubeedgeVersion", "enableClientSession", "clientStatePath", "sessionExpiryIntervalSeconds")
}

// Decoder implements sources.Decoding: with kubeedgeModelFile values get the
// types of the device's model.
func (s *source) Decoder(cfg format.Config) (format.Decoder, error) {
	if s.modelFile == "" {
		return nil, nil
	}
	models, devices, err := devicemodel.Read(s.modelFile)
	if err != nil {
		return nil, fmt.Errorf("kubeedgeModelFile: %w", err)
	}
	directory := devicemodel.NewDirectory()
	directory.Replace(s.modelFile, models, devices)
	return twin.NewFlat(cfg, directory, models, s.Skip)
}

// Run implements sources.Source. It ends only with ctx or the eofMessage: the
// client reconnects by itself.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	filters, err := topicFilters(env.Datasource)
	if err != nil {
		return err
	}
	client, release, err := conn.MQTT(s.broker.Config("stream "+env.Stream), env.Log)
	if err != nil {
		return err
	}
	defer release()
	s.Report(env.Log, env.Clock)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{eof: s.eof, deliver: deliver, ctx: ctx, cancel: cancel}
	for i, f := range filters {
		stop, err := client.Subscribe(string(f), byte(s.qos), r.handler(filters[:i], f))
		if err != nil {
			return err
		}
		defer stop()
	}
	if env.Status != nil {
		defer client.Watch(env.Status)()
	}
	<-ctx.Done()
	cancel(nil) // a handler that is blocked in deliver gives up, the stops above wait for it
	if err := context.Cause(ctx); !errors.Is(err, errEnd) {
		return err
	}
	return nil
}

// Ping implements sources.Pinger.
func (s *source) Ping(ctx context.Context, env sources.Env) error {
	client, release, err := conn.MQTT(s.broker.Config("ping"), env.Log)
	if err != nil {
		return err
	}
	defer release()
	return client.Ping(ctx)
}

// errEnd ends a run on the eofMessage.
var errEnd = errors.New("end of stream")

// run is one call of Run.
type run struct {
	eof     string
	deliver func(sources.Message) error
	ctx     context.Context
	cancel  context.CancelCauseFunc

	mu   sync.Mutex // filters that overlap are on connections of their own
	last *meta
}

// handler makes the function for the messages of a filter. A message that an
// earlier filter matches too comes from there.
func (r *run) handler(earlier []conn.TopicFilter, f conn.TopicFilter) conn.MQTTHandler {
	var other []conn.TopicFilter
	for _, e := range earlier {
		if e.Overlaps(f) {
			other = append(other, e)
		}
	}
	return func(m conn.MQTTMessage) bool {
		for _, e := range other {
			if e.Match(m.Topic) {
				return true
			}
		}
		return r.handle(m)
	}
}

// handle delivers one message.
func (r *run) handle(m conn.MQTTMessage) (done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return m.QoS == 0
	}
	if r.eof != "" && string(m.Payload) == r.eof {
		r.cancel(errEnd)
		return true
	}
	msg := sources.Message{Payload: m.Payload, Meta: r.meta(&m), Ack: m.Settle()}
	if err := r.deliver(msg); err != nil {
		r.cancel(err)
	}
	return m.QoS == 0
}

// meta describes a message. Messages at qos 0 on one topic share it.
func (r *run) meta(m *conn.MQTTMessage) *meta {
	if l := r.last; l != nil && l.topic == m.Topic && l.qos == m.QoS && l.id == m.ID {
		return l
	}
	r.last = &meta{topic: m.Topic, qos: m.QoS, id: m.ID}
	return r.last
}

// topicFilters reads a DATASOURCE. Filters that others cover are left out, and
// shared subscriptions, which get only their share of the messages, come last:
// what an earlier filter matches is taken from there.
func topicFilters(datasource string) ([]conn.TopicFilter, error) {
	var all []conn.TopicFilter
	for s := range strings.SplitSeq(datasource, ",") {
		f := conn.TopicFilter(strings.TrimSpace(s))
		if f == "" {
			continue
		}
		if err := f.Valid(); err != nil {
			return nil, diag.New(diag.Exec, "datasource: %v", err)
		}
		all = append(all, f)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("datasource is empty, write a topic filter such as devices/+/state")
	}
	slices.SortStableFunc(all, func(a, b conn.TopicFilter) int {
		switch {
		case a.Shared() == b.Shared():
			return 0
		case a.Shared():
			return 1
		}
		return -1
	})
	var fs []conn.TopicFilter
	for i := range all {
		if !covered(all, i) {
			fs = append(fs, all[i])
		}
	}
	return fs, nil
}

// covered is true if another filter makes filter i superfluous; of two that do
// so to each other the first one stays.
func covered(all []conn.TopicFilter, i int) bool {
	for j, f := range all {
		if j != i && f.Covers(all[i]) && (j < i || !all[i].Covers(f)) {
			return true
		}
	}
	return false
}
