package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/edgesluice/sluice/internal/testserver"
)

const recordings = "../../devicemodel/edgex/testdata/"

// coreMetadata is a stand-in for the REST API of core-metadata: it lists the
// profiles recorded from the real one, in pages as it does.
type coreMetadata struct {
	*httptest.Server
	mu       sync.Mutex
	profiles []map[string]any
}

func newCoreMetadata(t *testing.T, addr string) *coreMetadata {
	t.Helper()
	text, err := os.ReadFile(recordings + "v3-deviceprofile-all.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct{ Profiles []map[string]any }
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	m := &coreMetadata{profiles: recorded.Profiles}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	m.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(m.serve)}}
	m.Start()
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (m *coreMetadata) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/api/v3/deviceprofile/all" {
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v3", "version": "3.1.1"})
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.profiles)
	offset, _ := strconv.Atoi(r.FormValue("offset"))
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	if offset > n || limit > 1024 {
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v3", "statusCode": 416, "message": "out of range"})
		return
	}
	page := m.profiles[offset:min(offset+limit, n)]
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v3", "statusCode": 200, "totalCount": n, "profiles": page})
}

// profile returns a recorded profile.
func (m *coreMetadata) profile(name string) map[string]any {
	for _, p := range m.profiles {
		if p["name"] == name {
			return p
		}
	}
	return nil
}

func (m *coreMetadata) remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.profiles = slices.DeleteFunc(m.profiles, func(p map[string]any) bool { return p["name"] == name })
}

// without returns a profile without a resource.
func without(profile map[string]any, resource string) map[string]any {
	changed := map[string]any{}
	for k, v := range profile {
		changed[k] = v
	}
	var rest []any
	for _, r := range profile["deviceResources"].([]any) {
		if r.(map[string]any)["name"] != resource {
			rest = append(rest, r)
		}
	}
	changed["deviceResources"] = rest
	return changed
}

// bus publishes on the broker and hears what rules send.
type bus struct {
	mqtt.Client
	t     *testing.T
	heard chan string
}

func newBus(t *testing.T, broker *testserver.Server) *bus {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + strconv.Itoa(broker.Port)).SetClientID("test-" + t.Name())
	b := &bus{mqtt.NewClient(o), t, make(chan string, 100)}
	b.done(b.Connect())
	b.done(b.Subscribe("out/#", 0, func(_ mqtt.Client, m mqtt.Message) { b.heard <- string(m.Payload()) }))
	t.Cleanup(func() { b.Disconnect(100) })
	return b
}

func (b *bus) done(token mqtt.Token) {
	b.t.Helper()
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		b.t.Fatal(token.Error())
	}
}

// tell publishes a system event as EdgeX 4 does.
func (b *bus) tell(action string, profile map[string]any) {
	b.t.Helper()
	name := profile["name"].(string)
	message, _ := json.Marshal(map[string]any{"apiVersion": "v3", "contentType": "application/json",
		"payload": map[string]any{"apiVersion": "v3", "type": "deviceprofile", "action": action, "source": "core-metadata", "owner": "core-metadata", "details": profile}})
	b.done(b.Publish("edgex/system-events/core-metadata/deviceprofile/"+action+"/core-metadata/"+name, 0, false, message))
}

// event publishes the first recorded event of a profile.
func (b *bus) event(profile string) {
	b.t.Helper()
	text, err := os.ReadFile("../../sources/edgex/testdata/v3-events.jsonl")
	if err != nil {
		b.t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m struct {
			Topic   string
			Payload json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			b.t.Fatal(err)
		}
		if strings.Contains(m.Topic, "/"+profile+"/") {
			b.done(b.Publish(m.Topic, 0, false, []byte(m.Payload)))
			return
		}
	}
	b.t.Fatalf("no event of %s", profile)
}

// hears publishes events until the rule has sent something that contains want.
func (b *bus) hears(p *process, profile, want string) {
	b.t.Helper()
	p.until("a result", func() bool {
		b.event(profile)
		select {
		case said := <-b.heard:
			return strings.Contains(said, want)
		case <-time.After(50 * time.Millisecond):
			return false
		}
	})
}

func (p *process) status(rule string) string {
	_, body := p.get("/rules/" + rule + "/status")
	return body
}

