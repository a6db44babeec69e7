package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/testserver"
)

// connect returns an MQTT client that the end of the test disconnects.
func connect(t *testing.T, port int) mqtt.Client {
	t.Helper()
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", port)))
	if token := client.Connect(); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	t.Cleanup(func() { client.Disconnect(100) })
	return client
}

// publish sends EdgeX events as fast as rate says until the test ends.
func publish(t *testing.T, port, rate int) {
	t.Helper()
	client := connect(t, port)
	recorded, err := os.ReadFile("../../sources/edgex/testdata/v3-events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(recorded), "\n")
	at := strings.Index(line, `"payload":`)
	message := strings.TrimSuffix(strings.TrimSpace(line[at+len(`"payload":`):]), "}")
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

func TestUnderTheSDKsBusTriggerThePipelineAnswersOnThePublishTopic(t *testing.T) {
	broker := testserver.Mosquitto(t)
	answers := make(chan string, 100)
	token := connect(t, broker.Port).Subscribe("edgex/answers", 0, func(_ mqtt.Client, m mqtt.Message) {
		select {
		case answers <- string(m.Payload()):
		default:
		}
	})
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	publish(t, broker.Port, 500)
	p := start(t, options{profile: "edgex", env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "SLUICE_RESTIP=127.0.0.1", "SERVICE_SERVERBINDADDR=127.0.0.1",
		"MESSAGEBUS_HOST=127.0.0.1", fmt.Sprintf("MESSAGEBUS_PORT=%d", broker.Port), "TRIGGER_TYPE=edgex-messagebus", "TRIGGER_PUBLISHTOPIC=answers",
		"SLUICE_PIPELINE_EXECUTIONORDER=SQL", "SLUICE_PIPELINE_FUNCTIONS_SQL_QUERY=SELECT meta(deviceName) AS device, count(*) AS n FROM events GROUP BY meta(deviceName), COUNTWINDOW(20)"}})
	p.ready()
	var answer string
	p.until("an answer arrives", func() bool {
		select {
		case answer = <-answers:
			return true
		default:
			return false
		}
	})
	var envelope struct{ Payload []byte }
	if err := json.Unmarshal([]byte(answer), &envelope); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if got := string(envelope.Payload); !strings.Contains(got, `"resourceName":"n"`) || !strings.Contains(got, `"value":"20"`) {
		t.Errorf("answer %s", got)
	}
	p.terminate() // the SDK's trigger may hang here: it must not matter
}
