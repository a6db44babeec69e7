package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests start the program as a user would.

var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "app-sluice")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "app-sluice")
	build := exec.Command("go", "build", "-trimpath", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// process is one run of the program.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	rest     string // http://127.0.0.1:port
	restPort int
	sdkPort  int
	data     string
	log      *buffer
	exited   chan struct{}
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// options of one run; zero values are the standalone profile on free ports.
type options struct {
	profile string
	args    []string
	env     []string
	data    string
	rest    int
	sdk     int
}

const noProfile = "none"

func start(t *testing.T, o options) *process {
	t.Helper()
	if o.profile == "" {
		o.profile = "standalone"
	}
	if o.data == "" {
		o.data = t.TempDir()
	}
	if o.rest == 0 {
		o.rest = freePort(t)
	}
	if o.sdk == 0 {
		o.sdk = freePort(t)
	}
	p := &process{t: t, rest: fmt.Sprintf("http://127.0.0.1:%d", o.rest), restPort: o.rest, sdkPort: o.sdk, data: o.data, log: &buffer{}, exited: make(chan struct{})}
	args := []string{"--configDir", "../../res"}
	if o.profile != noProfile {
		args = append(args, "--profile", o.profile)
	}
	p.cmd = exec.Command(program, append(args, o.args...)...)
	p.cmd.Env = append(clean(os.Environ()), append([]string{
		"SLUICE_RESTPORT=" + strconv.Itoa(o.rest), "SERVICE_PORT=" + strconv.Itoa(o.sdk), "SLUICE_DATADIR=" + o.data}, o.env...)...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("log of the program:\n%s", p.log)
		}
	})
	return p
}

// clean drops what would change how the program starts.
func clean(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "SLUICE_") && !strings.HasPrefix(kv, "EDGEX_") && !strings.HasPrefix(kv, "KUIPER__") {
			out = append(out, kv)
		}
	}
	return out
}

func freePort(t *testing.T) int {
	t.Helper()
	for port := 20000 + os.Getpid()*7%9000 + nextPort(); port < 32700; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no free port below 32768")
	return 0
}

var ports struct {
	sync.Mutex
	n int
}

func nextPort() int {
	ports.Lock()
	defer ports.Unlock()
	ports.n += 3
	return ports.n
}