func TestDeviceProfilesBecomeStreams(t *testing.T) {
	broker := testserver.Mosquitto(t)
	b := newBus(t, broker)
	metadata := "127.0.0.1:" + strconv.Itoa(freePort(t))
	_, port, _ := net.SplitHostPort(metadata)
	o := options{profile: "edgex", data: t.TempDir(), env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "SLUICE_RESTIP=127.0.0.1",
		"MESSAGEBUS_HOST=127.0.0.1", "MESSAGEBUS_PORT=" + strconv.Itoa(broker.Port), "CLIENTS_CORE_METADATA_HOST=127.0.0.1", "CLIENTS_CORE_METADATA_PORT=" + port,
		"SLUICE_PROFILES_CATCHALL=edgex", "SLUICE_PROFILES_EXCLUDE=Random-*"}}
	p := start(t, o)
	p.ready()
	reports := func(want string) func() bool {
		return func() bool { _, body := p.get("/"); return strings.Contains(body, want) }
	}
	p.until("core-metadata is away", reports(`"state":"disconnected"`))
	m := newCoreMetadata(t, metadata)
	p.until("core-metadata is there", reports(`"state":"connected"`))
	if _, names := p.get("/streams"); strings.TrimSpace(names) != `["Press_Line_Sensor","edgex"]` && !strings.Contains(names, "Fixture_Profile") {
		t.Errorf("streams %s", names)
	}
	if _, schema := p.get("/streams/Press_Line_Sensor/schema"); !strings.Contains(schema, `"Vibration":{"type":"array","items":{"type":"float"`) || !strings.Contains(schema, `"unit":"Cel"`) {
		t.Errorf("schema %s", schema)
	}

	p.create("/rules", `{"id":"hot","sql":"SELECT Temperature, meta(deviceName) AS device FROM Press_Line_Sensor",
		"actions":[{"mqtt":{"server":"tcp://127.0.0.1:`+strconv.Itoa(broker.Port)+`","topic":"out/hot","sendSingle":true}}]}`)
	p.create("/rules", `{"id":"all","sql":"SELECT meta(profileName) AS profile FROM edgex",
		"actions":[{"mqtt":{"server":"tcp://127.0.0.1:`+strconv.Itoa(broker.Port)+`","topic":"out/all","sendSingle":true}}]}`)
	b.hears(p, "Press-Line-Sensor", `{"Temperature":64.52435,"device":"press-01"}`)
	b.hears(p, "Press-Line-Sensor", `{"profile":"Press-Line-Sensor"}`)

	press := m.profile("Press-Line-Sensor")
	b.tell("update", without(press, "Humidity"))
	p.until("the column is gone", func() bool {
		_, schema := p.get("/streams/Press_Line_Sensor/schema")
		return !strings.Contains(schema, "Humidity")
	})
	if st := p.status("hot"); !strings.Contains(st, `"status": "running"`) || strings.Contains(st, `"source_Press_Line_Sensor_0_records_in_total": 0,`) {
		t.Errorf("the rule did not go on: %s", st)
	}
	begin := time.Now()
	b.tell("update", without(press, "Temperature"))
	p.until("the rule waits", func() bool {
		st := p.status("hot")
		return strings.Contains(st, "Temperature") && strings.Contains(st, "Press-Line-Sensor") && strings.Contains(st, "starts again")
	})
	t.Logf("suspended after %s", time.Since(begin))
	b.tell("update", press)
	b.hears(p, "Press-Line-Sensor", `{"Temperature":64.52435,"device":"press-01"}`)

	fixture := m.profile("Fixture-Profile")
	m.remove("Fixture-Profile")
	b.tell("delete", fixture)
	p.until("the stream is dropped", func() bool { _, names := p.get("/streams"); return !strings.Contains(names, "Fixture_Profile") })

	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.exited
	m.CloseClientConnections()
	m.Close()
	p = start(t, o)
	p.ready()
	p.until("core-metadata is away", reports(`"state":"disconnected"`))
	b.hears(p, "Press-Line-Sensor", `{"Temperature":64.52435,"device":"press-01"}`)
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, "sluice_core_metadata_up 0") || !strings.Contains(metrics, "sluice_device_profile_streams 2") {
		t.Errorf("metrics %s", metrics)
	}
	p.terminate()
}

func TestProfileFilesBecomeStreamsWithoutEdgeX(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", "name: A-1\ndeviceResources: [{name: x, properties: {valueType: Int64, readWrite: R}}]\n")
	write("bad.yaml", "name: B\ndeviceResources: [{name: x, properties: {valueType: Nit64, readWrite: R}}, {name: y, properties: {valueType: Bool}}]\n")
	p := start(t, options{env: []string{"SLUICE_PROFILES_FOLDER=" + dir}})
	p.ready()
	if _, names := p.get("/streams"); strings.TrimSpace(names) != `["A_1","B"]` {
		t.Errorf("streams %s", names)
	}
	if _, about := p.get("/"); !strings.Contains(about, `resource \"x\" has valueType \"Nit64\", did you mean`) || !strings.Contains(about, "bad.yaml") {
		t.Errorf("report %s", about)
	}
	write("c.json", `{"name":"C","deviceResources":[]}`)
	p.until("the new file is a stream", func() bool { _, names := p.get("/streams"); return strings.Contains(names, `"C"`) })
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	p.until("the stream ends with its file", func() bool { _, names := p.get("/streams"); return strings.TrimSpace(names) == `["B","C"]` })
	p.terminate()
}
