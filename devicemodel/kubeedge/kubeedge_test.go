package kubeedge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/devicemodel"
)

// show is a line for each model and device.
func show(s Set) string {
	var b strings.Builder
	for i := range s.Models {
		m := &s.Models[i]
		fmt.Fprintf(&b, "%s:", m.Name)
		for _, p := range m.Properties {
			fmt.Fprintf(&b, " %s %s%s", p.Name, p.Type, map[bool]string{true: " rw"}[p.Writable])
			if p.Min != nil || p.Max != nil {
				fmt.Fprintf(&b, " [%s %s]", number(p.Min), number(p.Max))
			}
			if p.Unit != "" {
				fmt.Fprintf(&b, " %q", p.Unit)
			}
			b.WriteString(";")
		}
		b.WriteString("\n")
	}
	for _, d := range s.Devices {
		fmt.Fprintf(&b, "%s is a %s %v\n", d.ID(), d.Model, d.Push)
	}
	return b.String()
}

func number(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprint(*f)
}

func TestEveryPublishedModelAndDeviceIsRead(t *testing.T) {
	for file, want := range map[string]string{
		"v1beta1/beta1-model.yaml":             `beta1-model: temp bigint rw [1 100] "Celsius";`,
		"v1beta1/beta1-device.yaml":            "default/beta1-device is a beta1-model []",
		"v1alpha2/modbus-device-model.yaml":    `modbus-sample-model: temperature bigint rw [- 100] "degree celsius"; temperature-enable bigint rw;`,
		"v1alpha2/led-light-device-model.yaml": "led-light: power-status string rw; gpio-pin-number bigint;",
		"v1alpha2/CC2650-device-instance.yaml": "default/sensor-tag-instance-01 is a cc2650-sensortag []",
		"v1alpha1/create-device-model.yaml":    `sensor-tag-model: temperature bigint rw [- 100] "degree celsius"; temperature-enable string rw;`,
		"v1alpha1/create-device-instance.yaml": "default/sensor-tag-instance-01 is a sensor-tag-model []",
		"v1alpha2/guide-sensor-tag-model.yaml": `sensor-tag-model: temperature bigint rw [- 100] "degree celsius"; temperature-enable string rw;`,
		"v1alpha2/CC2650-device-model.yaml":    `cc2650-sensortag: temperature bigint [- 100] "degree celsius"; temperature-enable string rw; io-config-initialize bigint rw; io-data-initialize bigint rw; io-config bigint rw; io-data bigint rw;`,
		"deviceprofile/modbus-go-configmap_test.json": "sensor-tag-model: temperature bigint rw [0 100] \"degree celsius\"; temperature-enable string rw;\n" +
			"sensor-tag-instance-01 is a sensor-tag-model []",
		"deviceprofile/v1.3-modbus_mapper-deviceProfile.json": "modbus-mock-model: temperature bigint rw [0 100];\n" +
			"modbus-mock-instance-01 is a modbus-mock-model []\nf81e1dce-8152-4f76-b673-d6728b46e395 is a modbus-mock-model []",
		"deviceprofile/cc2650-deviceProfile.doc-sample.json": "cc2650-sensortag: temperature bigint [- 100] \"degree celsius\"; temperature-enable string rw;\nsensor-tag-instance-01 is a cc2650-sensortag []",
	} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		got := strings.TrimSpace(show(s))
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", file, got, want)
		}
	}
}

func TestTheFormsOfADocument(t *testing.T) {
	const model = `{"kind":"DeviceModel","metadata":{"name":"m","namespace":"plant"},"spec":{"properties":[{"name":"a","type":"STREAM"},{"name":"b","type":"DOUBLE","minimum":"-1.5"}]}}`
	const want = "plant:m: a any; b float [-1.5 -];\n"
	for what, text := range map[string]string{
		"one object": model, "a list": "[" + model + "]", "a List": `{"kind":"DeviceModelList","items":[` + model + `]}`,
		"YAML documents": "---\n" + model + "\n---\n",
		"the ConfigMap":  `{"kind":"ConfigMap","data":{"deviceProfile.json":"[` + strings.ReplaceAll(model, `"`, `\"`) + `]"}}`,
	} {
		s, err := Parse([]byte(text))
		if err != nil || show(s) != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", what, err, show(s), want)
		}
	}
	s, err := Parse([]byte(`kind: Device
metadata: {name: d}
spec:
  deviceModelRef: {name: m}
  properties:
    - {name: t, pushMethod: {mqtt: {topic: a/b, qos: 0}}}
    - {name: u, pushMethod: {http: {requestPath: /in}}}`))
	if got := show(s); err != nil || got != "default/d is a m [{t a/b } {u  /in}]\n" {
		t.Errorf("%v %s", err, got)
	}
	s, err = Parse([]byte(`{"deviceModels":[{"name":"device1","properties":[{"name":"temperature","dataType":"int"}]}]}`)) // Kuiper 0.9
	if got := show(s); err != nil || got != "device1: temperature bigint;\n" {
		t.Errorf("%v %s", err, got)
	}
}

