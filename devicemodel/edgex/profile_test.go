package edgex

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos/responses"

	"github.com/edgesluice/sluice/sqlfn/parse"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func profilesOf(t *testing.T, file string) map[string]*Profile {
	t.Helper()
	ps, err := Parse(read(t, file))
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]*Profile{}
	for i := range ps {
		by[ps[i].Name] = &ps[i]
	}
	return by
}

func TestEveryRecordedProfileGivesATypedStream(t *testing.T) {
	for _, tt := range []struct{ file, profile, want string }{
		{"v3-deviceprofile-all.json", "Fixture-Profile",
			"CREATE STREAM Fixture_Profile (Speed FLOAT, Label STRING, Labels ARRAY(STRING), Flags ARRAY(BOOLEAN), Wave ARRAY(BIGINT), " +
				"Image BYTEA, Meta STRUCT(), Extra ARRAY(FLOAT), Extra2 BIGINT) " +
				`WITH (DATASOURCE="edgex/events/device/+/Fixture-Profile/#", FORMAT="JSON", TYPE="edgex")`},
		{"v4-deviceprofile-all.json", "Fixed-Object-Device",
			`CREATE STREAM Fixed_Object_Device (Object STRUCT(), ObjectArray ARRAY(STRUCT())) WITH (DATASOURCE="edgex/events/device/+/Fixed-Object-Device/#", FORMAT="JSON", TYPE="edgex")`},
		{"v4-deviceprofile-all.json", "Random-UnsignedInteger-Device",
			"CREATE STREAM Random_UnsignedInteger_Device (Uint8 BIGINT, Uint16 BIGINT, Uint32 BIGINT, Uint64 BIGINT, " +
				"Uint8Array ARRAY(BIGINT), Uint16Array ARRAY(BIGINT), Uint32Array ARRAY(BIGINT), Uint64Array ARRAY(BIGINT)) " +
				`WITH (DATASOURCE="edgex/events/device/+/Random-UnsignedInteger-Device/#", FORMAT="JSON", TYPE="edgex")`},
	} {
		all := profilesOf(t, tt.file)
		p := all[tt.profile]
		if p == nil {
			t.Fatalf("%s has no profile %s", tt.file, tt.profile)
		}
		if got := CreateStream(p); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		for _, p := range all {
			if _, err := parse.Statement(CreateStream(p)); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
}

func TestTheDTOGivesTheSameProfileAsTheFile(t *testing.T) {
	var answer responses.MultiDeviceProfilesResponse
	if err := json.Unmarshal(read(t, "v3-deviceprofile-all.json"), &answer); err != nil {
		t.Fatal(err)
	}
	file := profilesOf(t, "v3-deviceprofile-all.json")
	for _, d := range answer.Profiles {
		fromDTO := FromDTO(d)
		if got, want := Model(&fromDTO), Model(file[d.Name]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v\nwant %+v", d.Name, got, want)
		}
	}
	if len(answer.Profiles) != len(file) || len(file) == 0 {
		t.Errorf("%d and %d profiles", len(answer.Profiles), len(file))
	}
}

const pressYAML = `
name: "Press/1 ü"
deviceResources:
  - name: Running
    description: is it
    properties: {valueType: Bool, readWrite: R}
  - name: Pressure
    properties: {valueType: "int32", readWrite: RW, units: bar, minimum: "0", maximum: 12.5}
  - name: Reset
    properties: {valueType: Bool, readWrite: W}
deviceCommands:
  - name: Snapshot
    readWrite: R
    resourceOperations:
      - {deviceResource: Running, mappings: {true: "ON", false: "OFF"}}
`

func TestAFileInYAMLWithMappingsAndLimits(t *testing.T) {
	ps, err := Parse([]byte(pressYAML))
	if err != nil {
		t.Fatal(err)
	}
	want := "CREATE STREAM Press_1__ (Running STRING, Pressure BIGINT) " +
		`WITH (DATASOURCE="edgex/events/device/+/Press%2F1%20%C3%BC/#", FORMAT="JSON", TYPE="edgex")`
	if got := CreateStream(&ps[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p := Model(&ps[0]).Properties[1]
	if p.Unit != "bar" || *p.Min != 0 || *p.Max != 12.5 || !p.Writable {
		t.Errorf("got %+v", p)
	}
}

func TestAFolderIsReadWithItsBadFilesReported(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": pressYAML, "sub/b.json": `[{"name":"b"},{"name":"c"}]`, "one.json": `{"profile":{"name":"d"}}`, "list.yml": "- name: e\n",
		"bad.yaml": "name: x\ndeviceResources: [{name: r, properties: {valueType: Flaot32}}]", "broken.json": "{", "nameless.yaml": "manufacturer: m",
		"README.md": "not a profile",
	} {
		file := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ps, err := ReadDir(dir)
	var names []string
	for _, p := range ps {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, ","); got != "Press/1 ü,x,e,d,b,c" {
		t.Errorf("got %s", got)
	}
	for _, want := range []string{`bad.yaml: device profile "x": resource "r" has valueType "Flaot32", did you mean "Float32"?`, "broken.json: ", "nameless.yaml: device profile 1 has no name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %s", err, want)
		}
	}
	if _, err := ReadDir(filepath.Join(dir, "nosuch")); err == nil {
		t.Error("a folder that is not there went well")
	}
}
