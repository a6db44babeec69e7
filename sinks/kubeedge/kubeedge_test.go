package kubeedge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/sinktest"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// edgecore stands for KubeEdge's: it keeps the updates it hears and answers
// them as edgecore does. The real one needs a Kubernetes node.
type edgecore struct {
	paho.Client
	mu      sync.Mutex
	updates []string // topic and payload
	code    int      // of the answers
	silent  int      // updates that are not answered
}

func newEdgecore(t *testing.T, addr string) *edgecore {
	t.Helper()
	e := &edgecore{}
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("edgecore").SetCleanSession(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(100 * time.Millisecond).SetDefaultPublishHandler(e.take)
	e.Client = paho.NewClient(o)
	if token := e.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	if token := e.Subscribe("$hw/events/device/+/+/twin/update", 1, nil); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { e.Disconnect(100) })
	return e
}

func (e *edgecore) take(c paho.Client, m paho.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.updates = append(e.updates, m.Topic()+" "+string(m.Payload()))
	if e.silent > 0 {
		e.silent--
		return
	}
	var update struct {
		EventID string `json:"event_id"`
	}
	_ = json.Unmarshal(m.Payload(), &update)
	answer := fmt.Sprintf(`{"event_id":"%s","timestamp":1}`, update.EventID)
	if e.code != 0 {
		answer = fmt.Sprintf(`{"event_id":"%s","timestamp":1,"code":%d,"reason":"update rejected"}`, update.EventID, e.code)
	}
	c.Publish(m.Topic()+"/result", 1, false, answer)
}

func (e *edgecore) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.updates)
}

func TestExam(t *testing.T) {
	broker := testserver.Mosquitto(t, "persistence true", "persistence_location "+t.TempDir()+"/")
	core := newEdgecore(t, broker.Addr)
	sinktest.Run(t, sinktest.Exam{
		Driver: "kubeedge", Props: map[string]any{"server": "tcp://" + broker.Addr, "device": "default/dev1"},
		Bad: []sinktest.Refusal{{Props: map[string]any{"write": "expected"}, Want: "desired"}},
		Received: func() (rows []string) {
			for _, u := range core.heard() {
				_, payload, _ := strings.Cut(u, " ")
				var m struct {
					Twin map[string]struct{ Expected struct{ Value string } }
				}
				if err := json.Unmarshal([]byte(payload), &m); err != nil {
					t.Error(err)
				}
				rows = append(rows, `{"n":`+m.Twin["n"].Expected.Value+"}")
			}
			return rows
		},
		Break: broker.Stop, Mend: broker.Start,
	})
}

// connected returns a sink with properties.
func connected(t *testing.T, broker *testserver.Server, props map[string]any) *sink {
	t.Helper()
	s := &sink{directory: devicemodel.NewDirectory()}
	s.directory.Replace("test", []devicemodel.Model{{Name: "lamp", Properties: []devicemodel.Property{
		{Name: "power", Type: value.Type{Kind: value.Bool}, Writable: true}, {Name: "hours", Type: value.Type{Kind: value.Int}}}}},
		[]devicemodel.Device{{Namespace: "plant", Name: "l1", Model: "lamp"}})
	set := param.New("kubeedge")
	s.Params(set)
	props["server"] = "tcp://" + broker.Addr
	if err := set.Bind(props); err != nil {
		t.Fatal(err)
	}
	if err := s.Connect(context.Background(), sinks.Env{Log: slog.New(slog.DiscardHandler), Clock: clock.Wall}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func payload(members ...value.Member) sinks.Payload {
	s := &row.Schema{}
	r := row.Row{}
	for _, m := range members {
		s.Cols = append(s.Cols, value.Field{Name: m.Name})
		r.Cols = append(r.Cols, m.Val)
	}
	return sinks.Payload{Schema: s, Rows: []row.Row{r}}
}

func member(name string, v value.Value) value.Member { return value.Member{Name: name, Val: v} }

func TestTheDeviceComesFromTheRowAndTheModelIsObeyed(t *testing.T) {
	broker := testserver.Mosquitto(t)
	core := newEdgecore(t, broker.Addr)
	s := connected(t, broker, map[string]any{"confirm": true})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id := member("deviceId", value.OfString("plant/l1"))
	if err := s.Write(ctx, payload(id, member("power", value.True), member("timestamp", value.OfInt(1)), member("hours", value.ExplicitNull))); err != nil {
		t.Fatal(err)
	}
	heard := core.heard()
	if len(heard) != 1 || !strings.HasPrefix(heard[0], "$hw/events/device/plant/l1/twin/update {") || !strings.Contains(heard[0], `"twin":{"power":{"expected":{"value":"true"`) {
		t.Errorf("heard %q", heard)
	}
	for want, p := range map[string]sinks.Payload{
		"is read only":     payload(id, member("hours", value.OfInt(1))),
		`no property "x"`:  payload(id, member("x", value.OfInt(1))),
		`is no device`:     payload(member("power", value.True)),
		"is not a boolean": payload(id, member("power", value.OfInt(1))),
	} {
		if err := s.Write(ctx, p); err == nil || !strings.Contains(err.Error(), want) || sinks.IsRetryable(err) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := s.Write(ctx, payload(id, member("power", value.ExplicitNull))); err != nil || len(core.heard()) != 1 {
		t.Errorf("a row of NULL: %v, %d updates", err, len(core.heard()))
	}
}

func TestAnswersOfEdgecoreDecide(t *testing.T) {
	broker := testserver.Mosquitto(t)
	core := newEdgecore(t, broker.Addr)
	s := connected(t, broker, map[string]any{"confirm": true, "confirmTimeout": 300, "write": "actual", "device": "default/d"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p := payload(member("x", value.OfInt(1)))
	for code, retryable := range map[int]bool{400: false, 404: false, 409: true, 500: true} {
		core.mu.Lock()
		core.code = code
		core.mu.Unlock()
		err := s.Write(ctx, p)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(code, " update rejected")) || sinks.IsRetryable(err) != retryable {
			t.Errorf("code %d: %v", code, err)
		}
	}
	core.mu.Lock()
	core.code, core.silent = 0, 1
	core.mu.Unlock()
	if err := s.Write(ctx, p); !sinks.IsRetryable(err) {
		t.Errorf("without an answer: %v", err)
	}
	if err := s.Write(ctx, p); err != nil {
		t.Error(err)
	}
}
