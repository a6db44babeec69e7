package edgex

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

type recorded struct {
	Topic   string          `json:"topic"`
	Payload json.RawMessage `json:"payload"`
}

func recordedEvents(t *testing.T, file string) []recorded {
	t.Helper()
	var all []recorded
	lines := bufio.NewScanner(bytes.NewReader(read(t, file)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// The topic of a recorded event ends with what the event is about.
func TestRecordedSystemEventsSayWhatTheirTopicSays(t *testing.T) {
	for _, file := range []string{"v3-system-events.jsonl", "v4-system-events.jsonl"} {
		profiles := 0
		for _, r := range recordedEvents(t, file) {
			e, err := ParseEvent(r.Payload)
			if err != nil {
				t.Errorf("%s %s: %v", file, r.Topic, err)
				continue
			}
			levels := strings.Split(r.Topic, "/") // edgex/system-events/core-metadata/<type>/<action>/<owner>/<profile>
			if e.Type != levels[3] || e.Action != levels[4] {
				t.Errorf("%s: got %s %s", r.Topic, e.Type, e.Action)
			}
			switch {
			case e.Type == "deviceprofile":
				profiles++
				if e.Profile.Name != levels[6] || len(e.Profile.DeviceResources) == 0 {
					t.Errorf("%s: profile %q with %d resources", r.Topic, e.Profile.Name, len(e.Profile.DeviceResources))
				}
			case e.Type == "device" && e.UsedProfile != levels[6]:
				t.Errorf("%s: device of %q", r.Topic, e.UsedProfile)
			}
		}
		if profiles == 0 {
			t.Errorf("%s: no profile", file)
		}
	}
}

func TestAnEventIsTheSameInCBOR(t *testing.T) {
	for _, r := range recordedEvents(t, "v4-system-events.jsonl") {
		want, _ := ParseEvent(r.Payload)
		var tree map[string]any
		if err := json.Unmarshal(r.Payload, &tree); err != nil {
			t.Fatal(err)
		}
		whole, _ := cbor.Marshal(tree)
		inner, _ := cbor.Marshal(tree["payload"])
		nested, _ := cbor.Marshal(map[string]any{"payload": inner})
		text, _ := json.Marshal(map[string]any{"payload": base64.StdEncoding.EncodeToString(inner), "contentType": "application/cbor"})
		for what, message := range map[string][]byte{"envelope": whole, "byte string": nested, "base64": text} {
			got, err := ParseEvent(message)
			a, _ := json.Marshal(want)
			b, _ := json.Marshal(got)
			if err != nil || string(a) != string(b) {
				t.Errorf("%s %s: %v\n%s\n%s", r.Topic, what, err, a, b)
			}
		}
	}
}

func TestGarbageIsNoEvent(t *testing.T) {
	for _, message := range []string{"", "{", "null", "{}", `{"payload":"%%"}`, `{"payload":"e30="}`, "\xa1", `{"payload":{"type":"deviceprofile","details":{}}}`, `{"payload":{"type":"deviceprofile","details":7}}`} {
		if e, err := ParseEvent([]byte(message)); err == nil && e.Type == "deviceprofile" {
			t.Errorf("%q: %+v", message, e)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`{"payload":{"type":"deviceprofile","action":"add","details":{"name":"p","deviceResources":[{"name":"r","properties":{"valueType":"Int8","readWrite":"R"}}]}}}`))
	f.Add([]byte("\xa1\x67payload\xa0"))
	f.Fuzz(func(_ *testing.T, message []byte) { _, _ = ParseEvent(message) })
}
