package twin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Write is a value for a property of a device.
type Write struct {
	Property string
	Value    string
	Type     string // int, float, boolean or string
}

// What edgecore takes; it answers anything else with code 400.
var (
	propertyShape = regexp.MustCompile(`^[a-zA-Z0-9-_.,:/@#]{1,128}$`)
	valueShape    = regexp.MustCompile(`^[a-zA-Z0-9-_.,:/@#]{1,512}$`)
)

// NewWrite makes the write of a value, which must not be NULL, in the type that
// the model says or, without one, in its own. It refuses what edgecore would
// refuse, and with desired what mappers only read.
func NewWrite(property string, v value.Value, m *devicemodel.Model, desired bool) (Write, error) {
	w := Write{Property: property}
	kind := v.Kind()
	if m != nil {
		p := m.Property(property)
		switch {
		case p == nil:
			return w, fmt.Errorf("model %q has no property %q", m.Name, property)
		case desired && !p.Writable:
			return w, fmt.Errorf("property %q of model %q is read only", property, m.Name)
		}
		w.Property, kind = p.Name, p.Type.Kind
		if err := within(v, p); err != nil {
			return w, fmt.Errorf("property %q: %w", property, err)
		}
	}
	if !propertyShape.MatchString(w.Property) {
		return w, fmt.Errorf("property name %q has characters that KubeEdge refuses, it takes letters, digits and -_.,:/@#", w.Property)
	}
	if err := w.write(v, kind); err != nil {
		return w, fmt.Errorf("property %q: %w", property, err)
	}
	if !valueShape.MatchString(w.Value) {
		return w, fmt.Errorf("property %q: KubeEdge refuses the value %.60q, it takes 1 to 512 letters, digits and -_.,:/@#", property, w.Value)
	}
	return w, nil
}

// write makes the text of a value: floats without exponent, for edgecore takes
// no plus sign.
func (w *Write) write(v value.Value, kind value.Kind) error {
	wrong := func() error { return fmt.Errorf("a %s is not a %s", v.Kind(), kind) }
	switch kind {
	case value.Int, value.Uint:
		f, isNumber := v.AsFloat()
		n, whole := v.AsInt()
		if !isNumber || !whole || v.Kind() == value.Float && float64(n) != f {
			return wrong()
		}
		w.Type, w.Value = "int", strconv.FormatInt(n, 10)
	case value.Float:
		f, ok := v.AsFloat()
		if !ok || !v.IsNumber() {
			return wrong()
		}
		w.Type, w.Value = "float", strconv.FormatFloat(f, 'f', -1, 64)
	case value.Bool:
		if v.Kind() != value.Bool {
			return wrong()
		}
		w.Type, w.Value = "boolean", strconv.FormatBool(v.Bool())
	default:
		w.Type, w.Value = "string", v.String()
	}
	return nil
}

// value and metadata of one side of a twin, in edgecore's order.
type side struct {
	Value    string   `json:"value"`
	Metadata sideMeta `json:"metadata"`
}

type sideMeta struct {
	Timestamp int64 `json:"timestamp"`
}

type twinUpdate struct {
	Expected *side    `json:"expected,omitempty"`
	Actual   *side    `json:"actual,omitempty"`
	Metadata typeMeta `json:"metadata"`
}

type typeMeta struct {
	Type string `json:"type"`
}

// Update is the message that writes values: as desired ones, which edgecore
// passes on to the mapper, or as actual ones.
func Update(eventID string, at int64, writes []Write, desired bool) ([]byte, error) {
	twins := map[string]twinUpdate{}
	for _, w := range writes {
		s := &side{w.Value, sideMeta{at}}
		u := twinUpdate{Metadata: typeMeta{w.Type}}
		if desired {
			u.Expected = s
		} else {
			u.Actual = s
		}
		twins[w.Property] = u
	}
	return json.Marshal(struct {
		EventID   string                `json:"event_id"`
		Timestamp int64                 `json:"timestamp"`
		Twin      map[string]twinUpdate `json:"twin"`
	}{eventID, at, twins})
}

// UpdateTopic is where updates of a device go, ResultTopic where edgecore
// answers them.
func UpdateTopic(device string) string { return "$hw/events/device/" + device + "/twin/update" }

// ResultTopics are the filters for the answers to updates of all devices.
func ResultTopics() []string {
	return []string{"$hw/events/device/+/twin/update/result", "$hw/events/device/+/+/twin/update/result"}
}

// Result is edgecore's answer to an update. Code is 0 if it was taken: else 400
// bad request, 404 no such device, 409 version conflict, 500 internal error.
type Result struct {
	EventID string `json:"event_id"`
	Code    int    `json:"code"`
	Reason  string `json:"reason"`
}

// ParseResult reads an answer.
func ParseResult(p []byte) (r Result, err error) { return r, json.Unmarshal(p, &r) }
