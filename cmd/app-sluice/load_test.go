package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/testserver"
)

// publish sends EdgeX events as fast as rate says until the test ends.
func publish(t *testing.T, port, rate int) {
	t.Helper()
	recorded, err := os.ReadFile("../../sources/edgex/testdata/v3-events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(recorded), "\n")
	at := strings.Index(line, `"payload":`)
	message := strings.TrimSuffix(strings.TrimSpace(line[at+len(`"payload":`):]), "}")
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)))
	if token := client.Connect(); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for range rate / 100 {
				client.Publish("edgex/events/device/d/p/dev/s", 0, false, message).Wait()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-done
		client.Disconnect(100)
	})
}

func TestSIGTERMUnderLoadEndsCleanlyEveryTime(t *testing.T) {
	broker := testserver.Mosquitto(t)
	publish(t, broker.Port, 3000)
	env := []string{"EDGEX_SECURITY_SECRET_STORE=false", "SLUICE_RESTIP=127.0.0.1", "SERVICE_SERVERBINDADDR=127.0.0.1",
		"MESSAGEBUS_HOST=127.0.0.1", fmt.Sprintf("MESSAGEBUS_PORT=%d", broker.Port)}
	data := t.TempDir()
	first := start(t, options{profile: "edgex", env: env, data: data})
	first.ready()
	first.create("/streams", `{"sql": "CREATE STREAM ev () WITH (TYPE=\"edgex\", DATASOURCE=\"edgex/events/device/#\", FORMAT=\"JSON\")"}`)
	first.create("/rules", `{"id": "r1", "sql": "SELECT * FROM ev", "actions": [{"mqtt": {"server": "`+broker.Addr+`", "topic": "out"}}], "options": {"qos": 1}}`)
	first.terminate()
	for range 8 {
		p := start(t, options{profile: "edgex", env: env, data: data})
		p.ready()
		p.until("events flow", func() bool {
			code, body := p.get("/rules/r1/status")
			return code == http.StatusOK && strings.Contains(body, `"source_ev_0_records_in_total": `) && !strings.Contains(body, `"source_ev_0_records_in_total": 0,`)
		})
		p.terminate()
	}
}
