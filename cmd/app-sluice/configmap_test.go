package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// configMap is a folder that is changed as the kubelet does it: the files are
// links into ..data, which is a link to a folder that is replaced.
type configMap struct {
	t   *testing.T
	dir string
	n   int
}

func newConfigMap(t *testing.T, files map[string]string) *configMap {
	t.Helper()
	c := &configMap{t: t, dir: filepath.Join(t.TempDir(), "etc")}
	c.must(os.Mkdir(c.dir, 0o755))
	c.put(files)
	return c
}

func (c *configMap) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *configMap) put(files map[string]string) {
	c.t.Helper()
	c.n++
	version := fmt.Sprintf("..2026_11_21_%02d", c.n)
	c.must(os.Mkdir(filepath.Join(c.dir, version), 0o755))
	for name, text := range files {
		c.must(os.WriteFile(filepath.Join(c.dir, version, name), []byte(text), 0o644))
	}
	old, _ := os.Readlink(filepath.Join(c.dir, "..data"))
	c.must(os.Symlink(version, filepath.Join(c.dir, "..data_tmp")))
	c.must(os.Rename(filepath.Join(c.dir, "..data_tmp"), filepath.Join(c.dir, "..data")))
	for name := range files {
		if _, err := os.Lstat(filepath.Join(c.dir, name)); err != nil {
			c.must(os.Symlink(filepath.Join("..data", name), filepath.Join(c.dir, name)))
		}
	}
	entries, err := os.ReadDir(c.dir)
	c.must(err)
	for _, e := range entries {
		if _, there := files[e.Name()]; !there && !strings.HasPrefix(e.Name(), "..") {
			c.must(os.Remove(filepath.Join(c.dir, e.Name())))
		}
	}
	if old != "" {
		c.must(os.RemoveAll(filepath.Join(c.dir, old)))
	}
}

const (
	configuration = "Writable: {LogLevel: DEBUG}\n"
	mountedStream = `streams: {demo: 'CREATE STREAM demo (a BIGINT) WITH (TYPE="memory", DATASOURCE="t")'}` + "\n"
	mountedRule   = `{"id":"r1","sql":"SELECT a FROM demo WHERE a > 1","actions":[{"nop":{}}]}`
	commandFile   = `{"commands":[{"url":"/streams","description":"d","method":"post","data":{"sql":"CREATE STREAM old () WITH (TYPE=\"memory\", DATASOURCE=\"o\")"}},{"url":"/ping","method":"get"},{"url":"/","method":"get"}]}`
)

func TestAConfigMapIsAppliedAndFollowed(t *testing.T) {
	files := map[string]string{"configuration.yaml": configuration, "streams.yaml": mountedStream, "r1.json": mountedRule, "commands.json": commandFile}
	c := newConfigMap(t, files)
	o := options{data: t.TempDir(), env: []string{"SLUICE_CONFIGMAP=" + c.dir}}
	p := start(t, o)
	p.ready()
	streams := func(want string) func() bool {
		return func() bool { _, names := p.get("/streams"); return strings.TrimSpace(names) == want }
	}
	p.until("everything is there", streams(`["demo","old"]`))
	p.until("the rule runs", func() bool { return strings.Contains(p.status("r1"), `"status": "running"`) })
	p.until("the command is run", func() bool { return strings.Contains(p.log.String(), "method=GET url=/ping status=200") })

	files["streams.yaml"] = mountedStream + "rules: [{id: r2, sql: SELECT * FROM demo, actions: [{nop: {}}]}]\n"
	delete(files, "commands.json")
	begin := time.Now()
	c.put(files)
	p.until("r2 runs and old is gone", func() bool { return strings.Contains(p.status("r2"), `"status": "running"`) && streams(`["demo"]`)() })
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}

	good := files["streams.yaml"]
	files["streams.yaml"] = "streams: {demo: CREATE STRM demo"
	files["configuration.yaml"] = "Writable: {LogLevel: LOUD}\n"
	c.put(files)
	problems := func() bool {
		_, about := p.get("/")
		return strings.Contains(about, "streams.yaml: yaml: line 1") && strings.Contains(about, "invalid Writable.LogLevel LOUD")
	}
	p.until("the problems are reported", problems)
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, "sluice_configmap_problems 2") {
		t.Errorf("metrics %s", metrics)
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.exited
	p = start(t, o)
	p.ready()
	p.until("the problems are reported after a restart", problems)
	p.until("what was good runs", func() bool { return strings.Contains(p.status("r2"), `"status": "running"`) && streams(`["demo"]`)() })
	p.until("the log level is the last good one", func() bool { return strings.Contains(p.log.String(), "key=Writable.LogLevel origin="+c.dir) })

	files["streams.yaml"], files["configuration.yaml"] = good, configuration
	c.put(files)
	p.until("all is well", func() bool { _, about := p.get("/"); return strings.Contains(about, `"entries":3,"problems":[]`) })

	c.must(os.Rename(c.dir, c.dir+".away")) // the mount is lost
	p.until("the loss is reported", func() bool { _, about := p.get("/"); return strings.Contains(about, "no such file or directory") })
	if !streams(`["demo"]`)() || !strings.Contains(p.status("r1"), `"status": "running"`) {
		t.Error("a lost mount took the rules along")
	}
	c.must(os.Rename(c.dir+".away", c.dir))
	c.put(map[string]string{"configuration.yaml": configuration})
	p.until("what is not declared any more is gone", streams("[]"))
	p.terminate()
}
