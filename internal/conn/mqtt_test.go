package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/edgesluice/sluice/internal/testserver"
)

func TestMessagesPassInOrderAtEveryQoS(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := range byte(3) {
		t.Run(fmt.Sprint("qos ", qos), func(t *testing.T) {
			n := 10000
			if qos == 2 {
				n = 1000
			}
			topic := fmt.Sprint("order/", qos)
			in, out := open(t, MQTTConfig{Server: broker.Addr, Name: "in"}), open(t, MQTTConfig{Server: broker.Addr})
			box, done := newInbox(), newInbox()
			if _, err := in.Subscribe("order/#", qos, func(m MQTTMessage) bool {
				if m.Topic != topic || m.QoS != qos || (m.ID == 0) != (qos == 0) {
					t.Errorf("message on %s at qos %d with id %d", m.Topic, m.QoS, m.ID)
				}
				return box.handle(m)
			}); err != nil {
				t.Fatal(err)
			}
			ready(t, in)
			for i, s := range numbers(n) {
				if err := out.Queue(t.Context(), topic, []byte(s), qos, false, func(err error) { done.add(fmt.Sprint(s, err)) }); err != nil {
					t.Fatal(i, err)
				}
			}
			if err := out.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			same(t, box.wait(t, n), numbers(n))
			for i, s := range done.wait(t, n) {
				if s != fmt.Sprint(i)+"<nil>" {
					t.Fatalf("done %d is %s", i, s)
				}
			}
		})
	}
}

func TestLargeAndEmptyPayloadsArriveWhole(t *testing.T) {
	broker := testserver.Mosquitto(t)
	c, box := open(t, MQTTConfig{Server: broker.Addr}), newInbox()
	if _, err := c.Subscribe("big", 1, box.handle); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	sizes := []int{0, 1, 127, 128, 16383, 16384, 65536, 1<<20 + 1, 5 << 20}
	for i, n := range sizes {
		payload := []byte(strings.Repeat(string(rune('a'+i)), n))
		if err := c.Publish(t.Context(), "big", payload, 1, false); err != nil {
			t.Fatal(n, err)
		}
	}
	for i, s := range box.wait(t, len(sizes)) {
		if len(s) != sizes[i] || strings.Trim(s, string(rune('a'+i))) != "" {
			t.Errorf("payload of %d bytes came as %d, or changed", sizes[i], len(s))
		}
	}
}

func TestHandlerThatBlocksHoldsTheBrokerBackAndTheConnectionLives(t *testing.T) {
	broker := testserver.Mosquitto(t, "max_inflight_messages 0")
	for qos := range byte(2) {
		t.Run(fmt.Sprint("qos ", qos), func(t *testing.T) {
			t.Parallel()
			topic := fmt.Sprint("slow/", qos)
			line := newProxy(t, broker.Addr, nil)
			c, box := open(t, MQTTConfig{Server: line.addr, KeepAlive: 4 * time.Second}), newInbox() // mosquitto counts whole seconds
			entered, leave := make(chan struct{}), make(chan struct{})
			var once sync.Once
			if _, err := c.Subscribe(topic, qos, func(m MQTTMessage) bool {
				once.Do(func() { close(entered); <-leave })
				return box.handle(m)
			}); err != nil {
				t.Fatal(err)
			}
			ready(t, c)
			states := &recorder{}
			defer c.Watch(states)()
			from := peer(t, broker.Addr)
			const n = 2000
			for _, s := range numbers(n) {
				tell(t, from, topic, qos, s)
			}
			<-entered
			before := line.pings.Load()
			eventually(t, "pings stopped while the handler was blocked", func() bool { return line.pings.Load() >= before+2 })
			if got := box.all(); len(got) > 0 {
				t.Fatalf("%d messages passed a handler that is blocked", len(got))
			}
			close(leave)
			same(t, box.wait(t, n), numbers(n))
			if got := states.all(); !slices.Equal(got, []string{"connected"}) {
				t.Errorf("states %q, want no change", got)
			}
		})
	}
}

