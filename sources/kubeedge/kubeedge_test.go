package kubeedge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sources/sourcetest"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// publish sends a message over a connection of its own, as mappers do.
func publish(addr, topic, text string) error {
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + addr).SetAutoReconnect(false))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		return token.Error()
	}
	defer c.Disconnect(100)
	token := c.Publish(topic, 1, false, text)
	token.Wait()
	return token.Error()
}

// update is a twin update as mappers of KubeEdge 1.5 send it.
func update(property, val string) string {
	return fmt.Sprintf(`{"event_id":"","timestamp":1697426002500,"twin":{"%s":{"actual":{"value":"%s","metadata":{}},"metadata":{"type":"int"}}}}`, property, val)
}

func TestExam(t *testing.T) {
	broker := testserver.Mosquitto(t)
	sourcetest.Run(t, sourcetest.Exam{
		Driver: "kubeedge", Props: map[string]any{"server": "tcp://" + broker.Addr},
		Datasource: "$hw/events/device/+/twin/update",
		Bad: []sourcetest.Refusal{
			{Props: map[string]any{"read": "updates"}, Want: `read has no "updates"`},
			{Props: map[string]any{"timezone": "Mars"}, Want: "Mars"},
		},
		Feed: func(text string) error {
			var r struct{ N json.Number }
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				return err
			}
			return publish(broker.Addr, "$hw/events/device/dev1/twin/update", update("n", r.N.String()))
		},
		Break: broker.Stop, Mend: broker.Start,
		Wait: 40 * time.Second, // paho may wait 30 s with an UNSUBSCRIBE that a disconnect overtakes
	})
}

func TestAModelsDevicesAreReadWhereverTheySend(t *testing.T) {
	dataserver.Default.SetAddr("127.0.0.1:0")
	broker := testserver.Mosquitto(t)
	dir := devicemodel.NewDirectory()
	model := devicemodel.Model{Name: "m", Properties: []devicemodel.Property{{Name: "n", Type: value.Type{Kind: value.Int}, Readable: true}}}
	dir.Replace("test", []devicemodel.Model{model}, []devicemodel.Device{{Namespace: "plant", Name: "d1", Model: "m"}})

	src, common, err := sources.Open("kubeedge", map[string]any{"server": "tcp://" + broker.Addr})
	if err != nil {
		t.Fatal(err)
	}
	src.(*source).directory = dir
	hub, err := sources.NewHub(sources.HubConfig{Stream: "s", Datasource: "m", Source: src, Payload: common, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall})
	if err != nil {
		t.Fatal(err)
	}
	in := sources.NewInbox(100)
	if _, err := hub.Attach(in, 0, sources.Want{Schema: &row.Schema{Cols: []value.Field{{Name: "n", Type: value.Type{Kind: value.Int}}, {Name: "deviceId"}}}}); err != nil {
		t.Fatal(err)
	}
	hub.Start()
	defer hub.Close(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	// heard sends until a row with the value has come.
	heard := func(want int64, device string, send func() error) {
		t.Helper()
		for {
			_ = send()
			select {
			case <-ctx.Done():
				t.Fatalf("%d of %s did not come", want, device)
			case <-in.Ready():
			case <-time.After(50 * time.Millisecond):
			}
			found := false
			for _, d := range in.Take() {
				for _, r := range d.Batch.Rows {
					found = found || r.Col(0).Int() == want && r.Col(1).Str() == device
				}
				d.Done(nil)
			}
			if found {
				return
			}
		}
	}
	heard(1, "plant/d1", func() error { return publish(broker.Addr, "$hw/events/device/plant/d1/twin/update", update("n", "1")) })
	heard(2, "plant/d1", func() error {
		return publish(broker.Addr, "$ke/events/device/plant/d1/data/update", `{"data":{"n":{"value":"2"}}}`)
	})

	// A device that is described later, with where its mapper pushes to.
	dir.Replace("test", []devicemodel.Model{model}, []devicemodel.Device{{Namespace: "plant", Name: "d1", Model: "m"},
		{Namespace: "plant", Name: "d2", Model: "m", Push: []devicemodel.Push{{Property: "n", Topic: "push/n"}, {Property: "n", Path: "/push/n"}}}})
	heard(3, "plant/d2", func() error { return publish(broker.Addr, "push/n", "time is 2023-10-16 11:13:22  push/n: 3") })
	heard(4, "plant/d2", func() error {
		go func() { // it is answered when the value was taken
			resp, err := http.Post("http://"+dataserver.Default.Addr()+"/push/n", "application/x-www-form-urlencoded", strings.NewReader("n=4&time=2023-10-16 11:13:22"))
			if err == nil {
				resp.Body.Close()
			}
		}()
		return nil
	})
	_ = publish(broker.Addr, "$hw/events/device/plant/stranger/twin/update", update("n", "9"))
	_ = publish(broker.Addr, "$hw/events/device/plant/d1/twin/update", update("n", "x"))
	for hub.Skipped() < 2 {
		if ctx.Err() != nil {
			t.Fatalf("%d values counted as skipped", hub.Skipped())
		}
		time.Sleep(time.Millisecond)
	}
}
