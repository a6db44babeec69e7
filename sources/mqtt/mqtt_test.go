package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/sourcetest"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

func TestExam(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := range 2 {
		t.Run(fmt.Sprint("qos ", qos), func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Exam{
				Driver: "mqtt", Props: map[string]any{"server": "tcp://" + broker.Addr, "qos": qos}, Datasource: "exam/+",
				Bad: []sourcetest.Refusal{
					{Props: map[string]any{"qos": 3}, Want: "the value could be only 0 or 1 or 2"},
					{Props: map[string]any{"protocolVersion": "5"}, Want: "unsupported protocol version 5, the supported ones are 3.1.1 and 3.1"},
					{Props: map[string]any{"protocolVersion": 9}, Want: "unsupported protocol version 9"},
					{Props: map[string]any{"sever": "tcp://x"}, Want: `did you mean "server"?`},
				},
				Feed:  func(text string) error { return publish(broker.Addr, "exam/1", 1, text) },
				Break: broker.Stop, Mend: broker.Start,
				Wait: 40 * time.Second, // paho may wait 30 s with an UNSUBSCRIBE that a disconnect overtakes
			})
		})
	}
}

// publish sends messages over a connection of their own.
func publish(addr, topic string, qos byte, texts ...string) error {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetAutoReconnect(false))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		return token.Error()
	}
	defer c.Disconnect(100)
	var last paho.Token
	for _, s := range texts {
		last = c.Publish(topic, qos, false, s)
	}
	last.Wait()
	return last.Error()
}

// reader is a source that runs.
type reader struct {
	mu    sync.Mutex
	got   []sources.Message
	more  chan struct{}
	up    chan struct{}
	ended chan error
	stop  context.CancelFunc
}

func (r *reader) Connecting() {}
func (r *reader) Connected() {
	select {
	case r.up <- struct{}{}:
	default:
	}
}
func (r *reader) Disconnected(error) {}

