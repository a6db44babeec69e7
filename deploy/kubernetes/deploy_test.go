// Package kubernetes checks the manifests and the Helm chart: each document is
// decoded strictly into its type of the Kubernetes API, the chart is rendered
// and linted by helm's own packages, and the service is started with what a
// manifest gives its container. It is a module of its own, so that none of this
// is a dependency of the service.
package kubernetes

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigs "sigs.k8s.io/yaml"
)

// objects are the documents of a manifest by kind.
type objects map[string]any

// decode reads documents; unknown fields and wrong types are errors.
func decode(t *testing.T, text []byte) objects {
	t.Helper()
	all := objects{}
	for documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		doc, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		var kind struct{ Kind string }
		if err := sigs.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		if kind.Kind == "" {
			continue // only comments
		}
		types := map[string]any{"ServiceAccount": &core.ServiceAccount{}, "ConfigMap": &core.ConfigMap{}, "Service": &core.Service{},
			"PersistentVolumeClaim": &core.PersistentVolumeClaim{}, "Deployment": &apps.Deployment{}, "DaemonSet": &apps.DaemonSet{}}
		into := types[kind.Kind]
		if into == nil || all[kind.Kind] != nil {
			t.Fatalf("kind %s is not expected", kind.Kind)
		}
		if err := sigs.UnmarshalStrict(doc, into); err != nil {
			t.Fatalf("%s: %v\n%s", kind.Kind, err, doc)
		}
		all[kind.Kind] = into
	}
}

// pod is the template of the workload, and what its selector looks for.
func (o objects) pod(t *testing.T) (spec *core.PodSpec, labels, selector map[string]string) {
	t.Helper()
	switch {
	case o["Deployment"] != nil:
		d := o["Deployment"].(*apps.Deployment)
		return &d.Spec.Template.Spec, d.Spec.Template.Labels, d.Spec.Selector.MatchLabels
	case o["DaemonSet"] != nil:
		d := o["DaemonSet"].(*apps.DaemonSet)
		return &d.Spec.Template.Spec, d.Spec.Template.Labels, d.Spec.Selector.MatchLabels
	}
	t.Fatal("no workload")
	return nil, nil, nil
}

// check wants what every form of the deployment must have.
func (o objects) check(t *testing.T) *core.Container {
	t.Helper()
	spec, labels, selector := o.pod(t)
	for k, v := range selector {
		if labels[k] != v {
			t.Errorf("the selector's %s=%s is not on the pods", k, v)
		}
	}
	if sa := o["ServiceAccount"].(*core.ServiceAccount); *sa.AutomountServiceAccountToken || *spec.AutomountServiceAccountToken || spec.ServiceAccountName != sa.Name {
		t.Error("the service account has a token")
	}
	terms := spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if e := terms[0].MatchExpressions[0]; e.Key != "node-role.kubernetes.io/edge" || e.Operator != core.NodeSelectorOpIn || !slices.Equal(e.Values, []string{""}) {
		t.Errorf("affinity %v", e)
	}
	c := &spec.Containers[0]
	if c.LivenessProbe.TCPSocket.Port.String() != "rest" || c.ReadinessProbe.HTTPGet.Path != "/ping" || c.Ports[0].Name != "rest" {
		t.Errorf("probes %v %v", c.LivenessProbe, c.ReadinessProbe)
	}
	if !*c.SecurityContext.RunAsNonRoot || !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation {
		t.Errorf("security context %v", c.SecurityContext)
	}
	if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("resources %v", c.Resources)
	}
	for _, m := range c.VolumeMounts {
		if !slices.ContainsFunc(spec.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
			t.Errorf("volume %s is not there", m.Name)
		}
	}
	return c
}

func TestManifestsAreWhatTheAPITakes(t *testing.T) {
	var data []map[string]string
	for _, file := range []string{"sluice.yaml", "daemonset.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := decode(t, text)
		c := o.check(t)
		if c.Ports[0].HostPort != 9081 || c.Ports[0].ContainerPort != 9081 {
			t.Errorf("%s: ports %v", file, c.Ports)
		}
		data = append(data, o["ConfigMap"].(*core.ConfigMap).Data)
	}
	if fmt.Sprint(data[0]) != fmt.Sprint(data[1]) {
		t.Error("the two manifests have other ConfigMaps")
	}
}

