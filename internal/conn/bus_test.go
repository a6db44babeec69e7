package conn

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func bindBus(props map[string]any) (BusConfig, error) {
	var b BusParams
	p := param.New(`source "edgex"`)
	b.Params(p)
	err := p.Bind(props)
	return b.Config(), err
}

func TestBusPropertiesInEverySpelling(t *testing.T) {
	for _, tt := range []struct {
		props   map[string]any
		address string
	}{
		{nil, "tcp://localhost:1883"},
		{map[string]any{"type": "redis"}, "redis://localhost:6379"},
		{map[string]any{"type": "redis", "protocol": "redis", "server": "edgex-redis", "port": 6379}, "redis://edgex-redis:6379"},
		{map[string]any{"Server": "a", "HOST": "b", "Port": "1884"}, "tcp://b:1884"},
		{map[string]any{"server": "ssl://b:8883"}, "ssl://b:8883"},
		{map[string]any{"server": "tcp://b"}, "tcp://b:1883"},
		{map[string]any{"type": "nats-core", "port": 4222.0}, "nats://localhost:4222"},
		{map[string]any{"server": "::1", "port": 1}, "tcp://[::1]:1"},
	} {
		cfg, err := bindBus(tt.props)
		if err != nil || cfg.address() != tt.address {
			t.Errorf("%v: %s, %v, want %s", tt.props, cfg.address(), err, tt.address)
		}
	}
	cfg, err := bindBus(map[string]any{"optional": map[string]any{"ClientId": "c", "password": "p", "QOS": 1, "KeepAlive": "60", "cleanSession": false, "ConnectTimeout": 5.0}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := cfg.options()
	m := cfg.mqtt(o)
	if err != nil || m.ClientID != "c" || m.Password != "p" || o.qos != 1 || m.KeepAlive.Seconds() != 60 || !m.PersistentSession || m.ConnectTimeout.Seconds() != 5 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWrongBusPropertiesAreNamed(t *testing.T) {
	for _, tt := range []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{"type": "zero"}, "gave up ZeroMQ, use mqtt"},
		{map[string]any{"type": "kafka"}, "invalid type kafka"},
		{map[string]any{"port": "x"}, "invalid port x"},
		{map[string]any{"port": 70000}, "invalid port 70000"},
		{map[string]any{"optional": map[string]any{"Quos": 1}}, `did you mean "Qos"?`},
		{map[string]any{"optional": map[string]any{"Qos": 3}}, `optional qos "3"`},
		{map[string]any{"optional": map[string]any{"Retained": "maybe"}}, `optional retained "maybe"`},
	} {
		if _, err := bindBus(tt.props); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %s", tt.props, err, tt.want)
		}
	}
	if _, _, err := OpenBus(BusConfig{Type: "pigeon"}, nil); err == nil {
		t.Error("a pigeon is no bus")
	}
}

func TestRedisPatternsAreThoseOfEdgeX(t *testing.T) {
	for filter, want := range map[string]string{
		"edgex/events/device/#":           "edgex.events.device.*",
		"edgex/events/device/+/A-1/+/x_y": "edgex.events.device.*.A-1.*.x_y",
		"a/what?[1]*":                     `a.what\?\[1\]\*`,
	} {
		if got := redisPattern(filter); got != want {
			t.Errorf("%s becomes %s, want %s", filter, got, want)
		}
	}
}

func TestEveryBusCarriesMessagesInOrder(t *testing.T) {
	for kind, server := range map[string]*testserver.Server{"mqtt": testserver.Mosquitto(t), "redis": testserver.Redis(t)} {
		t.Run(kind, func(t *testing.T) {
			cfg, err := bindBus(map[string]any{"type": kind, "server": "127.0.0.1", "port": server.Port})
			if err != nil {
				t.Fatal(err)
			}
			bus, release, err := OpenBus(cfg, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer release()
			if err := bus.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := make(chan BusMessage, 1000)
			stop, err := bus.Subscribe("edgex/events/device/+/press/#", func(m BusMessage) { got <- m })
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			hello(t, bus, "edgex/events/device/svc/press/hello", got)
			for i := range byte(200) {
				if err := bus.Publish(t.Context(), "edgex/events/device/svc/press/d1/all", []byte{i}); err != nil {
					t.Fatal(err)
				}
			}
			for i := byte(0); i < 200; {
				m := receive(t, got)
				if m.Topic == "edgex/events/device/svc/press/hello" {
					continue
				}
				if m.Payload[0] != i || m.Topic != "edgex/events/device/svc/press/d1/all" {
					t.Fatalf("got %v on %s, want %d", m.Payload, m.Topic, i)
				}
				i++
			}
		})
	}
}

// hello publishes until the subscription is there.
func hello(t *testing.T, bus Bus, topic string, got <-chan BusMessage) {
	t.Helper()
	for range 500 {
		if err := bus.Publish(t.Context(), topic, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if receiveSoon(got) {
			return
		}
	}
	t.Fatal("the subscription never came")
}

func receiveSoon(got <-chan BusMessage) bool {
	select {
	case <-got:
		return true
	case <-time.After(20 * time.Millisecond):
		return false
	}
}