// read runs a source and waits until it is subscribed. deliver may be nil.
func read(t *testing.T, props map[string]any, datasource string, deliver func(sources.Message) error) *reader {
	t.Helper()
	src, _, err := sources.Open("mqtt", props)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{more: make(chan struct{}, 1), up: make(chan struct{}, 1), ended: make(chan error, 1)}
	if deliver == nil {
		deliver = func(m sources.Message) error {
			if m.Ack != nil {
				m.Ack(nil)
			}
			return nil
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() {
		r.ended <- src.Run(ctx, sources.Env{Stream: t.Name(), Datasource: datasource, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall, Status: r},
			func(m sources.Message) error {
				r.mu.Lock()
				r.got = append(r.got, m)
				r.mu.Unlock()
				select {
				case r.more <- struct{}{}:
				default:
				}
				return deliver(m)
			})
	}()
	t.Cleanup(cancel)
	select {
	case <-r.up:
	case err := <-r.ended:
		t.Fatal(err)
	case <-time.After(20 * time.Second):
		t.Fatal("no connection")
	}
	return r
}

func (r *reader) messages() []sources.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// wait returns the messages as soon as the last one is there.
func (r *reader) wait(t *testing.T, last string) []sources.Message {
	t.Helper()
	for deadline := time.After(20 * time.Second); ; {
		ms := r.messages()
		if slices.ContainsFunc(ms, func(m sources.Message) bool { return string(m.Payload) == last }) {
			return ms
		}
		select {
		case <-r.more:
		case <-deadline:
			t.Fatalf("%q has not come, %d messages have", last, len(ms))
		}
	}
}

func payloads(ms []sources.Message) string {
	ss := make([]string, len(ms))
	for i, m := range ms {
		ss[i] = string(m.Payload)
	}
	return strings.Join(ss, " ")
}

func TestTenThousandMessagesComeInOrder(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := range byte(2) {
		texts := make([]string, 10000)
		for i := range texts {
			texts[i] = fmt.Sprint(qos, "/", i)
		}
		r := read(t, map[string]any{"server": broker.Addr, "qos": int(qos)}, "many", nil)
		if err := publish(broker.Addr, "many", qos, texts...); err != nil {
			t.Fatal(err)
		}
		if got := payloads(r.wait(t, texts[len(texts)-1])); got != strings.Join(texts, " ") {
			t.Errorf("qos %d: messages are missing, doubled or out of order", qos)
		}
		r.stop()
		<-r.ended
	}
}

func TestOverlappingFiltersGiveEachMessageOnce(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for _, datasource := range []string{"o/#, o/a", "o/a,o/a", "o/+, +/a", "o/a, o/+ ,+/a, #", "+/a, o/#, $share/g/o/a"} {
		t.Run(datasource, func(t *testing.T) {
			r := read(t, map[string]any{"server": broker.Addr}, datasource, nil)
			for i := range 20 {
				if err := publish(broker.Addr, "o/a", 1, fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := publish(broker.Addr, "o/a", 1, "end"); err != nil {
				t.Fatal(err)
			}
			if got := payloads(r.wait(t, "end")); got != "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 end" {
				t.Error(got)
			}
		})
	}
}

func TestFiltersAreReadFromTheDatasource(t *testing.T) {
	for _, tt := range []struct{ datasource, want, err string }{
		{"a", "a", ""},
		{" a , b ,, c/+ ", "a b c/+", ""},
		{"a/b, a/#, a/+", "a/#", ""},
		{"a, a, b", "a b", ""},
		{"+/a, o/#", "+/a o/#", ""},
		{"$share/g/o, +/a", "+/a $share/g/o", ""},
		{"$hw/events/device/+/twin/update", "$hw/events/device/+/twin/update", ""},
		{"#, $SYS/#", "# $SYS/#", ""},
		{"", "", "datasource is empty"},
		{" , ", "", "datasource is empty"},
		{"a/#/b", "", "# must be the last level"},
	} {
		fs, err := topicFilters(tt.datasource)
		ss := make([]string, len(fs))
		for i, f := range fs {
			ss[i] = string(f)
		}
		if strings.Join(ss, " ") != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %q %v, want %q %s", tt.datasource, ss, err, tt.want, tt.err)
		}
	}
}

func TestMetaTellsTopicQoSAndMessageID(t *testing.T) {
	broker := testserver.Mosquitto(t)
	r := read(t, map[string]any{"server": broker.Addr}, "devices/+/messages", nil)
	for _, d := range []string{"device_001", "device_002"} {
		if err := publish(broker.Addr, "devices/"+d+"/messages", 1, d); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range r.wait(t, "device_002") {
		topic := m.Meta.Key("topic").Str()
		id := m.Meta.Key("messageId").Int()
		if topic != fmt.Sprintf("devices/device_00%d/messages", i+1) || m.Meta.Key("qos").Int() != 1 || id == 0 ||
			m.Meta.Key("messageid").Str() != fmt.Sprint(id) || !m.Meta.Key("other").IsNull() {
			t.Errorf("topic %q, messageId %d", topic, id)
		}
		all, err := json.Marshal(m.Meta.All().Any())
		if want := fmt.Sprintf(`{"messageId":%d,"qos":1,"topic":%q}`, id, topic); err != nil || string(all) != want {
			t.Errorf("meta(*) is %s, want %s", all, want)
		}
	}
}

func TestMessagesAtQoS0OnOneTopicShareTheirMeta(t *testing.T) {
	broker := testserver.Mosquitto(t)
	r := read(t, map[string]any{"server": broker.Addr, "qos": 0}, "share/#", nil)
	for _, topic := range []string{"share/a", "share/b"} {
		if err := publish(broker.Addr, topic, 1, "1", "2", topic); err != nil {
			t.Fatal(err)
		}
		r.wait(t, topic)
	}
	ms := r.messages()
	if len(ms) != 6 || ms[0].Meta != ms[2].Meta || ms[2].Meta == ms[3].Meta || ms[3].Meta.Key("topic").Str() != "share/b" {
		t.Errorf("%d messages", len(ms))
	}
}

func TestWhatIsNotAcknowledgedComesAgainInAPersistentSession(t *testing.T) {
	broker := testserver.Mosquitto(t)
	props := map[string]any{"server": broker.Addr, "clientid": "lasting", "cleanSession": false}
	held := errors.New("not safe")
	r := read(t, props, "lasting", func(m sources.Message) error {
		if string(m.Payload) == "safe" {
			m.Ack(nil)
		} else {
			m.Ack(held)
		}
		return nil
	})
	if err := publish(broker.Addr, "lasting", 1, "lost", "safe", "last"); err != nil {
		t.Fatal(err)
	}
	r.wait(t, "last")
	r.stop()
	<-r.ended
	if err := publish(broker.Addr, "lasting", 1, "meanwhile"); err != nil {
		t.Fatal(err)
	}
	again := read(t, props, "lasting", nil)
	if got := payloads(again.wait(t, "meanwhile")); got != "lost last meanwhile" {
		t.Error(got)
	}
}

func TestEOFMessageEndsTheStream(t *testing.T) {
	broker := testserver.Mosquitto(t)
	r := read(t, map[string]any{"server": broker.Addr, "eofMessage": "bye"}, "eof", nil)
	if err := publish(broker.Addr, "eof", 1, "1", "bye", "2"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if err != nil || payloads(r.messages()) != "1" {
			t.Error(err, payloads(r.messages()))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the stream goes on")
	}
}

func TestRunEndsWhileDeliveryIsBlocked(t *testing.T) {
	broker := testserver.Mosquitto(t)
	over := make(chan struct{})
	entered := make(chan struct{}, 1)
	r := read(t, map[string]any{"server": broker.Addr}, "block", func(sources.Message) error {
		entered <- struct{}{}
		<-over
		return context.Canceled
	})
	if err := publish(broker.Addr, "block", 1, "1", "2", "3"); err != nil {
		t.Fatal(err)
	}
	<-entered
	r.stop()
	close(over) // the hub gives up waiting when its context ends
	select {
	case err := <-r.ended:
		if !errors.Is(err, context.Canceled) || len(r.messages()) != 1 {
			t.Error(err, payloads(r.messages()))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Run does not end")
	}
}

func TestFirstOfTheServersCounts(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for _, servers := range []any{[]any{"tcp://" + broker.Addr, "tcp://127.0.0.1:1"}, "[tcp://" + broker.Addr + "]"} {
		r := read(t, map[string]any{"servers": servers, "sharedSubscription": true, "concurrency": 1,
			"kubeedgeVersion": "", "kubeedgeModelFile": ""}, "servers", nil)
		if err := publish(broker.Addr, "servers", 1, "here"); err != nil {
			t.Fatal(err)
		}
		r.wait(t, "here")
		r.stop()
		<-r.ended
	}
}

func TestConfigurationsThatCannotWorkEndTheRun(t *testing.T) {
	for _, tt := range []struct {
		props map[string]any
		topic string
		err   string
	}{
		{nil, "", "datasource is empty"},
		{map[string]any{"server": "ftp://x"}, "a", `unknown scheme "ftp"`},
		{map[string]any{"rootCaPath": "/does/not/exist"}, "a", "rootCaPath: open /does/not/exist"},
		{map[string]any{"cleanSession": false}, "a", "a persistent session needs a client id"},
	} {
		src, _, err := sources.Open("mqtt", tt.props)
		if err != nil {
			t.Fatal(err)
		}
		err = src.Run(t.Context(), sources.Env{Datasource: tt.topic, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v: %v, want %q", tt.props, err, tt.err)
		}
	}
}

func TestPingTellsWhetherTheBrokerIsThere(t *testing.T) {
	broker := testserver.Mosquitto(t)
	src, _, err := sources.Open("mqtt", map[string]any{"server": broker.Addr})
	if err != nil {
		t.Fatal(err)
	}
	ping := func(wait time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		return src.(sources.Pinger).Ping(ctx, sources.Env{Log: slog.New(slog.DiscardHandler)})
	}
	if err := ping(20 * time.Second); err != nil {
		t.Error(err)
	}
	broker.Stop()
	if err := ping(200 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}