// get returns status and body; 0 if nothing answers.
func (p *process) get(path string) (int, string) {
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(p.rest + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (p *process) send(method, path, body string) (int, string) {
	p.t.Helper()
	req, err := http.NewRequest(method, p.rest+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// create posts a definition and wants 201.
func (p *process) create(path, body string) {
	p.t.Helper()
	if code, said := p.send("POST", path, body); code != http.StatusCreated {
		p.t.Fatalf("%s: %d %s", path, code, said)
	}
}

func (p *process) ready() {
	p.t.Helper()
	p.until("REST answers", func() bool { code, _ := p.get("/"); return code == http.StatusOK })
}

// until polls until cond holds; it fails when the program ends.
func (p *process) until(what string, cond func() bool) {
	p.t.Helper()
	deadline := time.After(15 * time.Second)
	for !cond() {
		select {
		case <-p.exited:
			p.t.Fatalf("%s: the program ended", what)
		case <-deadline:
			p.t.Fatalf("%s: timed out", what)
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// terminate sends SIGTERM and wants a clean end within five seconds.
func (p *process) terminate() {
	p.t.Helper()
	begin := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(5 * time.Second):
		p.t.Fatal("SIGTERM did not end the program in 5 s")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("exit code %d after SIGTERM and %s", code, time.Since(begin))
	}
}

// fails waits for the end and returns what the program said.
func (p *process) fails() string {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		p.t.Fatal("the program does not end")
	}
	if p.cmd.ProcessState.ExitCode() != 1 {
		p.t.Errorf("exit code %d, want 1", p.cmd.ProcessState.ExitCode())
	}
	return p.log.String()
}

func TestTheServiceIsReadyAloneAndEndsOnSIGTERM(t *testing.T) {
	for i := range 5 {
		p := start(t, options{})
		p.ready()
		if i == 0 {
			p.until("the EdgeX routes answer on the REST port", func() bool {
				code, body := p.get("/api/v3/ping")
				return code == http.StatusOK && strings.Contains(body, `"serviceName":"app-sluice"`)
			})
			if c, err := net.Dial("tcp", "127.0.0.1:9081"); err == nil {
				_ = c.Close()
				if strings.Contains(p.log.String(), ":9081") {
					t.Error("the second port is open although SLUICE_RESTPORT names one")
				}
			}
		}
		p.terminate()
	}
}

func TestATakenPortIsNamedWithTheWayToChangeIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	for _, tt := range []struct {
		o    options
		want []string
	}{
		{options{rest: taken}, []string{fmt.Sprintf("port %d is taken", taken), "Sluice.RestPort", "environment SLUICE_RESTPORT", "set SLUICE_RESTPORT"}},
		{options{sdk: taken}, []string{fmt.Sprintf("port %d is taken", taken), "Service.Port", "set SERVICE_PORT"}},
	} {
		said := start(t, tt.o).fails()
		for _, w := range tt.want {
			if !strings.Contains(said, w) {
				t.Errorf("%q lacks %q", said, w)
			}
		}
	}
}

func TestASecondServiceOnTheSameDataIsRefused(t *testing.T) {
	first := start(t, options{})
	first.ready()
	if said := start(t, options{data: first.data}).fails(); !strings.Contains(said, "in use by another process") {
		t.Errorf("got %q", said)
	}
	first.terminate()
}

func TestWhatIsMissingInEdgeXDoesNotEndOrHangTheService(t *testing.T) {
	nobody := fmt.Sprint(freePort(t))
	for _, tt := range []struct {
		name string
		o    options
		said string
		ping bool // the SDK comes up all the same
	}{
		{"the bus", options{profile: "edgex", env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "MESSAGEBUS_HOST=127.0.0.1", "MESSAGEBUS_PORT=" + nobody}},
			"the MessageBus does not answer", true},
		{"the bus, under the SDK's own trigger", options{profile: "edgex", env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "TRIGGER_TYPE=edgex-messagebus", "MESSAGEBUS_HOST=127.0.0.1", "MESSAGEBUS_PORT=" + nobody}},
			"MessageBus is missing, waiting for it", false},
		{"the registry", options{profile: "edgex", args: []string{"-r"}, env: []string{"EDGEX_SECURITY_SECRET_STORE=false", "REGISTRY_HOST=127.0.0.1", "REGISTRY_PORT=" + nobody}},
			"registry is missing, waiting for it", false},
		{"the configuration provider", options{args: []string{"-cp=consul.http://127.0.0.1:" + nobody}, env: []string{"EDGEX_SECURITY_SECRET_STORE=false"}},
			"configuration provider is missing, waiting for it", false},
		{"the secret store", options{profile: "edgex", env: []string{"EDGEX_SECURITY_SECRET_STORE=true"}},
			"secret store token is missing, waiting for it", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.o.env = append(tt.o.env, "SLUICE_RESTIP=127.0.0.1", "SERVICE_SERVERBINDADDR=127.0.0.1")
			p := start(t, tt.o)
			p.ready()
			p.until("the log says "+tt.said, func() bool { return strings.Contains(p.log.String(), tt.said) })
			if tt.ping {
				p.until("ping", func() bool { code, _ := p.get("/api/v3/ping"); return code == http.StatusOK })
			} else if code, body := p.get("/api/v3/ping"); code != http.StatusServiceUnavailable {
				t.Errorf("ping answers %d %s", code, body)
			}
			p.terminate()
		})
	}
}

func TestWithASecretStoreTheAPIIsClosedUntilTokensCanBeChecked(t *testing.T) {
	p := start(t, options{profile: "edgex", env: []string{"EDGEX_SECURITY_SECRET_STORE=true", "SLUICE_RESTIP=127.0.0.1"}})
	p.ready()
	if code, body := p.get("/streams"); code != http.StatusServiceUnavailable {
		t.Errorf("GET /streams: %d %s", code, body)
	}
	p.terminate()
}

func TestAWrongSettingEndsTheStartWithItsNameAndOrigin(t *testing.T) {
	said := start(t, options{env: []string{"SLUICE_TIMEZONE=Mars/Base"}}).fails()
	if !strings.Contains(said, "Sluice.Timezone") || !strings.Contains(said, "environment SLUICE_TIMEZONE") {
		t.Errorf("got %q", said)
	}
	if said := start(t, options{profile: "nosuch"}).fails(); !strings.Contains(said, "nosuch") || !strings.Contains(said, "--profile") {
		t.Errorf("got %q", said)
	}
}

func TestOwnFlagsPrintAndStop(t *testing.T) {
	for _, tt := range []struct{ flag, want string }{
		{"--version", "app-sluice dev"},
		{"--show-config", "environment SLUICE_RESTPORT"},
	} {
		p := start(t, options{args: []string{tt.flag}})
		<-p.exited
		if p.cmd.ProcessState.ExitCode() != 0 || !strings.Contains(p.log.String(), tt.want) {
			t.Errorf("%s: %d %s", tt.flag, p.cmd.ProcessState.ExitCode(), p.log)
		}
	}
}

func TestRulesRunAgainAfterAKill(t *testing.T) {
	p := start(t, options{})
	p.ready()
	out := filepath.Join(p.data, "out.txt")
	for _, call := range []struct{ path, body string }{
		{"/streams", `{"sql": "CREATE STREAM demo () WITH (TYPE=\"simulator\", FORMAT=\"JSON\")"}`},
		{"/rules", `{"id": "r1", "sql": "SELECT * FROM demo", "actions": [{"file": {"path": "` + out + `", "fileType": "lines"}}]}`},
	} {
		p.create(call.path, call.body)
	}
	written := func() bool { st, err := os.Stat(out); return err == nil && st.Size() > 0 }
	p.until("results", written)
	_ = p.cmd.Process.Kill()
	<-p.exited
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	again := start(t, options{data: p.data})
	again.ready()
	again.until("the rule runs", func() bool {
		_, body := again.get("/rules/r1/status")
		return strings.Contains(body, `"status": "running"`)
	})
	again.until("results", written)
	again.terminate()
}

func TestUnderTheSDKsHTTPTriggerThePipelineAnswersAndStreamsSeeTheEvent(t *testing.T) {
	p := start(t, options{env: []string{"TRIGGER_TYPE=http", "SLUICE_PIPELINE_EXECUTIONORDER=Filter, Project",
		"SLUICE_PIPELINE_FUNCTIONS_FILTER_WHERE=Temperature > 30", "SLUICE_PIPELINE_FUNCTIONS_PROJECT_FIELDS=Temperature * 2 AS Double, Spectrum[1] AS second"}})
	p.ready()
	p.until("the SDK runs", func() bool { code, _ := p.get("/api/v3/ping"); return code == http.StatusOK })
	out := filepath.Join(p.data, "out.txt")
	p.create("/streams", `{"sql": "CREATE STREAM all () WITH (TYPE=\"memory\", DATASOURCE=\"edgex/events/device/#\", FORMAT=\"JSON\")"}`)
	p.create("/rules", `{"id": "r1", "sql": "SELECT Spectrum, meta(topic) AS t FROM all", "actions": [{"file": {"path": "`+out+`", "fileType": "lines", "sendSingle": true}}]}`)
	send := func(temperature string) (int, string) {
		return p.send("POST", "/api/v3/trigger", `{"apiVersion":"v3","requestId":"6f1c1f1e-8f0e-4e3a-9d1e-0d3c5a1b2c3a","event":{"apiVersion":"v3","id":"6f1c1f1e-8f0e-4e3a-9d1e-0d3c5a1b2c3d",
			"deviceName":"oven-1","profileName":"oven","sourceName":"all","origin":1700000000000000000,"readings":[
			{"id":"6f1c1f1e-8f0e-4e3a-9d1e-0d3c5a1b2c3e","origin":1700000000000000000,"deviceName":"oven-1","profileName":"oven","resourceName":"Temperature","valueType":"Float64","value":"`+temperature+`"},
			{"id":"6f1c1f1e-8f0e-4e3a-9d1e-0d3c5a1b2c3f","origin":1700000000000000000,"deviceName":"oven-1","profileName":"oven","resourceName":"Spectrum","valueType":"Int32Array","value":"[7, 8, 9]"}]}}`)
	}
	if code, body := send("2.0e+01"); code != http.StatusOK || body != "" {
		t.Errorf("a cold event is answered %d %s", code, body)
	}
	code, body := send("4.0e+01")
	for _, want := range []string{`"resourceName":"Double"`, `"value":"8e+01"`, `"resourceName":"second"`, `"value":"8"`, `"deviceName":"oven-1"`} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("a hot event is answered %d %s without %s", code, body, want)
		}
	}
	p.until("both events reach the stream", func() bool {
		b, _ := os.ReadFile(out)
		return strings.Count(string(b), `"Spectrum":[7,8,9]`) == 2
	})
	p.terminate()
}

