// Package kubeedge is the source for the values of KubeEdge's devices: twin
// updates, data updates and what mappers push by MQTT and HTTP become typed
// rows. DATASOURCE is the name of a device model, or topic filters.
//
//	CREATE STREAM sensor (deviceId STRING, temperature BIGINT) WITH (TYPE="kubeedge", DATASOURCE="sensor-tag-model")
//
// Which devices are of the model says the directory of package devicemodel.
package kubeedge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/twin"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func init() {
	sources.Register(&sources.Driver{
		Name:  "kubeedge",
		Timed: true,
		Doc:   param.T("Values of KubeEdge devices, typed by their device model.", "KubeEdge 设备的值，按设备模型确定类型。"),
		New:   func() sources.Source { return &source{directory: devicemodel.Default} },
	})
}

// kinds are the messages that can be read. Twin results and documents repeat what
// an update said: they count for properties of which no update was heard, as with
// mappers that report by DMI.
var kinds = []string{"update", "result", "document", "delta", "get", "state", "data", "mqtt", "http"}

// topics are the filters of kinds, with a device id of one level (KubeEdge to
// 1.16.1) and of two.
var topics = map[string][]string{
	"update": twinTopics("update"), "result": twinTopics("update/result"), "document": twinTopics("update/document"), "delta": twinTopics("update/delta"),
	"get":   twinTopics("get/result"),
	"state": {"$hw/events/device/+/state/update", "$hw/events/device/+/+/state/update"},
	"data":  {"$ke/events/device/+/data/update", "$ke/events/device/+/+/data/update"},
}

func twinTopics(verb string) []string {
	return []string{"$hw/events/device/+/twin/" + verb, "$hw/events/device/+/+/twin/" + verb}
}

type source struct {
	sources.Skips
	broker    conn.MQTTParams
	qos       int
	read      []string
	merge     bool
	booleans  bool
	timezone  string
	loc       *time.Location
	directory *devicemodel.Directory
	clock     clock.Clock // of the run
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	s.broker.Params(p, conn.DefaultMQTTServer)
	s.broker.SourceParams(p)
	p.Int(&s.qos, "qos", 1, param.T("quality of service to subscribe with", "订阅的服务质量"), param.OneOf(0, 1, 2))
	p.Strings(&s.read, "read", []string{"update", "document", "data", "mqtt", "http"}, param.T("messages to read: update, result, document, delta, get, state (of twins), data, mqtt and http (what mappers push)",
		"读取的消息：update、result、document、delta、get、state（孪生），data，mqtt 和 http（mapper 推送）"))
	p.Bool(&s.merge, "merge", false, param.T("each row has the last values of the device's other properties too", "每行包含设备其他属性的最新值"))
	p.Bool(&s.booleans, "booleans", false, param.T("on, off, yes, no, 1 and 0 are BOOLEAN values too", "on、off、yes、no、1、0 也作为布尔值"))
	p.String(&s.timezone, "timezone", "Local", param.T("zone of the times that mappers push", "mapper 推送时间的时区"))
	p.Check(s.check)
}

func (s *source) check() (err error) {
	for _, kind := range s.read {
		if topics[kind] == nil && kind != "mqtt" && kind != "http" {
			return fmt.Errorf("read has no %q, it has %s", kind, strings.Join(kinds, ", "))
		}
	}
	s.loc, err = time.LoadLocation(s.timezone)
	return err
}

// modelOf is the model that a DATASOURCE names; "": it has topic filters.
func modelOf(datasource string) string {
	if strings.ContainsRune(datasource, '/') {
		return ""
	}
	return strings.TrimSpace(datasource)
}

// Decoder implements sources.Decoding.
func (s *source) Decoder(cfg format.Config) (format.Decoder, error) {
	return twin.New(twin.Config{Schema: cfg.Schema, Model: modelOf(cfg.Datasource), Directory: s.directory, Merge: s.merge, Booleans: s.booleans,
		Loc: s.loc, NoMeta: cfg.NoMeta, Now: s.now, Warn: func(device, why string) { s.Skip(fmt.Sprintf("device %q %s", device, why)) }})
}

func (s *source) now() int64 {
	if s.clock == nil {
		return 0
	}
	return clock.MS(s.clock.Now())
}

// Run implements sources.Source. It ends only with ctx: the client reconnects
// by itself.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	client, release, err := conn.MQTT(s.broker.Config("stream "+env.Stream), env.Log)
	if err != nil {
		return err
	}
	defer release()
	s.clock = env.Clock
	s.Report(env.Log, env.Clock)
	r := newRun(ctx, s, client, deliver)
	defer r.stop()
	if env.Status != nil {
		defer client.Watch(env.Status)()
	}
	for {
		changed := s.directory.Changed()
		if err := r.listen(s.places(env.Datasource)); err != nil {
			return err
		}
		select {
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		case <-changed:
		}
	}
}

// places are the topic filters and paths to listen on now.
func (s *source) places(datasource string) (filters, paths []string) {
	model := modelOf(datasource)
	if model == "" {
		for f := range strings.SplitSeq(datasource, ",") {
			if f = strings.TrimSpace(f); f != "" {
				filters = append(filters, f)
			}
		}
		return filters, nil
	}
	pushes := map[string]bool{}
	for _, kind := range s.read {
		filters = append(filters, topics[kind]...)
		pushes[kind] = true
	}
	for _, dev := range s.directory.Devices(model) {
		for _, push := range dev.Push {
			switch {
			case push.Topic != "" && pushes["mqtt"]:
				filters = append(filters, push.Topic)
			case push.Path != "" && pushes["http"]:
				paths = append(paths, "/"+strings.TrimPrefix(push.Path, "/"))
			}
		}
	}
	return filters, paths
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
