package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// observer keeps what is published.
type observer struct {
	mu  sync.Mutex
	got []paho.Message
}

// observe subscribes. The broker remembers the session: what is published
// while the observer is not connected comes later.
func observe(t *testing.T, addr, filter string) *observer {
	t.Helper()
	o := &observer{}
	opts := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("observer").SetCleanSession(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.got = append(o.got, m)
		})
	c := paho.NewClient(opts)
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	if token := c.Subscribe(filter, 1, nil); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return o
}

func (o *observer) messages() []paho.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func (o *observer) texts() []string {
	ms := o.messages()
	ss := make([]string, len(ms))
	for i, m := range ms {
		ss[i] = string(m.Payload())
	}
	return ss
}

// wait returns the messages as soon as there are n.
func (o *observer) wait(t *testing.T, n int) []paho.Message {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if ms := o.messages(); len(ms) >= n {
			return ms
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d messages have come", len(o.messages()), n)
		}
	}
}

func TestExam(t *testing.T) {
	broker := testserver.Mosquitto(t, "persistence true", "persistence_location "+t.TempDir()+"/")
	o := observe(t, broker.Addr, "exam")
	server := "tcp://" + broker.Addr
	sinktest.Run(t, sinktest.Exam{
		Driver: "mqtt", Props: map[string]any{"server": server, "topic": "exam", "qos": 1},
		Bad: []sinktest.Refusal{
			{Props: map[string]any{"topic": "a"}, Want: "missing server property"},
			{Props: map[string]any{"topic": "a", "server": ""}, Want: "missing server property"},
			{Props: map[string]any{"server": server}, Want: "mqtt sink is missing property topic"},
			{Props: map[string]any{"server": server, "topic": "a/+"}, Want: "mqtt sink topic shouldn't contain # or +"},
			{Props: map[string]any{"server": server, "topic": "a/#"}, Want: "mqtt sink topic shouldn't contain # or +"},
			{Props: map[string]any{"server": server, "topic": "a", "qos": 5}, Want: "invalid qos value 5, the value could be only int 0 or 1 or 2"},
			{Props: map[string]any{"server": server, "topic": "a", "protocolVersion": "9"}, Want: "unsupported protocol version 9"},
			{Props: map[string]any{"server": server, "topic": "a", "protocolVersion": 5}, Want: "unsupported protocol version 5, the supported ones are 3.1.1 and 3.1"},
		},
		Received: o.texts, Break: broker.Stop, Mend: broker.Start,
	})
}

func TestErrorsOfPropertiesAreWordedAsKuiperDoes(t *testing.T) {
	for _, tt := range []struct {
		props map[string]any
		err   string
	}{
		{map[string]any{"server": "s"}, "mqtt sink is missing property topic"},
		{map[string]any{"server": "s", "topic": "#"}, "mqtt sink topic shouldn't contain # or +"},
		{map[string]any{"server": "s", "topic": "t", "qos": -1}, "invalid qos value -1, the value could be only int 0 or 1 or 2"},
	} {
		p := param.New(`sink "mqtt"`)
		new(sink).Params(p)
		if err := p.Bind(tt.props); err == nil || err.Error() != tt.err {
			t.Errorf("%v: %v, want %s", tt.props, err, tt.err)
		}
	}
}