func TestEveryModuleInTheProgramIsAttributed(t *testing.T) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../Attribution.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if !strings.Contains(string(text), "\n"+m.Path+" (") {
			t.Errorf("Attribution.txt lacks %s", m.Path)
		}
	}
}

func TestTheDemonstrationShowsResultsOfBothRules(t *testing.T) {
	p := start(t, options{env: []string{"SLUICE_DEMO=true", fmt.Sprintf("SLUICE_DEMOPORT=%d", freePort(t))}})
	p.until("both rules print results and the commands to try", func() bool {
		said := p.log.String()
		return strings.Contains(said, `  hot      {"Temperature":`) && strings.Contains(said, `  peaks    {"device":`) &&
			strings.Contains(said, "curl http://127.0.0.1:"+strconv.Itoa(p.restPort)+"/rules/hot/status")
	})
	if said := p.log.String(); strings.Contains(said, "level=INFO") {
		t.Errorf("log lines among the results:\n%s", said)
	}
	p.terminate()
	again := start(t, options{data: p.data, env: []string{"SLUICE_DEMO=true", fmt.Sprintf("SLUICE_DEMOPORT=%d", freePort(t))}})
	again.until("it starts on the data of the first time, on another port", func() bool { return strings.Contains(again.log.String(), `  hot      {"Temperature":`) })
	again.terminate()
}

func TestATakenPortOfTheDemonstrationIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	said := start(t, options{env: []string{"SLUICE_DEMO=true", fmt.Sprintf("SLUICE_DEMOPORT=%d", port)}}).fails()
	if !strings.Contains(said, fmt.Sprintf("port %d is taken", port)) || !strings.Contains(said, "set SLUICE_DEMOPORT") {
		t.Errorf("got %q", said)
	}
}

func TestAMountedConfigurationIsFollowed(t *testing.T) {
	dir := t.TempDir()
	mount := func(level string) {
		if err := os.WriteFile(filepath.Join(dir, "sluice.yaml"), []byte("Writable: {LogLevel: "+level+"}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mount("INFO")
	p := start(t, options{env: []string{"SLUICE_CONFIGMAP=" + dir}})
	p.ready()
	mount("DEBUG")
	p.until("the level follows", func() bool { return strings.Contains(p.log.String(), "key=Writable.LogLevel") })
	mount("LOUD")
	p.until("a wrong value is refused", func() bool { return strings.Contains(p.log.String(), "a file of the ConfigMap is not used as it is") })
	p.terminate()
}

func TestWhatIsChangedOverRESTHoldsAfterARestart(t *testing.T) {
	p := start(t, options{})
	p.ready()
	if code, body := p.send("PATCH", "/configs", `{"logLevel": "warning", "timezone": "UTC"}`); code != http.StatusNoContent {
		t.Fatalf("PATCH /configs: %d %s", code, body)
	}
	if code, body := p.send("PATCH", "/configs", `{"logLevel": "loud"}`); code != http.StatusBadRequest || !strings.Contains(body, "LogLevel") {
		t.Errorf("a wrong level is answered %d %s", code, body)
	}
	p.terminate()
	again := start(t, options{data: p.data})
	again.ready()
	if said := again.log.String(); !strings.Contains(said, `key=Sluice.Timezone origin="PATCH /configs"`) && strings.Contains(said, "REST API is ready") {
		t.Errorf("the change is forgotten: %s", said)
	}
	again.terminate()
}
