package config

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

const file = `
Writable:
  LogLevel: WARN
  InsecureSecrets:
    bus:
      SecretName: message-bus
      SecretData: {username: gate, password: hush}
Service: {Host: localhost, Port: 59721}
MessageBus: {Type: mqtt, Host: broker, Port: 1884, AuthMode: usernamepassword, SecretName: message-bus, Optional: {ClientId: app-sluice}}
Sluice:
  RestPort: 59720
  KuiperPort: 9081
  HTTPPush: {Port: 10082}
  Rule: {qos: 1, sendError: true}
  Sources:
    mqtt:
      default: {server: "tcp://file:1883", username: u, password: p}
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, s Sources) *Config {
	t.Helper()
	if s.Types == nil {
		s.Types = []string{"mqtt", "edgex", "kubeedge", "simulator"}
	}
	s.Props = func(kind string) []string {
		if kind == "mqtt" {
			return []string{"server", "qos", "clientId", "connectionSelector"}
		}
		if kind == "kubeedge" {
			return []string{"server", "username", "password", "clientid", "qos", "merge"}
		}
		return nil
	}
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWithoutAnyLayerTheDefaultsHold(t *testing.T) {
	c := load(t, Sources{})
	if c.RestPort != 59720 || c.RestIP != "127.0.0.1" || c.KuiperPort != 0 || c.HTTPPush.Port != 10081 || c.LogLevel != "INFO" || c.Demo {
		t.Errorf("defaults: %s", c)
	}
	if got := c.Origin("sluice.restport"); got != "default" {
		t.Errorf("origin %q", got)
	}
}

func TestLaterLayersWinAndTheOriginIsKnown(t *testing.T) {
	path := write(t, "configuration.yaml", file)
	mounted := write(t, "mounted.yaml", "Sluice: {HTTPPush: {Port: 10083}, Rule: {qos: 2}}")
	c := load(t, Sources{
		File:     path,
		Provider: map[string]any{"Sluice": map[string]any{"Demo": "true", "HTTPPush": map[string]any{"Port": "10090"}}, "Writable": map[string]any{"LogLevel": "ERROR"}},
		Environ:  []string{"WRITABLE_LOGLEVEL=debug", "SLUICE_CONFIGMAP=" + mounted, "SERVICE_PORT=12345", "SLUICE_RULE_BUFFERLENGTH=7", "PATH=/bin"},
	})
	for _, tt := range []struct {
		key, origin string
		got, want   any
	}{
		{"Sluice.KuiperPort", path, c.KuiperPort, 9081},
		{"Sluice.Demo", "configuration provider", c.Demo, true},
		{"Sluice.HTTPPush.Port", mounted, c.HTTPPush.Port, 10083},
		{"Writable.LogLevel", "environment WRITABLE_LOGLEVEL", c.LogLevel, "DEBUG"},
		{"Service.Port", "environment SERVICE_PORT", c.Service.Port, 12345},
		{"Sluice.Rule", "environment SLUICE_RULE_BUFFERLENGTH", c.Rule, map[string]any{"qos": 2, "sendError": true, "bufferlength": 7}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s: %s", tt.key, diff)
		}
		if got := c.Origin(tt.key); got != tt.origin {
			t.Errorf("%s comes from %q, want %q", tt.key, got, tt.origin)
		}
	}
}

func TestWhoNamesTheRestPortGetsNoSecondListener(t *testing.T) {
	path := write(t, "configuration.yaml", file)
	for _, tt := range []struct {
		environ      []string
		rest, kuiper int
	}{
		{nil, 59720, 9081},
		{[]string{"SLUICE_RESTPORT=7000"}, 7000, 0},
		{[]string{"KUIPER__BASIC__RESTPORT=7001"}, 7001, 0},
		{[]string{"SLUICE_RESTPORT=7000", "SLUICE_KUIPERPORT=7002"}, 7000, 7002},
		{[]string{"SLUICE_RESTPORT=7000", "KUIPER__BASIC__RESTPORT=7001"}, 7000, 0},
	} {
		c := load(t, Sources{File: path, Environ: tt.environ})
		if c.RestPort != tt.rest || c.KuiperPort != tt.kuiper {
			t.Errorf("%v: ports %d and %d, want %d and %d", tt.environ, c.RestPort, c.KuiperPort, tt.rest, tt.kuiper)
		}
	}
}

func TestKuipersEnvironmentIsTyped(t *testing.T) {
	c := load(t, Sources{Environ: []string{
		"KUIPER__BASIC__IGNORECASE=true", "KUIPER__BASIC__DEBUG=true", "KUIPER__BASIC__TIMEZONE=UTC",
		"KUIPER__RULE__QOS=1", "KUIPER__RULE__CHECKPOINTINTERVAL=30s", "KUIPER__RULE__RESTARTSTRATEGY__DELAY=200",
		"KUIPER__SOURCE__HTTPSERVERPORT=10099", "KUIPER__BASIC__CONSOLELOG=true",
	}})
	want := map[string]any{"qos": 1, "checkpointinterval": "30s", "restartstrategy": map[string]any{"delay": 200}}
	if diff := cmp.Diff(want, c.Rule); diff != "" {
		t.Error(diff)
	}
	if !c.IgnoreCase || c.LogLevel != "DEBUG" || c.Location != time.UTC || c.HTTPPush.Port != 10099 {
		t.Errorf("got %s", c)
	}
	if len(c.Warnings()) != 1 || !strings.Contains(c.Warnings()[0], "CONSOLELOG has no effect") {
		t.Errorf("warnings %q", c.Warnings())
	}
}

func TestSourceDefaultsComeFromFileBusAndEnvironment(t *testing.T) {
	path := write(t, "configuration.yaml", file)
	for _, tt := range []struct {
		name    string
		kind    string
		environ []string
		want    map[string]any
	}{
		{"the file alone", "mqtt", nil, map[string]any{"server": "tcp://file:1883", "username": "u", "password": "p"}},
		{"the list of the oldest manifests", "mqtt", []string{"MQTT_SOURCE__DEFAULT__SERVERS=[tcp://127.0.0.1:1883]"},
			map[string]any{"server": "tcp://127.0.0.1:1883", "username": "u", "password": "p"}},
		{"one server, a number and a spelling", "mqtt", []string{"MQTT_SOURCE__DEFAULT__SERVER=tcp://b:1883", "MQTT_SOURCE__DEFAULT__QOS=1", "MQTT_SOURCE__DEFAULT__CLIENTID=x"},
			map[string]any{"server": "tcp://b:1883", "qos": 1, "clientId": "x", "username": "u", "password": "p"}},
		{"the MessageBus with its credentials", "edgex", nil, map[string]any{"type": "mqtt", "protocol": "tcp", "server": "broker", "port": 1884,
			"optional": map[string]any{"ClientId": "app-sluice-streams", "Username": "gate", "Password": "hush"}}},
		{"overrides of the MessageBus", "edgex", []string{"MESSAGEBUS_HOST=other", "MESSAGEBUS_PORT=6379", "MESSAGEBUS_TYPE=redis", "MESSAGEBUS_AUTHMODE=none", "MESSAGEBUS_OPTIONAL_CLIENTID=y"},
			map[string]any{"type": "redis", "protocol": "tcp", "server": "other", "port": 6379, "optional": map[string]any{"ClientId": "y-streams"}}},
		{"Kuiper's names for the bus", "edgex", []string{"EDGEX__DEFAULT__TYPE=redis", "EDGEX__DEFAULT__SERVER=r", "EDGEX__DEFAULT__PORT=6379", "EDGEX__DEFAULT__OPTIONAL__CLIENTID=z", "MESSAGEBUS_AUTHMODE=none"},
			map[string]any{"type": "redis", "protocol": "tcp", "server": "r", "port": 6379, "optional": map[string]any{"ClientId": "z"}}},
		{"kubeedge devices speak on the broker of mqtt", "kubeedge", []string{"MQTT_SOURCE__DEFAULT__CLIENTID=x", "MQTT_SOURCE__DEFAULT__EOFMESSAGE=end", "KUBEEDGE__DEFAULT__MERGE=true"},
			map[string]any{"server": "tcp://file:1883", "username": "u", "password": "p", "merge": true}},
		{"unless they have their own", "kubeedge", []string{"KUBEEDGE__DEFAULT__SERVER=tcp://edge:1883"}, map[string]any{"server": "tcp://edge:1883"}},
		{"another kind", "simulator", []string{"SIMULATOR__DEFAULT__INTERVAL=100"}, map[string]any{"interval": 100}},
		{"a kind that does not exist", "nosuch", []string{"NOSUCH__DEFAULT__INTERVAL=100"}, map[string]any{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, Sources{File: path, Environ: tt.environ})
			if diff := cmp.Diff(tt.want, c.SourceDefaults(tt.kind)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKuipersFilesAndConnectionsAreRead(t *testing.T) {
	dir := filepath.Dir(write(t, "kuiper.yaml", "basic:\n  restPort: 9099\nrule:\n  qos: 2\n"))
	for name, text := range map[string]string{
		"mqtt_source.yaml":            "default:\n  servers: [tcp://etc:1883]\nlab:\n  server: tcp://lab:1883\n",
		"sources/edgex.yaml":          "default:\n  server: bus\n  optional:\n    Username: a\n",
		"connections/connection.yaml": "edgex:\n  redisMsgBus:\n    port: 6379\n",
	} {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := load(t, Sources{Environ: []string{"SLUICE_ETCDIR=" + dir, "CONNECTION__EDGEX__REDISMSGBUS__SERVER=redis", "MQTT_SOURCE__LAB__QOS=1"}})
	if c.RestPort != 9099 || c.Rule["qos"] != 2 {
		t.Errorf("kuiper.yaml was not read: %s", c)
	}
	want := map[string]map[string]any{"default": {"server": "tcp://etc:1883"}, "lab": {"server": "tcp://lab:1883", "qos": 1}}
	if diff := cmp.Diff(want, c.ConfKeys("mqtt")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]map[string]any{"redisMsgBus": {"port": 6379, "server": "redis"}}, c.Connections("edgex")); diff != "" {
		t.Error(diff)
	}
	if c.SourceDefaults("edgex")["server"] != "bus" {
		t.Errorf("edgex %v", c.SourceDefaults("edgex"))
	}
	c = load(t, Sources{Environ: []string{"CONNECTION__EDGEX__MQTTMSGBUS__SERVER=m", "EDGEX__DEFAULT__CONNECTIONSELECTOR=edgex.mqttMsgBus"}})
	if got := c.Connections("edgex")["mqttMsgBus"]["server"]; got != "m" {
		t.Errorf("the selected connection is %v", c.Connections("edgex"))
	}
}

func TestWrongValuesNameKeyOriginAndFix(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{"a text for a port", "", []string{"SLUICE_RESTPORT=http"}, []string{"environment SLUICE_RESTPORT", "Sluice.RestPort must be a whole number", `"http"`}},
		{"a port out of range", "", []string{"KUIPER__BASIC__RESTPORT=70000"}, []string{"KUIPER__BASIC__RESTPORT", "Sluice.RestPort", "from 0 to 65535"}},
		{"a word for a flag", "", []string{"SLUICE_DEMO=maybe"}, []string{"SLUICE_DEMO", "must be true or false"}},
		{"an unknown level", "Writable: {LogLevel: LOUD}", nil, []string{"configuration.yaml", "Writable.LogLevel", "TRACE or DEBUG or INFO"}},
		{"a misspelt key", "Sluice: {RestPrt: 1}", nil, []string{"configuration.yaml", "Sluice.RestPrt", `did you mean "Sluice.RestPort"?`}},
		{"a misspelt key below a section", "Sluice: {HTTPPush: {Prt: 1}}", nil, []string{"Sluice.HTTPPush.Prt", `did you mean "Sluice.HTTPPush.Port"?`}},
		{"an unknown time zone", "Sluice: {Timezone: Mars/Base}", nil, []string{"Sluice.Timezone", "Mars/Base", "Europe/Berlin"}},
		{"half of TLS", "Sluice: {RestTLS: {CertFile: a.pem}}", nil, []string{"CertFile and KeyFile"}},
		{"a value where an object belongs", "Sluice: {Rule: 5}", nil, []string{"Sluice.Rule", "keys below it"}},
		{"conf keys without properties", "Sluice: {Sources: {mqtt: {default: 5}}}", nil, []string{"Sources.mqtt.default", "properties below it"}},
		{"broken YAML", "Sluice: [", nil, []string{"configuration.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Sources{Environ: tt.environ}
			if tt.file != "" {
				s.File = write(t, "configuration.yaml", tt.file)
			}
			_, err := Load(s)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q lacks %q", err, w)
				}
			}
		})
	}
	if _, err := Load(Sources{File: "nosuch/configuration.yaml"}); err == nil || !strings.Contains(err.Error(), "--configDir") {
		t.Errorf("missing file: %v", err)
	}
}

func TestUnknownVariablesOfOursAreReportedWithASuggestion(t *testing.T) {
	c := load(t, Sources{Environ: []string{"SLUICE_RESTPRT=1", "SLUICE_SERVICE_HOST=10.0.0.1", "SLUICE_PORT_9081_TCP_ADDR=10.0.0.1", "SLUICE_PORT=tcp://10.0.0.1:9081", "HOME=/root"}})
	if len(c.Warnings()) != 1 || !strings.Contains(c.Warnings()[0], `did you mean "SLUICE_RESTPORT"?`) {
		t.Errorf("warnings %q", c.Warnings())
	}
}

func TestSecretsAreMaskedWhereverTheConfigurationIsShown(t *testing.T) {
	c := load(t, Sources{File: write(t, "configuration.yaml", file), Environ: []string{"SLUICE_CONNECTIONS_MQTT_CLOUD_SERVER=tcp://me:pa55@cloud:1883"}})
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{c.String(), string(js)} {
		if strings.Contains(shown, "hush") || strings.Contains(shown, ":p ") || strings.Contains(shown, "pa55") {
			t.Errorf("a secret is shown: %s", shown)
		}
		if !strings.Contains(shown, "tcp://file:1883") {
			t.Errorf("a plain value is missing: %s", shown)
		}
	}
}

func TestChangedNamesTheKeysThatDiffer(t *testing.T) {
	a := load(t, Sources{})
	b := load(t, Sources{Environ: []string{"SLUICE_DEMO=true", "WRITABLE_LOGLEVEL=DEBUG"}})
	if diff := cmp.Diff([]string{"Sluice.Demo", "Writable.LogLevel"}, a.Changed(b)); diff != "" {
		t.Error(diff)
	}
}

func TestCommonConfigurationLiesBelowThePrivateFile(t *testing.T) {
	common := write(t, "common.yaml", "all-services:\n  MessageBus: {Host: all, Port: 1}\n  Writable: {LogLevel: ERROR}\napp-services:\n  MessageBus: {Port: 2}\n")
	c := load(t, Sources{Common: common, File: write(t, "configuration.yaml", "Writable: {LogLevel: DEBUG}")})
	if c.Bus.Host != "all" || c.Bus.Port != 2 || c.LogLevel != "DEBUG" {
		t.Errorf("got %s", c)
	}
}

func TestAMountedFolderIsFollowed(t *testing.T) {
	dir := filepath.Dir(write(t, "a.yaml", "Sluice: {Demo: false}"))
	v := clock.NewVirtual(time.Unix(0, 0))
	told := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	w := NewWatcher(dir)
	go func() {
		defer close(done)
		w.Run(ctx, v, time.Second, func() { told <- struct{}{} })
	}()
	next := time.Unix(0, 0)
	change := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		deadline := time.After(5 * time.Second)
		for {
			next = next.Add(time.Second)
			v.Set(next)
			select {
			case <-told:
				return
			case <-deadline:
				t.Fatal("the change was not seen")
			case <-time.After(time.Millisecond):
			}
		}
	}
	change("Sluice: {Demo: true}")
	change("Sluice: {Demo: false, RestPort: 1}")
	stop()
	<-done
}
