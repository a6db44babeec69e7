package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
)

// consul is a stand-in for Consul's HTTP API: the key-value part with blocking
// queries, and the agent's services and checks, which it makes as Consul does.
type consul struct {
	*httptest.Server
	mu       sync.Mutex
	index    int
	pairs    map[string]string
	changed  chan struct{} // closed at every change
	services map[string]map[string]any
	checks   map[string]string // service -> URL to ask
}

func newConsul(t *testing.T, pairs map[string]string) *consul {
	c := &consul{index: 1, pairs: map[string]string{}, changed: make(chan struct{}), services: map[string]map[string]any{}, checks: map[string]string{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(func() {
		c.CloseClientConnections()
		c.Close()
	})
	for k, v := range pairs {
		c.put(k, v)
	}
	return c
}

func (c *consul) put(key, val string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index++
	c.pairs[key] = val
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *consul) value(key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pairs[key]
}

func (c *consul) serve(w http.ResponseWriter, r *http.Request) {
	key, isKV := strings.CutPrefix(r.URL.Path, "/v1/kv/")
	if !isKV {
		c.agent(w, r)
		return
	}
	if r.Method == http.MethodPut {
		b := new(strings.Builder)
		_, _ = b.WriteString(readAll(r))
		c.put(key, b.String())
		_, _ = w.Write([]byte("true"))
		return
	}
	c.mu.Lock()
	if since, err := strconv.Atoi(r.FormValue("index")); err == nil && since == c.index {
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-time.After(time.Minute):
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	w.Header().Set("X-Consul-Index", strconv.Itoa(c.index))
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	var found []map[string]any
	var keys []string
	for k, v := range c.pairs {
		if k == key || (query.Has("recurse") || query.Has("keys")) && strings.HasPrefix(k, key) {
			found = append(found, map[string]any{"Key": k, "Value": []byte(v), "CreateIndex": 1, "ModifyIndex": c.index})
			keys = append(keys, k)
		}
	}
	if len(found) == 0 {
		http.NotFound(w, r)
		return
	}
	if query.Has("keys") {
		_ = json.NewEncoder(w).Encode(keys)
		return
	}
	_ = json.NewEncoder(w).Encode(found)
}

func (c *consul) agent(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var body map[string]any
	path := strings.TrimPrefix(r.URL.Path, "/v1/agent/")
	switch {
	case path == "services":
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(c.services)
	case path == "service/register" && json.NewDecoder(r.Body).Decode(&body) == nil:
		name := body["Name"].(string)
		c.services[name] = map[string]any{"ID": name, "Service": name, "Address": body["Address"], "Port": body["Port"]}
	case path == "check/register" && json.NewDecoder(r.Body).Decode(&body) == nil:
		c.checks[body["ServiceID"].(string)] = body["HTTP"].(string)
	case strings.HasPrefix(path, "service/deregister/"):
		delete(c.services, path[len("service/deregister/"):])
	}
}

// healthy makes the health check that a service has registered.
func (c *consul) healthy(service string) bool {
	c.mu.Lock()
	url := c.checks[service]
	c.mu.Unlock()
	resp, err := http.Get(url)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// remove deletes the keys below a prefix.
func (c *consul) remove(prefix string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.pairs {
		if strings.HasPrefix(key, prefix) {
			delete(c.pairs, key)
		}
	}
	c.index++
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *consul) registered(service string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.services[service] != nil
}

func readAll(r *http.Request) string {
	b := new(strings.Builder)
	buf := make([]byte, 4096)
	for {
		n, err := r.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

func TestConfigurationFromTheProviderIsUsedFollowedAndKept(t *testing.T) {
	const common = "edgex/v3/core-common-config-bootstrapper/"
	broker := testserver.Mosquitto(t)
	c := newConsul(t, map[string]string{
		common + "IsCommonConfigReady":                                 "true",
		common + "all-services/Service/HealthCheckInterval":            "10s",
		common + "all-services/Service/RequestTimeout":                 "5s",
		common + "all-services/MessageBus/Type":                        "mqtt",
		common + "all-services/MessageBus/Protocol":                    "tcp",
		common + "all-services/MessageBus/Host":                        "127.0.0.1",
		common + "all-services/MessageBus/Port":                        strconv.Itoa(broker.Port),
		common + "app-services/Writable/StoreAndForward/MaxRetryCount": "10",
	})
	o := options{profile: noProfile, args: []string{"-cp=consul." + c.URL}, env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "SLUICE_RESTIP=127.0.0.1"}, data: t.TempDir()}
	p := start(t, o)
	p.ready()
	p.until("the SDK runs", func() bool { code, _ := p.get("/api/v3/ping"); return code == http.StatusOK })
	p.until("the private configuration is pushed", func() bool { return c.value("edgex/v3/app-sluice/Sluice/HTTPPush/Port") == "10081" })
	p.until("the address of the bus is learned", func() bool { return strings.Contains(p.log.String(), "key=MessageBus.Host") })

	c.put("edgex/v3/app-sluice/Writable/LogLevel", "DEBUG")
	p.until("the log level follows", func() bool { return strings.Contains(p.log.String(), "key=Writable.LogLevel") })
	c.put("edgex/v3/app-sluice/Sluice/IgnoreCase", "true")
	p.until("the section Sluice follows", func() bool { return strings.Contains(p.log.String(), "key=Sluice.IgnoreCase") })
	c.put("edgex/v3/app-sluice/Sluice/IgnoreCase", "perhaps")
	p.until("a wrong value is refused", func() bool {
		return strings.Contains(p.log.String(), "Sluice.IgnoreCase must be true or false") && strings.Contains(p.log.String(), "configuration provider")
	})
	p.terminate()

	st, err := os.Stat(filepath.Join(o.data, "provider.json"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("the last known configuration: %v %v", st, err)
	}
	c.CloseClientConnections()
	c.Close()
	again := start(t, o)
	again.ready()
	again.until("it starts with what it knew", func() bool {
		return strings.Contains(again.log.String(), "key=MessageBus.Host") && strings.Contains(again.log.String(), "configuration provider is missing")
	})
	again.terminate()
}

// The whole of registry mode: common configuration with an override of its own,
// the password of the bus from the insecure secrets, registration with a health
// check, and streams and rules that live in the registry.
func TestStreamsAndRulesComeFromTheRegistry(t *testing.T) {
	const common, private = "edgex/v3/core-common-config-bootstrapper/", "edgex/v3/app-sluice/"
	broker := testserver.Mosquitto(t, "allow_anonymous false", "password_file "+passwords(t, "sluice", "s3cret"))
	metadata := newCoreMetadata(t, "127.0.0.1:0")
	_, port, _ := strings.Cut(strings.TrimPrefix(metadata.URL, "http://"), ":")
	c := newConsul(t, map[string]string{
		common + "IsCommonConfigReady":                                          "true",
		common + "all-services/Service/HealthCheckInterval":                     "10s",
		common + "all-services/Service/RequestTimeout":                          "5s",
		common + "all-services/MessageBus/Type":                                 "mqtt",
		common + "all-services/MessageBus/Protocol":                             "tcp",
		common + "all-services/MessageBus/Host":                                 "127.0.0.1",
		common + "all-services/MessageBus/Port":                                 strconv.Itoa(broker.Port),
		common + "all-services/MessageBus/AuthMode":                             "usernamepassword",
		common + "all-services/MessageBus/SecretName":                           "message-bus",
		common + "all-services/MessageBus/BaseTopicPrefix":                      "edgex",
		common + "all-services/Clients/core-metadata/Protocol":                  "http",
		common + "all-services/Writable/InsecureSecrets/DB/SecretName":          "message-bus",
		common + "all-services/Writable/InsecureSecrets/DB/SecretData/username": "sluice",
		common + "all-services/Writable/InsecureSecrets/DB/SecretData/password": "s3cret",
		common + "app-services/Writable/StoreAndForward/MaxRetryCount":          "10",
		private + "Writable/LogLevel":                                           "INFO",
		private + "Service/Host":                                                "127.0.0.1",
		private + "Service/Port":                                                "0",
		private + "MessageBus/BaseTopicPrefix":                                  "plant", // wins over the common one
		private + "Trigger/Type":                                                "sluice",
		private + "Sluice/RestIP":                                               "127.0.0.1",
		private + "Sluice/Content/streams/fromRegistry":                         `CREATE STREAM fromRegistry (a BIGINT) WITH (TYPE="memory", DATASOURCE="t")`,
		private + "Sluice/Content/rules/r1":                                     `{"id":"r1","sql":"SELECT Temperature FROM Press_Line_Sensor","actions":[{"nop":{}}]}`,
	})
	host, consulPort, _ := strings.Cut(strings.TrimPrefix(c.URL, "http://"), ":")
	c.services["core-metadata"] = map[string]any{"ID": "core-metadata", "Service": "core-metadata", "Address": "127.0.0.1", "Port": json.Number(port)}
	sdk := freePort(t)
	c.put(private+"Service/Port", strconv.Itoa(sdk))
	c.put(private+"Registry/Host", host)
	c.put(private+"Registry/Port", consulPort)
	c.put(private+"Registry/Type", "consul")
	o := options{profile: noProfile, sdk: sdk, args: []string{"-cp=consul." + c.URL, "-r"}, data: t.TempDir(),
		env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "REGISTRY_HOST=" + host, "REGISTRY_PORT=" + consulPort}}
	p := start(t, o)
	p.ready()
	p.until("it is registered", func() bool { return c.registered("app-sluice") })
	p.until("the health check passes", func() bool { return c.healthy("app-sluice") })
	p.until("core-metadata is found in the registry", func() bool { _, about := p.get("/"); return strings.Contains(about, `"state":"connected"`) })
	p.until("the streams are there", func() bool {
		_, names := p.get("/streams")
		return strings.Contains(names, "fromRegistry") && strings.Contains(names, "Press_Line_Sensor")
	})
	if _, s := p.get("/streams/Press_Line_Sensor"); !strings.Contains(s, "plant/events/device/+/Press-Line-Sensor/#") {
		t.Errorf("the private prefix does not count: %s", s)
	}
	p.until("the rule is connected with the password of the secrets", func() bool {
		return strings.Contains(p.status("r1"), `"source_Press_Line_Sensor_0_connection_status": 1`)
	})
	if strings.Contains(p.log.String(), "s3cret") {
		t.Error("the password is in the log")
	}

	c.put(private+"Sluice/Content/streams/second", `CREATE STREAM second () WITH (TYPE="memory", DATASOURCE="t2")`)
	p.until("a new stream", func() bool { _, names := p.get("/streams"); return strings.Contains(names, "second") })
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.exited
	p = start(t, o) // the streams are there at once, and stay when the registry is heard again
	p.ready()
	p.until("it is registered again", func() bool { return strings.Contains(p.log.String(), "Service started in") })
	if _, names := p.get("/streams"); !strings.Contains(names, "fromRegistry") || !strings.Contains(names, "second") || strings.Contains(p.log.String(), "not declared any more") {
		t.Errorf("after a restart: %s", names)
	}
	c.remove(private + "Sluice/Content")
	p.until("what is not declared any more is gone", func() bool {
		_, names := p.get("/streams")
		_, rules := p.get("/rules")
		return !strings.Contains(names, "second") && !strings.Contains(names, "fromRegistry") && strings.TrimSpace(rules) == "[]"
	})
	p.terminate()
	if c.registered("app-sluice") {
		t.Error("it is still registered")
	}
}