func TestBrokerThatComesLaterAndGoesAndComesBack(t *testing.T) {
	broker := testserver.Mosquitto(t)
	broker.Stop()
	c, box, states := open(t, MQTTConfig{Server: broker.Addr}), newInbox(), &recorder{}
	defer c.Watch(states)()
	if _, err := c.Subscribe("news", 1, box.handle); err != nil {
		t.Fatal(err)
	}
	err := c.Publish(t.Context(), "news", []byte("lost"), 0, false)
	if !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("publishing without a broker: %v", err)
	}
	for _, s := range numbers(2) {
		broker.Start()
		back := time.Now()
		ready(t, c)
		tell(t, peer(t, broker.Addr), "news", 1, s)
		box.wait(t, len(box.all())+1)
		if d := time.Since(back); d > 5*time.Second {
			t.Errorf("data flows %v after the broker's return", d)
		}
		broker.Stop()
		eventually(t, "the loss of the broker is not told", func() bool {
			all := states.all()
			return strings.HasPrefix(all[len(all)-1], "disconnected: ")
		})
	}
	same(t, slices.Compact(box.all()), numbers(2))
}

func TestPublishingGoesOnWithoutWaitingForEachAnswer(t *testing.T) {
	broker := testserver.Mosquitto(t)
	line := newProxy(t, broker.Addr, nil)
	out, done, arrived := open(t, MQTTConfig{Server: line.addr}), newInbox(), newInbox()
	peer(t, broker.Addr).Subscribe("pipe", 1, func(_ mqtt.Client, m mqtt.Message) { arrived.add(string(m.Payload())) }).Wait()
	ready(t, out)
	line.Hold(true)
	for _, s := range numbers(flightWindow) {
		if err := out.PublishAsync(t.Context(), "pipe", []byte(s), 1, false, func(err error) { done.add(s) }); err != nil {
			t.Fatal(err)
		}
	}
	same(t, arrived.wait(t, flightWindow), numbers(flightWindow))
	if got := done.all(); len(got) > 0 {
		t.Errorf("%d messages are done without an answer of the broker", len(got))
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := out.PublishAsync(short, "pipe", nil, 1, false, func(error) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one message more than the window: %v", err)
	}
	line.Hold(false)
	same(t, done.wait(t, flightWindow), numbers(flightWindow))
}

func TestMessagesUnderWayAreSentAgainInOrderAfterABreak(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := byte(1); qos <= 2; qos++ {
		t.Run(fmt.Sprint("qos ", qos), func(t *testing.T) {
			line := newProxy(t, broker.Addr, nil)
			out, done, arrived := open(t, MQTTConfig{Server: line.addr}), newInbox(), newInbox()
			topic := fmt.Sprint("again/", qos)
			peer(t, broker.Addr).Subscribe(topic, qos, func(_ mqtt.Client, m mqtt.Message) { arrived.add(string(m.Payload())) }).Wait()
			ready(t, out)
			line.Hold(true) // no acknowledgement comes through
			n := 500
			if qos == 2 {
				n = flightWindowQoS2
			}
			for i, s := range numbers(n) {
				if i == n/2 {
					line.Hold(false)
					line.Cut()
					ready(t, out)
				}
				publish := func() error {
					return out.PublishAsync(t.Context(), topic, []byte(s), qos, false, func(err error) { done.add(fmt.Sprint(s, err)) })
				}
				err := publish()
				for errors.Is(err, ErrDown) { // the cut is not noticed at once
					ready(t, out)
					err = publish()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := out.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i, s := range done.wait(t, n) {
				if s != fmt.Sprint(i)+"<nil>" {
					t.Fatalf("done %d is %s", i, s)
				}
			}
			// Each arrives once or twice; leaving out what came before, the rest is in order.
			var first []string
			for want := n; len(first) < n; want++ {
				seen := map[string]bool{}
				first = slices.DeleteFunc(slices.Clone(arrived.wait(t, want)), func(s string) bool { again := seen[s]; seen[s] = true; return again })
			}
			same(t, first, numbers(n))
		})
	}
}

func TestAcknowledgementsReachTheBrokerInTheOrderOfArrival(t *testing.T) {
	broker := testserver.Mosquitto(t, "max_inflight_messages 0")
	acks := newInbox()
	line := newProxy(t, broker.Addr, func(first byte, body []byte) {
		if first>>4 == packetPuback {
			acks.add(fmt.Sprint(int(body[0])<<8 | int(body[1])))
		}
	})
	c := open(t, MQTTConfig{Server: line.addr})
	const n = 100
	var held []MQTTMessage
	all := make(chan struct{})
	if _, err := c.Subscribe("acks", 1, func(m MQTTMessage) bool {
		if held = append(held, m); len(held) == n {
			close(all)
		}
		return false
	}); err != nil {
		t.Fatal(err)
	}
	ready(t, c)
	from := peer(t, broker.Addr)
	for _, s := range numbers(n) {
		tell(t, from, "acks", 1, s)
	}
	<-all
	var want []string
	for i := n - 1; i >= 0; i-- { // the last one first
		if i == 50 {
			held[i].Nack()
		} else {
			held[i].Ack()
		}
		if i > 0 && len(acks.all()) > 0 {
			t.Fatalf("acknowledged before the first message was: %q", acks.all())
		}
		held[i].Ack() // a second one does nothing
	}
	for i, m := range held {
		if i != 50 {
			want = append(want, fmt.Sprint(m.ID))
		}
	}
	same(t, acks.wait(t, n-1), want)
}

func TestPersistentSessionKeepsWhatWasNotAcknowledged(t *testing.T) {
	broker := testserver.Mosquitto(t)
	cfg := MQTTConfig{Server: broker.Addr, ClientID: "keeper", PersistentSession: true}
	for round, want := range []string{"a", "a b"} {
		c, release, err := MQTT(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		box := newInbox()
		if round > 0 {
			time.Sleep(100 * time.Millisecond) // what the broker kept comes before anybody has subscribed
		}
		stop, err := c.Subscribe("kept", 1, func(m MQTTMessage) bool {
			box.add(string(m.Payload))
			return round > 0 // the first time nothing is acknowledged
		})
		if err != nil {
			t.Fatal(err)
		}
		ready(t, c)
		if round == 0 {
			tell(t, peer(t, broker.Addr), "kept", 1, "a")
		}
		got := box.wait(t, len(strings.Fields(want)))
		stop()
		release()
		if strings.Join(got, " ") != want {
			t.Errorf("round %d: %q, want %q", round, got, want)
		}
		tell(t, peer(t, broker.Addr), "kept", 1, "b") // nobody is there
	}
}

func TestSubscriptionsOfOneClientMayOverlap(t *testing.T) {
	broker := testserver.Mosquitto(t)
	c := open(t, MQTTConfig{Server: broker.Addr, ClientID: "overlap"})
	filters := []string{"o/#", "o/+", "o/a", "o/a", "+/a"}
	boxes := make([]*inbox, len(filters))
	stops := make([]func(), len(filters))
	for i, f := range filters {
		boxes[i] = newInbox()
		var err error
		if stops[i], err = c.Subscribe(f, 1, boxes[i].handle); err != nil {
			t.Fatal(err)
		}
	}
	ready(t, c)
	from := peer(t, broker.Addr)
	tell(t, from, "o/a", 1, "1")
	tell(t, from, "o/b", 1, "2")
	for i, want := range [][]string{{"1", "2"}, {"1", "2"}, {"1"}, {"1"}, {"1"}} {
		same(t, boxes[i].wait(t, len(want)), want)
	}
	for _, stop := range stops[:3] {
		stop()
	}
	ready(t, c)
	tell(t, from, "o/a", 1, "3")
	same(t, boxes[3].wait(t, 2), []string{"1", "3"})
	same(t, boxes[4].wait(t, 2), []string{"1", "3"})
	for i, n := range []int{2, 2, 1} {
		if got := boxes[i].all(); len(got) != n {
			t.Errorf("%s after its end: %q", filters[i], got)
		}
	}
}

func TestClientsAreSharedAndClosedByTheLast(t *testing.T) {
	broker := testserver.Mosquitto(t)
	log := slog.New(slog.DiscardHandler)
	before := runtime.NumGoroutine()
	a, release1, err := MQTT(MQTTConfig{Server: broker.Addr, ClientID: "one"}, log)
	if err != nil {
		t.Fatal(err)
	}
	b, release2, err := MQTT(MQTTConfig{Server: broker.Addr, ClientID: "one"}, log)
	if err != nil {
		t.Fatal(err)
	}
	other, release3, err := MQTT(MQTTConfig{Server: broker.Addr, ClientID: "one", Name: "other"}, log)
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a == other {
		t.Error("one client for one configuration, another for another")
	}
	if got := []string{a.links[0].id, other.links[0].id}; !slices.Equal(got, []string{"one", "one-2"}) {
		t.Errorf("client ids %q in one process must differ", got)
	}
	ready(t, a)
	release1()
	release1() // once more has no effect
	if err := b.Publish(t.Context(), "still", nil, 1, false); err != nil {
		t.Error("the other one has not given it back:", err)
	}
	release2()
	if err := b.Publish(t.Context(), "over", nil, 1, false); !errors.Is(err, ErrDown) {
		t.Error("publishing through a closed client:", err)
	}
	release3()
	eventually(t, "goroutines are left behind", func() bool { return runtime.NumGoroutine() <= before })
	if len(mqttClients.by)+len(mqttClients.ids) > 0 {
		t.Errorf("left behind: %v %v", mqttClients.by, mqttClients.ids)
	}
}

func TestStrangerWithTheSameClientIDIsReported(t *testing.T) {
	broker := testserver.Mosquitto(t)
	c, states := open(t, MQTTConfig{Server: broker.Addr, ClientID: "twin"}), &recorder{}
	defer c.Watch(states)()
	ready(t, c)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a client that comes back at once whenever it is thrown out
		for {
			select {
			case <-stop:
				return
			default:
			}
			raw, err := net.Dial("tcp", broker.Addr)
			if err != nil {
				continue
			}
			raw.Write([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04twin"))
			for b := make([]byte, 16); err == nil; {
				_, err = raw.Read(b)
			}
			raw.Close()
		}
	}()
	eventually(t, "the fight for the client id is not reported", func() bool {
		return slices.ContainsFunc(states.all(), func(s string) bool { return strings.Contains(s, `is client id "twin" used twice?`) })
	})
}

// gate lets everybody in, but nobody near the topic secret.
type gate struct{ mochi.HookBase }

func (*gate) Provides(b byte) bool { return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck }

func (*gate) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*gate) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool { return topic != "secret" }

func TestRefusedSubscriptionIsReportedAndLeavesTheOthersAlone(t *testing.T) {
	broker := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	defer broker.Close()
	port := listeners.NewTCP(listeners.Config{ID: "tcp", Address: "127.0.0.1:0"})
	if err := errors.Join(broker.AddHook(new(gate), nil), broker.AddListener(port), broker.Serve()); err != nil {
		t.Fatal(err)
	}
	c, states, box := open(t, MQTTConfig{Server: port.Address()}), &recorder{}, newInbox()
	defer c.Watch(states)()
	for _, f := range []string{"secret", "open"} {
		if _, err := c.Subscribe(f, 1, box.handle); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the refusal is not reported", func() bool {
		return slices.Contains(states.all(), `disconnected: the broker refuses the subscription to "secret"`)
	})
	tell(t, peer(t, port.Address()), "open", 1, "yes")
	same(t, box.wait(t, 1), []string{"yes"})
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	for _, tt := range []struct {
		cfg MQTTConfig
		err string
	}{
		{MQTTConfig{}, "server is empty"},
		{MQTTConfig{Server: "http://host"}, `unknown scheme "http"`},
		{MQTTConfig{Server: "tcp://user:secret@ho st:1"}, "server is not an address"},
		{MQTTConfig{Server: "host", Version: "5"}, `protocol version "5" is not supported`},
		{MQTTConfig{Server: "host", PersistentSession: true}, "needs a client id"},
		{MQTTConfig{Server: "host", TLS: TLS{CAFile: "/does/not/exist"}}, "rootCaPath: open /does/not/exist"},
		{MQTTConfig{Server: "host", TLS: TLS{CARaw: "?"}}, "rootCARaw is neither PEM nor base64"},
		{MQTTConfig{Server: "host", TLS: TLS{CARaw: "eHl6"}}, "holds no PEM certificate"},
		{MQTTConfig{Server: "host", TLS: TLS{CertRaw: "eHl6"}}, "needs both certificationPath and privateKeyPath"},
	} {
		_, _, err := MQTT(tt.cfg, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.err)
		}
	}
	if len(mqttClients.ids) > 0 {
		t.Errorf("left behind: %v", mqttClients.ids)
	}
}

func TestMessagesThatCannotBeSentAreRefused(t *testing.T) {
	broker := testserver.Mosquitto(t)
	c := open(t, MQTTConfig{Server: broker.Addr})
	ready(t, c)
	for _, tt := range []struct {
		topic string
		qos   byte
		err   string
	}{
		{"", 0, "must have 1 to 65535 bytes and no + or #"},
		{"a/+", 0, "must have 1 to 65535 bytes and no + or #"},
		{"a/#", 1, "must have 1 to 65535 bytes and no + or #"},
		{strings.Repeat("a", 65536), 0, "must have 1 to 65535 bytes"},
		{"a", 3, "invalid qos value 3, the value could be only int 0 or 1 or 2"},
	} {
		err := c.Publish(t.Context(), tt.topic, nil, tt.qos, false)
		if err == nil || !strings.Contains(err.Error(), tt.err) || errors.Is(err, ErrDown) {
			t.Errorf("%.20q qos %d: %v, want %q", tt.topic, tt.qos, err, tt.err)
		}
	}
}
