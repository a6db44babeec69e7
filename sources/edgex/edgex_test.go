package edgex

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

type record struct {
	Topic, Channel string
	Payload        json.RawMessage
	PayloadB64     []byte `json:"payload_b64"`
}

func records(t *testing.T, file string) (rs []record) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.PayloadB64 == nil {
			r.PayloadB64 = r.Payload
		}
		if r.Topic == "" {
			r.Topic = strings.ReplaceAll(r.Channel, ".", "/")
		}
		rs = append(rs, r)
	}
	return rs
}

type links struct{ up chan bool }

func (links) Connecting()        {}
func (links) Disconnected(error) {}
func (l links) Connected() {
	select {
	case l.up <- true:
	default:
	}
}

func open(t *testing.T, props map[string]any) *source {
	t.Helper()
	s := &source{}
	p := param.New(`source "edgex"`)
	s.Params(p)
	if err := p.Bind(props); err != nil {
		t.Fatal(err)
	}
	return s
}

// run starts a source and returns its rows as they come.
func run(t *testing.T, s *source, datasource string, cfg format.Config) <-chan row.Row {
	t.Helper()
	dec, err := s.Decoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(chan row.Row, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	l := links{make(chan bool, 1)}
	env := sources.Env{Stream: "s", Datasource: datasource, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall, Status: l}
	go func() {
		ended <- s.Run(ctx, env, func(m sources.Message) error {
			var b row.Batch
			if err := dec.Decode(m.Payload, &b); err != nil {
				t.Errorf("%v: %.200s", err, m.Payload)
			}
			for _, r := range b.Rows {
				rows <- r
			}
			if m.Ack != nil {
				m.Ack(nil)
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != context.Canceled {
				t.Errorf("the source ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the source does not end")
		}
	})
	select {
	case <-l.up:
	case <-time.After(10 * time.Second):
		t.Fatal("no connection")
	}
	return rows
}

func bus(t *testing.T, kind string, port int) conn.Bus {
	t.Helper()
	b, release, err := conn.OpenBus(conn.BusConfig{Type: kind, Protocol: "tcp", Host: "127.0.0.1", Port: port,
		Optional: map[string]string{"qos": "1"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// settle publishes an event of its own until the source has it: only then its
// subscription is known to be there.
func settle(t *testing.T, b conn.Bus, topic string, rows <-chan row.Row) {
	t.Helper()
	for range 500 {
		if err := b.Publish(t.Context(), topic, []byte(`{"deviceName":"settle","readings":[{"resourceName":"x","valueType":"Int8","value":"1"}]}`)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-rows:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Fatal("the subscription never came")
}

func next(t *testing.T, rows <-chan row.Row) row.Row {
	t.Helper()
	for {
		select {
		case r := <-rows:
			if r.Meta.Key("deviceName").Str() != "settle" {
				return r
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no row in 10 s")
		}
	}
}

func TestRecordedEventsComeOverEveryBusInOrder(t *testing.T) {
	mosquitto, redis := testserver.Mosquitto(t), testserver.Redis(t)
	for _, tt := range []struct {
		kind string
		port int
		file string
		qos  int
	}{
		{"mqtt", mosquitto.Port, "v3-events.jsonl", 0},
		{"mqtt", mosquitto.Port, "v3-events-cbor.jsonl", 1},
		{"mqtt", mosquitto.Port, "v4-events.jsonl", 1},
		{"mqtt", mosquitto.Port, "v4-events-cbor-envelope.jsonl", 0},
		{"mqtt", mosquitto.Port, "v4-events-optimized.jsonl", 2},
		{"redis", redis.Port, "v3-redis-events.jsonl", 0},
		{"redis", redis.Port, "v4-events-cbor-envelope.jsonl", 0},
	} {
		t.Run(fmt.Sprint(tt.kind, " ", tt.file, " qos ", tt.qos), func(t *testing.T) {
			s := open(t, map[string]any{"type": tt.kind, "server": "127.0.0.1", "port": tt.port,
				"topic": "edgex/events/device/#", "messageType": "event", "optional": map[string]any{"Qos": tt.qos}})
			rows := run(t, s, "", format.Config{Schema: &row.Schema{Open: true}})
			b := bus(t, tt.kind, tt.port)
			settle(t, b, "edgex/events/device/hello", rows)
			recs := records(t, tt.file)
			for _, r := range recs {
				if err := b.Publish(t.Context(), r.Topic, r.PayloadB64); err != nil {
					t.Fatal(err)
				}
			}
			arrays := 0
			for i, r := range recs {
				var want row.Batch
				if err := wire.New(wire.Config{}).Decode(r.PayloadB64, &want); err != nil {
					t.Fatal(err)
				}
				got := next(t, rows)
				if got.Meta.Key("id").Str() != want.Rows[0].Meta.Key("id").Str() || got.Rest.String() != want.Rows[0].Rest.String() {
					t.Fatalf("event %d: got %v, want %v", i, got.Rest, want.Rows[0].Rest)
				}
				for _, m := range got.Rest.Members() {
					if m.Val.Kind() == value.Ints || m.Val.Kind() == value.Floats {
						arrays++
					}
				}
			}
			if arrays == 0 {
				t.Error("no typed arrays came")
			}
		})
	}
}

func TestTheDatasourceIsTheTopicFilter(t *testing.T) {
	broker := testserver.Mosquitto(t)
	s := open(t, map[string]any{"server": "127.0.0.1", "port": broker.Port, "topic": "#"})
	rows := run(t, s, "edgex/events/device/+/Press-Line-Sensor/press-01/#, edgex/other", format.Config{Schema: &row.Schema{Open: true}})
	b := bus(t, "mqtt", broker.Port)
	settle(t, b, "edgex/events/device/svc/Press-Line-Sensor/press-01/x", rows)
	settle(t, b, "edgex/other", rows)
	recs := records(t, "v3-events.jsonl")
	want := 0
	for _, r := range recs {
		if strings.Contains(r.Topic, "/Press-Line-Sensor/press-01/") {
			want++
		}
		if err := b.Publish(t.Context(), r.Topic, r.Payload); err != nil {
			t.Fatal(err)
		}
	}
	for range want {
		if got := next(t, rows).Meta.Key("deviceName").Str(); got != "press-01" {
			t.Fatalf("device %s", got)
		}
	}
	if want == 0 {
		t.Fatal("the recording has no event of press-01")
	}
}

func TestTheSourceComesBackWithTheBroker(t *testing.T) {
	for _, kind := range []string{"mqtt", "redis"} {
		t.Run(kind, func(t *testing.T) {
			start := func() *testserver.Server { return testserver.Mosquitto(t) }
			if kind == "redis" {
				start = func() *testserver.Server { return testserver.Redis(t) }
			}
			server := start()
			s := open(t, map[string]any{"type": kind, "server": "127.0.0.1", "port": server.Port})
			rows := run(t, s, "", format.Config{Schema: &row.Schema{Open: true}})
			settle(t, bus(t, kind, server.Port), "edgex/rules-events", rows)
			for range 2 {
				server.Stop()
				server.Start()
				back := time.Now()
				b := bus(t, kind, server.Port)
				settle(t, b, "edgex/rules-events", rows)
				if d := time.Since(back); d > 5*time.Second {
					t.Errorf("events flow %v after the server's return", d)
				}
			}
		})
	}
}

func TestPingTellsWhetherTheBusIsThere(t *testing.T) {
	broker := testserver.Mosquitto(t)
	env := sources.Env{Log: slog.New(slog.DiscardHandler), Clock: clock.Wall}
	props := map[string]any{"host": "127.0.0.1", "port": broker.Port}
	if err := open(t, props).Ping(t.Context(), env); err != nil {
		t.Error(err)
	}
	broker.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := open(t, props).Ping(ctx, env); err == nil {
		t.Error("there is no broker, but ping went well")
	}
}

func TestReadingsLeftOutAreCountedAndSampled(t *testing.T) {
	var logged strings.Builder
	s := open(t, nil)
	now := clock.NewVirtual(time.UnixMilli(1_700_000_000_000))
	s.Report(slog.New(slog.NewTextHandler(&logged, nil)), now)
	dec, err := s.Decoder(format.Config{Schema: &row.Schema{Open: true}})
	if err != nil {
		t.Fatal(err)
	}
	msg := []byte(`{"deviceName":"d","origin":1700000000000000000,"readings":[{"resourceName":"bad","valueType":"Int8","value":"x"},{"resourceName":"ok","valueType":"Int8","value":"1"}]}`)
	for range 100 {
		var b row.Batch
		if err := dec.Decode(msg, &b); err != nil || len(b.Rows) != 1 {
			t.Fatal(err, len(b.Rows))
		}
	}
	now.Set(now.Now().Add(10 * time.Second))
	dec.Decode(msg, &row.Batch{})
	if n := s.Skipped(); n != 101 {
		t.Errorf("%d counted", n)
	}
	if n := strings.Count(logged.String(), `edgex reading \"bad\" of device \"d\" skipped`); n != 2 || !strings.Contains(logged.String(), "101") {
		t.Errorf("logged %d times:\n%s", n, logged.String())
	}
}

func TestWrongPropertiesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{"type": "zero"}, "ZeroMQ"},
		{map[string]any{"messageType": "both"}, "only"},
		{map[string]any{"topik": "x"}, `did you mean "topic"?`},
	} {
		p := param.New(`source "edgex"`)
		(&source{}).Params(p)
		if err := p.Bind(tt.props); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v", tt.props, err)
		}
	}
}
