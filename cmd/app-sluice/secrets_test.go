package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
)

// passwords makes the password file of a broker.
func passwords(t *testing.T, user, password string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passwords")
	if out, err := exec.Command("mosquitto_passwd", "-b", "-c", file, user, password).CombinedOutput(); err != nil {
		if os.Getenv("SLUICE_TEST_SERVERS") == "all" {
			t.Fatalf("mosquitto_passwd: %v %s", err, out)
		}
		t.Skipf("mosquitto_passwd: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPropertiesReferToSecrets(t *testing.T) {
	broker := testserver.Mosquitto(t, "allow_anonymous false", "password_file "+passwords(t, "sluice", "s3cret"))
	secrets := t.TempDir()
	if err := os.MkdirAll(filepath.Join(secrets, "broker"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(secrets, "broker", "password"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := "tcp://127.0.0.1:" + strconv.Itoa(broker.Port)
	p := start(t, options{env: []string{"SLUICE_SECRETSFOLDER=" + secrets, "MQTT_SOURCE__DEFAULT__SERVER=" + server,
		"MQTT_SOURCE__DEFAULT__USERNAME=sluice", "MQTT_SOURCE__DEFAULT__PASSWORD=secret://broker/password"}})
	p.ready()
	p.create("/streams", `{"sql":"CREATE STREAM demo () WITH (DATASOURCE=\"in\", FORMAT=\"JSON\")"}`)
	action := func(password string) string {
		return `"sql":"SELECT a FROM demo","actions":[{"mqtt":{"server":"` + server + `","username":"sluice","password":"` + password + `","topic":"in2","sendSingle":true}}]}`
	}
	p.create("/rules", `{"id":"r",`+action("secret://broker/password"))
	p.until("both ends are connected", func() bool {
		st := p.status("r")
		return strings.Contains(st, `"source_demo_0_connection_status": 1`) && strings.Contains(st, `"sink_mqtt_0_0_connection_status": 1`)
	})
	_, rule := p.get("/rules/r")
	if !strings.Contains(rule, "secret://broker/password") || strings.Contains(rule+p.log.String(), "s3cret") {
		t.Errorf("the rule is shown as %s", rule)
	}
	_, said := p.send("POST", "/rules", `{"id":"bad",`+action("secret://broker/pasword"))
	deadline := time.Now().Add(5 * time.Second)
	for !strings.Contains(said, "secret broker/pasword: it is not there") && time.Now().Before(deadline) {
		said = p.status("bad")
	}
	if !strings.Contains(said, "property password: secret broker/pasword: it is not there") {
		t.Errorf("a secret that is not there: %s", said)
	}
	p.terminate()
}