// render renders the chart with values on top of its own.
func render(t *testing.T, values string) (objects, error) {
	t.Helper()
	chart, err := loader.Load("chart/sluice")
	if err != nil {
		t.Fatal(err)
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(chart, given, chartutil.ReleaseOptions{Name: "plant", Namespace: "edge", Revision: 1, IsInstall: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	var text []byte
	for name, content := range files {
		if strings.HasSuffix(name, ".yaml") {
			text = append(text, "\n---\n"+content...)
		}
	}
	return decode(t, text), nil
}

func TestTheChartRendersWhatItsValuesSay(t *testing.T) {
	for _, tt := range []struct {
		values string
		want   func(o objects, c *core.Container) bool
	}{
		{"", func(o objects, c *core.Container) bool {
			spec, _, _ := o.pod(t)
			return o["DaemonSet"] != nil && o["Service"] == nil && spec.HostNetwork && c.Ports[0].HostPort == 9081 && c.Image == "edgesluice/app-sluice:latest" &&
				spec.Volumes[1].HostPath.Path == "/var/lib/sluice" && strings.Contains(o["ConfigMap"].(*core.ConfigMap).Data["configuration.yaml"], "tcp://127.0.0.1:1883")
		}},
		{"{kind: Deployment, replicaCount: 2, hostNetwork: false, hostPort: 0, port: 59720, profile: edgex, args: [-r], image: {tag: v1}}", func(o objects, c *core.Container) bool {
			spec, _, _ := o.pod(t)
			return *o["Deployment"].(*apps.Deployment).Spec.Replicas == 2 && !spec.HostNetwork && c.Ports[0].HostPort == 0 && c.Ports[0].ContainerPort == 59720 &&
				slices.Equal(c.Args, []string{"--configDir=/res", "--profile=edgex", "-r"}) && c.Image == "edgesluice/app-sluice:v1"
		}},
		{"{service: {enabled: true, type: NodePort, nodePort: 30081}, persistence: {type: persistentVolumeClaim, storageClass: local}}", func(o objects, _ *core.Container) bool {
			spec, _, selector := o.pod(t)
			s := o["Service"].(*core.Service)
			pvc := o["PersistentVolumeClaim"].(*core.PersistentVolumeClaim)
			return s.Spec.Ports[0].NodePort == 30081 && fmt.Sprint(s.Spec.Selector) == fmt.Sprint(selector) && *pvc.Spec.StorageClassName == "local" &&
				spec.Volumes[1].PersistentVolumeClaim.ClaimName == pvc.Name && len(spec.InitContainers) == 0 && *spec.SecurityContext.FSGroup == 2001
		}},
		{"{existingConfigMap: mine, persistence: {type: emptyDir}, env: {A: 1, EDGEX_SECURITY_SECRET_STORE: true}, secretEnv: {P: {name: s, key: k}}, tolerations: [{operator: Exists}], nodeSelector: {a: b}, podAnnotations: {c: d}}",
			func(o objects, c *core.Container) bool {
				spec, _, _ := o.pod(t)
				last := c.Env[len(c.Env)-1]
				return o["ConfigMap"] == nil && spec.Volumes[0].ConfigMap.Name == "mine" && spec.Volumes[1].EmptyDir != nil && len(spec.Tolerations) == 1 &&
					last.Name == "P" && last.ValueFrom.SecretKeyRef.Key == "k" && strings.Count(fmt.Sprint(c.Env), "SECRET_STORE") == 1
			}},
	} {
		o, err := render(t, tt.values)
		if err != nil {
			t.Fatal(err)
		}
		if c := o.check(t); !tt.want(o, c) {
			text, _ := sigs.Marshal(o)
			t.Errorf("%s\n%s", tt.values, text)
		}
	}
	for _, values := range []string{"kind: StatefulSet", "persistence: {type: disk}"} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), "it must be") {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestTheChartPassesHelmsLint(t *testing.T) {
	for _, m := range lint.AllWithKubeVersion("chart/sluice", nil, "edge", nil).Messages {
		if m.Severity >= support.WarningSev {
			t.Error(m)
		}
	}
}

// TestTheServiceRunsWithWhatTheManifestGivesIt starts the program with the
// arguments, environment and ConfigMap of the Deployment; only ports and paths
// are those of this machine.
func TestTheServiceRunsWithWhatTheManifestGivesIt(t *testing.T) {
	text, err := os.ReadFile("sluice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o := decode(t, text)
	spec, _, _ := o.pod(t)
	c := spec.Containers[0]
	dir := t.TempDir()
	config, program := filepath.Join(dir, "config"), filepath.Join(dir, "app-sluice")
	if err := os.Mkdir(config, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range o["ConfigMap"].(*core.ConfigMap).Data {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", program, "./cmd/app-sluice")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	here := map[string]string{"/etc/sluice": config, "/data": filepath.Join(dir, "data")}
	res, _ := filepath.Abs(filepath.Join("..", "..", "res"))
	var args []string
	for _, a := range c.Args {
		args = append(args, strings.Replace(a, "=/res", "="+res, 1))
	}
	rest, sdk := freePort(t), freePort(t)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SLUICE_RESTPORT=%d", rest), fmt.Sprintf("SERVICE_PORT=%d", sdk), "SLUICE_RESTIP=127.0.0.1")
	for _, e := range c.Env {
		value := e.Value
		if p := here[value]; p != "" {
			value = p
		}
		cmd.Env = append(cmd.Env, e.Name+"="+value)
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	for path, want := range map[string]string{"/streams": `["sensor_tag_model"]`, "/rules/hot/status": `"status": "running"`, "/": `"problems":[]`, "/ping": ""} {
		url, said := fmt.Sprintf("http://127.0.0.1:%d%s", rest, path), ""
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if resp, err := http.Get(url); err == nil {
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if said = string(b); resp.StatusCode == 200 && strings.Contains(said, want) {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s says %s, want %s", path, said, want)
			}
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
