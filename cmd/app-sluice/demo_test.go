package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheDevicesDemonstrationShowsStreamsComeAndGo runs the script of the docs.
func TestTheDevicesDemonstrationShowsStreamsComeAndGo(t *testing.T) {
	for _, needed := range []string{"bash", "mosquitto", "mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(needed); err != nil {
			if os.Getenv("SLUICE_TEST_SERVERS") == "all" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	cli := filepath.Join(filepath.Dir(program), "sluice")
	if out, err := exec.Command("go", "build", "-o", cli, "../sluice").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command("../../docs/examples/devices/demo.sh")
	cmd.Env = append(clean(os.Environ()), "BIN="+filepath.Dir(program),
		fmt.Sprintf("BROKER_PORT=%d", freePort(t)), fmt.Sprintf("REST_PORT=%d", freePort(t)), fmt.Sprintf("SDK_PORT=%d", freePort(t)))
	out, err := cmd.CombinedOutput()
	said := string(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	at := 0
	for _, want := range []string{
		"== nothing yet\nNo stream definitions are found.",
		"Vibration\tarray(float)\tmm/s, one FFT window\n", `ORIGIN: edgex "Press-Line-Sensor" from files`,
		`{"Temperature":64.52435,"device":"press-01"}`,
		`"message": "device profile \"Press-Line-Sensor\": unknown field Temperature; the rule starts again when it is back"`, "CHANGED: -Temperature",
		`{"Temperature":64.52435,"device":"press-01"}`,
		"temp\tbigint\tCelsius, beta1-model\n", `ORIGIN: kubeedge "beta1-model" from files`, `{"deviceId":"default/beta1-device","temp":25}`,
		"== what is taken away goes", "No stream definitions are found.",
	} {
		i := strings.Index(said[at:], want)
		if i < 0 {
			t.Fatalf("it does not show, in this order, %q:\n%s", want, said)
		}
		at += i + len(want)
	}
}