// connect makes a sink that is connected.
func connect(t *testing.T, props map[string]any) *sink {
	t.Helper()
	s, p := &sink{}, param.New("test")
	s.Params(p)
	if err := p.Bind(props); err != nil {
		t.Fatal(err)
	}
	env := sinks.Env{Log: slog.New(slog.DiscardHandler), Clock: clock.Wall}
	if err := s.Connect(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Ping(ctx, env); err != nil {
		t.Fatal(err)
	}
	return s
}

var schema = &row.Schema{Cols: []value.Field{{Name: "id"}, {Name: "t"}}}

func payload(data, id string) sinks.Payload {
	r := row.Row{Cols: []value.Value{value.OfString(id), value.OfInt(21)}}
	return sinks.Payload{Data: []byte(data), Schema: schema, Rows: []row.Row{r}, Single: true}
}

func TestTopicMayDependOnTheResult(t *testing.T) {
	broker := testserver.Mosquitto(t)
	o := observe(t, broker.Addr, "#")
	s := connect(t, map[string]any{"server": broker.Addr, "topic": "vehicle/{{.id}}/cmd", "qos": 1})
	for _, id := range []string{"a", "b"} {
		if err := s.Write(t.Context(), payload("go", id)); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range o.wait(t, 2) {
		if want := []string{"vehicle/a/cmd", "vehicle/b/cmd"}[i]; m.Topic() != want {
			t.Errorf("topic %s, want %s", m.Topic(), want)
		}
	}
	for _, id := range []string{"+", "#"} {
		err := s.Write(t.Context(), payload("go", id))
		if err == nil || sinks.IsRetryable(err) || !strings.Contains(err.Error(), `topic "vehicle/`+id+`/cmd"`) {
			t.Errorf("id %s: %v", id, err)
		}
	}
}

func TestQoSAndRetainedAreAsConfigured(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := range 3 {
		for _, retained := range []bool{false, true} {
			s := connect(t, map[string]any{"server": broker.Addr, "topic": fmt.Sprintf("r/%d%v", qos, retained), "qos": qos, "retained": retained})
			if err := s.Write(t.Context(), payload(fmt.Sprint(qos), "")); err != nil {
				t.Fatal(err)
			}
			s.Close()
		}
	}
	marker := connect(t, map[string]any{"server": broker.Addr, "topic": "r/end", "qos": 1, "retained": true})
	if err := marker.Write(t.Context(), payload("end", "")); err != nil {
		t.Fatal(err)
	}
	late := observe(t, broker.Addr, "r/#") // gets what is retained, at qos 1 at most
	var got []string
	for _, m := range late.wait(t, 4) {
		got = append(got, fmt.Sprint(m.Topic(), " ", m.Qos(), " ", m.Retained()))
	}
	slices.Sort(got)
	if want := []string{"r/0true 0 true", "r/1true 1 true", "r/2true 1 true", "r/end 1 true"}; !slices.Equal(got, want) {
		t.Errorf("retained messages %q, want %q", got, want)
	}
}

func TestManyPayloadsAreUnderWayInOrder(t *testing.T) {
	broker := testserver.Mosquitto(t)
	o := observe(t, broker.Addr, "many")
	for qos := range 2 {
		s := connect(t, map[string]any{"server": broker.Addr, "topic": "many", "qos": qos})
		const n = 10000
		var mu sync.Mutex
		var done []int
		for i := range n {
			err := s.WriteAsync(t.Context(), payload(fmt.Sprint(i), ""), func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if done = append(done, i); err != nil {
					t.Error(i, err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, m := range o.wait(t, (qos+1)*n)[qos*n:] {
			if string(m.Payload()) != fmt.Sprint(i) {
				t.Fatalf("qos %d: message %d is %s", qos, i, m.Payload())
			}
		}
		s.Close() // waits for the last acknowledgements
		if !slices.IsSorted(done) || len(done) != n {
			t.Errorf("qos %d: %d of %d done, in order %v", qos, len(done), n, slices.IsSorted(done))
		}
	}
}

func TestWritingWithoutABrokerMayBeTriedAgain(t *testing.T) {
	broker := testserver.Mosquitto(t)
	for qos := range 3 {
		s := connect(t, map[string]any{"server": broker.Addr, "topic": "t", "qos": qos})
		broker.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		var err error
		for err == nil { // at qos 0 the loss of the broker is not noticed at once
			err = s.Write(ctx, payload("x", ""))
		}
		cancel()
		if !sinks.IsRetryable(err) {
			t.Errorf("qos %d: %v", qos, err)
		}
		s.Close()
		broker.Start()
	}
}

// The clock stands still, so that only the news of the connection can end the
// pause between two attempts.
func TestResultsGoOnAsSoonAsTheBrokerIsBack(t *testing.T) {
	broker := testserver.Mosquitto(t)
	broker.Stop()
	o, err := sinks.NewOutlet(sinks.OutletConfig{
		Name: "mqtt", Rule: "r", QoS: 1, Clock: clock.NewVirtual(time.UnixMilli(0)),
		Props: map[string]any{"server": broker.Addr, "topic": "back", "qos": 1, "sendSingle": true, "retained": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Start()
	if err := o.Send(t.Context(), row.Batch{Schema: schema, Rows: payload("", "a").Rows}, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); o.Stats().Errors.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no attempt fails without a broker")
		}
	}
	broker.Start()
	observe(t, broker.Addr, "back").wait(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSinksForOneBrokerShareAConnection(t *testing.T) {
	broker := testserver.Mosquitto(t)
	a := connect(t, map[string]any{"server": broker.Addr, "topic": "a"})
	b := connect(t, map[string]any{"server": broker.Addr, "topic": "b", "qos": 1})
	c := connect(t, map[string]any{"server": broker.Addr, "topic": "c", "clientId": "own"})
	if a.client != b.client || a.client == c.client {
		t.Error("sinks without a client id share a connection, those with one have their own")
	}
}

func TestCloseWaitsOnlyAMomentForABrokerThatIsGone(t *testing.T) {
	broker := testserver.Mosquitto(t)
	s := connect(t, map[string]any{"server": broker.Addr, "topic": "t", "qos": 1})
	broker.Stop()
	told := make(chan error, 1)
	err := s.WriteAsync(t.Context(), payload("x", ""), func(err error) { told <- err })
	began := time.Now()
	s.Close()
	if d := time.Since(began); d > 10*closeWait {
		t.Errorf("Close took %v", d)
	}
	if err == nil {
		err = <-told
	}
	if !errors.Is(err, conn.ErrDown) {
		t.Error(err)
	}
}
