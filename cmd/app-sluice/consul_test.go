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
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
)

// consul is a stand-in for the key-value part of Consul's HTTP API, with
// blocking queries.
type consul struct {
	*httptest.Server
	mu      sync.Mutex
	index   int
	pairs   map[string]string
	changed chan struct{} // closed at every change
}

func newConsul(t *testing.T, pairs map[string]string) *consul {
	c := &consul{index: 1, pairs: map[string]string{}, changed: make(chan struct{})}
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
		return // status: alive
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
