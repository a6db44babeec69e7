package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
)

const models = "../../devicemodel/kubeedge/testdata/"

func TestDeviceModelsBecomeStreams(t *testing.T) {
	broker := testserver.Mosquitto(t)
	b := newBus(t, broker)
	server := "tcp://127.0.0.1:" + strconv.Itoa(broker.Port)
	dir := t.TempDir()
	put := func(name string) {
		t.Helper()
		text, err := os.ReadFile(models + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("v1beta1/beta1-model.yaml")
	put("deviceprofile/modbus-go-configmap_negtest.json")
	p := start(t, options{profile: "kubeedge", env: []string{"SLUICE_PROFILES_MODELS=" + dir, "MQTT_SOURCE__DEFAULT__SERVER=" + server, "SLUICE_RESTIP=127.0.0.1"}})
	p.ready()
	if _, about := p.get("/"); !strings.Contains(about, "negtest.json") {
		t.Errorf("report %s", about)
	}
	if _, schema := p.get("/streams/beta1_model/schema"); !strings.Contains(schema, `"temp":{"type":"bigint"`) || !strings.Contains(schema, `"unit":"Celsius"`) {
		t.Errorf("schema %s", schema)
	}
	p.create("/rules", `{"id":"warm","sql":"SELECT deviceId, temp, timestamp FROM beta1_model WHERE temp > 20",
		"actions":[{"mqtt":{"server":"`+server+`","topic":"out/warm","sendSingle":true}},
		{"kubeedge":{"device":"{{.deviceId}}","fields":["temp","deviceId"]}}]}`)
	put("v1beta1/beta1-device.yaml") // only now is it known whose values these are
	const update = `{"event_id":"","timestamp":1697426002500,"twin":{"temp":{"expected":{"value":"30","metadata":{}},"actual":{"value":"25","metadata":{}},"metadata":{"type":"int"}}}}`
	p.until("a row", func() bool {
		b.done(b.Publish("$hw/events/device/default/beta1-device/twin/update", 0, false, update))
		select {
		case said := <-b.heard:
			return said == `{"deviceId":"default/beta1-device","temp":25,"timestamp":1697426002500}`
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	p.until("the result is written back", func() bool { return strings.Contains(p.status("warm"), `"sink_kubeedge_1_0_connection_status": 1`) })
	if err := os.Remove(filepath.Join(dir, "beta1-model.yaml")); err != nil {
		t.Fatal(err)
	}
	p.until("the model is gone", func() bool { _, s := p.get("/streams/beta1_model"); return strings.Contains(s, `"gone":true`) })
	if code, said := p.send("DELETE", "/rules/warm", ""); code != 200 {
		t.Fatal(said)
	}
	put("deviceprofile/cc2650-deviceProfile.doc-sample.json")
	p.until("streams come and go", func() bool {
		_, names := p.get("/streams")
		return strings.TrimSpace(names) == `["cc2650_sensortag"]`
	})
	p.terminate()
}

func TestKuipersModelFileTypesFlatValues(t *testing.T) {
	broker := testserver.Mosquitto(t)
	b := newBus(t, broker)
	server := "tcp://127.0.0.1:" + strconv.Itoa(broker.Port)
	etc := t.TempDir()
	for name, text := range map[string]string{
		"mqtt_source.yaml":   "default: {server: \"" + server + "\", qos: 0}\nedge: {kubeedgeVersion: \"\", kubeedgeModelFile: model.json}\nbad: {kubeedgeModelFile: nosuch.json}\n",
		"sources/model.json": `{"deviceModels":[{"name":"device1","properties":[{"name":"temperature","dataType":"int"}]}]}`,
	} {
		file := filepath.Join(etc, name)
		_ = os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, options{env: []string{"SLUICE_ETCDIR=" + etc}})
	p.ready()
	for _, key := range []string{"edge", "bad"} {
		p.create("/streams", `{"sql":"CREATE STREAM `+key+` () WITH (DATASOURCE=\"$ke/events/device/+/data/update\", CONF_KEY=\"`+key+`\")"}`)
		_, said := p.send("POST", "/rules", `{"id":"`+key+`","sql":"SELECT * FROM `+key+`","actions":[{"mqtt":{"server":"`+server+`","topic":"out/`+key+`","sendSingle":true}}]}`)
		if key == "bad" && !strings.Contains(said+p.status("bad"), "kubeedgeModelFile: ") {
			t.Errorf("a model file that is not there: %s", said)
		}
	}
	p.until("a row", func() bool {
		b.done(b.Publish("$ke/events/device/device1/data/update", 0, false, `{"temperature":"28","other":"1"}`))
		select {
		case said := <-b.heard:
			return said == `{"other":"1","temperature":28}`
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
	p.terminate()
}