func TestWhatIsWrongIsNamedAndTheRestIsRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"kind":"DeviceModel","metadata":{"name":"m"},"spec":{"properties":[{"name":"a","type":"INTT"},{"name":"b","type":"INT"},{"name":"b","type":"INT"},{"name":"","type":"INT"}]}}`: `property "a": type "INTT" is unknown, did you mean "int"?` + "\n" +
			`device model "m": property "b": it is there twice, the first one counts` + "\n" + `device model "m": property "": it has no name`,
		`{"kind":"DeviceModel","metadata":{"name":"m"},"spec":{"properties":[{"name":"b","type":"INT","minimum":"x"}]}}`:               `limit x is no number`,
		`{"kind":"DeviceModel","metadata":{"name":"m"},"spec":{"properties":[{"name":"b","type":"INT","minimum":"9","maximum":"1"}]}}`: `minimum 9 is larger than maximum 1`,
		`{"kind":"DeviceModel","metadata":{"name":"m"},"spec":{"properties":[{"name":"b","type":{"int":{},"string":{}}}]}}`:            `one member such as int`,
		`{"kind":"DeviceModel","metadata":{"name":"m"},"spec":{"properties":7}}`:                                                       `device model "m": properties must be of another type than number`,
		`{"kind":"DeviceModel","spec":{}}`:                    `no metadata.name`,
		`{"kind":"Device","metadata":{"name":"d"},"spec":{}}`: `device "d" has no metadata.name or no spec.deviceModelRef.name`,
		`{"kind":"DeviceModl"}`:                               `kind "DeviceModl" is neither DeviceModel nor Device, did you mean "DeviceModel"?`,
		`{"a":1}`:                                             "neither a DeviceModel or Device (no kind)",
		"{\n\"kind\": x}":                                     "line 2: ",
		"a: [":                                                "document 1: yaml",
		"a: &a [*a]":                                          "anchor 'a' value contains itself",
		`{"kind":"ConfigMap","metadata":{"name":"c"}}`:                       `ConfigMap "c" has no deviceProfile.json`,
		`{"deviceModels":[{"properties":[]}],"deviceInstances":[{"id":""}]}`: "a device model has no name\ndevice \"\" has no name or no model",
		"3": "must be of another type",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
	s, err := Parse([]byte("kind: Rule\n---\nkind: DeviceModel\nmetadata: {name: m}\n---\nkind: ["))
	if err == nil || len(s.Models) != 1 {
		t.Errorf("%v %s", err, show(s))
	}
	text, readErr := os.ReadFile("testdata/deviceprofile/modbus-go-configmap_negtest.json") // KubeEdge's own example of a broken one
	if readErr != nil {
		t.Fatal(readErr)
	}
	if _, err := Parse(text); err == nil {
		t.Error("the broken deviceProfile.json went well")
	}
}

func TestAFolderIsRead(t *testing.T) {
	s, err := ReadDir("testdata")
	if err == nil || !strings.Contains(err.Error(), "negtest.json") || strings.Count(err.Error(), "testdata") != 1 {
		t.Errorf("error %v", err)
	}
	if len(s.Models) < 9 || len(s.Devices) < 9 {
		t.Errorf("%d models, %d devices", len(s.Models), len(s.Devices))
	}
}

func TestTheDirectoryFindsTheModelOfATopicsDevice(t *testing.T) {
	d := devicemodel.NewDirectory()
	changed := d.Changed()
	d.Replace("a", []devicemodel.Model{{Name: "m"}, {Name: "plant:m"}, {Name: "device1"}},
		[]devicemodel.Device{{Namespace: "default", Name: "d1", Model: "m"}, {Namespace: "plant", Name: "d1", Model: "plant:m"}, {Namespace: "plant", Name: "d2", Model: "plant:m"}, {Name: "old", Model: "m"}})
	<-changed
	for id, want := range map[string]string{
		"default/d1": "m", "plant/d1": "plant:m", "d1": "", "d2": "plant:m", "PLANT/D2": "plant:m", "old": "m", "any/old": "m", "Device1": "device1", "x/device1": "device1", "nosuch": "",
	} {
		got := ""
		if _, m := d.Device(id); m != nil {
			got = m.Name
		}
		if got != want {
			t.Errorf("%s is a %q, want %q", id, got, want)
		}
	}
	if n := len(d.Devices("plant:M")); n != 2 {
		t.Errorf("%d devices", n)
	}
	d.Replace("a", nil, nil)
	if _, m := d.Device("old"); m != nil {
		t.Error("it is still there")
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"v1beta1/beta1-model.yaml", "v1alpha2/create-device-instance.yaml", "deviceprofile/modbus-go-configmap_test.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = Parse(text) })
}
