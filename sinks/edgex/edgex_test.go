package edgex

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos/requests"
	"github.com/edgexfoundry/go-mod-messaging/v3/pkg/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var testTime = time.Unix(1_700_000_000, 5)

func bound(t *testing.T, props map[string]any) *sink {
	t.Helper()
	s := &sink{rule: "rule1", log: slog.New(slog.DiscardHandler), clock: clock.NewVirtual(testTime)}
	p := param.New(`sink "edgex"`)
	s.Params(p)
	if err := p.Bind(props); err != nil {
		t.Fatal(err)
	}
	return s
}

// pressMeta is the meta of an event of press-01 with a reading of each type
// that matters.
func pressMeta(id string, origin int64) row.ObjectMeta {
	reading := func(valueType string) any {
		return map[string]any{"valueType": valueType, "origin": origin - 1, "deviceName": "press-01"}
	}
	return row.ObjectMeta{Obj: value.From(map[string]any{
		"id": id, "deviceName": "press-01", "profileName": "press", "sourceName": "Snapshot", "origin": origin, "correlationid": "c-" + id,
		"tags": map[string]any{"line": 1}, "Temperature": reading("Int32"), "Speed": reading("Float32"), "Wave": reading("Int16Array"), "Label": reading("String"),
		"Image": map[string]any{"valueType": "Binary", "mediaType": "image/png"},
	})}
}

func payload(cols map[string]value.Value, meta row.Meta) sinks.Payload {
	s, r := &row.Schema{}, row.Row{Meta: meta}
	for name, v := range cols {
		s.Cols = append(s.Cols, value.Field{Name: name})
		r.Cols = append(r.Cols, v)
	}
	return sinks.Payload{Schema: s, Rows: []row.Row{r}, Single: true}
}

// published is what EdgeX's own modules read from a message.
func published(t *testing.T, s *sink, p sinks.Payload) (topic string, env types.MessageEnvelope, e dtos.Event) {
	t.Helper()
	topic, msg, err := s.message(&p)
	if err != nil {
		t.Fatal(err)
	}
	return topic, envelopeOf(t, msg), eventOf(t, msg)
}

func envelopeOf(t *testing.T, msg []byte) (env types.MessageEnvelope) {
	t.Helper()
	if err := json.Unmarshal(msg, &env); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	return env
}

func eventOf(t *testing.T, msg []byte) dtos.Event {
	t.Helper()
	env := envelopeOf(t, msg)
	var req requests.AddEventRequest
	var err error
	if env.ContentType == "application/cbor" {
		err = cbor.Unmarshal(env.Payload, &req)
	} else if bytes.Contains(env.Payload, []byte(`"event":`)) {
		err = json.Unmarshal(env.Payload, &req)
	} else {
		err = json.Unmarshal(env.Payload, &req.Event)
		req.Event.ApiVersion = "v3"
		req.BaseRequest.RequestId = "1c8c2a9a-5a7c-4ff5-9f0c-7b2df3a0b36d"
		req.BaseRequest.ApiVersion = "v3"
	}
	if err == nil {
		err = req.Validate()
	}
	if err != nil {
		t.Fatalf("EdgeX refuses the event: %v\n%s", err, env.Payload)
	}
	return req.Event
}

func readingOf(t *testing.T, e dtos.Event, name string) dtos.BaseReading {
	t.Helper()
	for _, r := range e.Readings {
		if r.ResourceName == name {
			return r
		}
	}
	t.Fatalf("no reading %s in %+v", name, e.Readings)
	return dtos.BaseReading{}
}

func TestAnEventKeepsWhereItComesFrom(t *testing.T) {
	p := payload(map[string]value.Value{
		"Temperature": value.OfInt(72), "Speed": value.OfFloat(1.5), "Wave": value.OfInts([]int64{1, -2}), "Label": value.OfString("x"),
		"Image": value.OfBytes([]byte{1}), "twice": value.OfInt(144), "gone": {}, "null": value.ExplicitNull,
	}, pressMeta("e1", 1_600_000_000_000_000_000))
	for _, props := range []map[string]any{{}, {"messageType": "request"}, {"messageType": "request", "contentType": "application/cbor"}} {
		topic, env, e := published(t, bound(t, props), p)
		if topic != "application" || env.CorrelationID != "c-e1" || env.ApiVersion != "v3" {
			t.Errorf("%s %+v", topic, env)
		}
		if e.DeviceName != "press-01" || e.ProfileName != "press" || e.SourceName != "Snapshot" || e.Origin != 1_600_000_000_000_000_000 || e.Id == "e1" {
			t.Errorf("%v: event %+v", props, e)
		}
		if line, ok := e.Tags["line"]; !ok || len(e.Readings) != 6 {
			t.Errorf("tag %v, %d readings", line, len(e.Readings))
		}
		for name, want := range map[string][2]string{
			"Temperature": {"Int32", "72"}, "Speed": {"Float32", "1.5e+00"}, "Wave": {"Int16Array", "[1, -2]"}, "Label": {"String", "x"}, "twice": {"Int64", "144"},
		} {
			r := readingOf(t, e, name)
			if r.ValueType != want[0] || r.Value != want[1] || r.DeviceName != "press-01" || r.ProfileName != "press" {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if r := readingOf(t, e, "Temperature"); r.Origin != 1_599_999_999_999_999_999 {
			t.Errorf("the reading's own time became %d", r.Origin)
		}
		if r := readingOf(t, e, "Image"); r.ValueType != "Binary" || !bytes.Equal(r.BinaryValue, []byte{1}) || r.MediaType != "image/png" {
			t.Errorf("image %+v", r)
		}
	}
}

func TestAValueTypeIsKeptOnlyWhileTheValueFits(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    value.Value
		want string
	}{
		{"Temperature", value.OfFloat(3), "Int32 3"},
		{"Temperature", value.OfFloat(3.5), "Float64 3.5e+00"},
		{"Temperature", value.OfInt(math.MaxInt32 + 1), "Int64 2147483648"},
		{"Temperature", value.OfString("3"), "String 3"},
		{"Speed", value.OfInt(3), "Float32 3e+00"},
		{"Speed", value.OfFloat(1e39), "Float64 1e+39"},
		{"Speed", value.OfFloat(math.Inf(1)), "Float32 +Inf"},
		{"Wave", value.OfFloats([]float64{1, 2}), "Int16Array [1, 2]"},
		{"Wave", value.OfFloats([]float64{1.5}), "Float64Array [1.5e+00]"},
		{"Wave", value.OfInts([]int64{40000}), "Int64Array [40000]"},
		{"Wave", value.OfInt(1), "Int64 1"},
		{"Label", value.OfInt(1), "Int64 1"},
	} {
		_, _, e := published(t, bound(t, nil), payload(map[string]value.Value{tt.name: tt.v}, pressMeta("e1", 1)))
		if r := e.Readings[0]; r.ValueType+" "+r.Value != tt.want {
			t.Errorf("%s of %v became %s %s, want %s", tt.name, tt.v, r.ValueType, r.Value, tt.want)
		}
	}
}

func TestWithoutAnInputEventTypesFollowTheValues(t *testing.T) {
	for _, tt := range []struct {
		v    value.Value
		want string
	}{
		{value.True, "Bool true"},
		{value.OfString("s"), "String s"},
		{value.OfInt(-1), "Int64 -1"},
		{value.OfUint(math.MaxUint64), "Uint64 18446744073709551615"},
		{value.OfFloat(math.Pi), "Float64 3.141592653589793e+00"},
		{value.OfFloat(math.NaN()), "Float64 NaN"},
		{value.OfInts(nil), "StringArray []"},
		{value.OfInts([]int64{3}), "Int64Array [3]"},
		{value.OfFloats([]float64{3}), "Float64Array [3e+00]"},
		{value.OfArray(nil), "StringArray []"},
		{value.From([]any{"a", "b c"}), `StringArray ["a","b c"]`},
		{value.From([]any{true}), "BoolArray [true]"},
		{value.From([]any{1, 2.5}), "Float64Array [1e+00, 2.5e+00]"},
		{value.From([]any{1, uint64(math.MaxUint64)}), "Uint64Array [1, 18446744073709551615]"},
		{value.OfTime(testTime.UTC()), "String 2023-11-14T22:13:20.000000005Z"},
	} {
		_, _, e := published(t, bound(t, nil), payload(map[string]value.Value{"x": tt.v}, nil))
		if r := e.Readings[0]; r.ValueType+" "+r.Value != tt.want {
			t.Errorf("%v became %s %s, want %s", tt.v, r.ValueType, r.Value, tt.want)
		}
		if e.DeviceName != "ekuiper" || e.ProfileName != "ekuiperProfile" || e.SourceName != "rule1" || e.Origin != testTime.UnixNano() {
			t.Errorf("event %+v", e)
		}
	}
	_, _, e := published(t, bound(t, nil), payload(map[string]value.Value{
		"o": value.From(map[string]any{"a": 1}), "os": value.From([]any{map[string]any{"a": 1}}), "b": value.OfBytes([]byte{1, 2})}, nil))
	if r := readingOf(t, e, "b"); r.ValueType != "Binary" || r.MediaType != "application/text" || len(r.BinaryValue) != 2 {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{"o", "os"} {
		if r := readingOf(t, e, name); r.ValueType != "Object" || r.ObjectValue == nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestValuesThatAreNoReadingAreLeftOutAndCounted(t *testing.T) {
	s := bound(t, nil)
	_, _, e := published(t, s, payload(map[string]value.Value{
		"nulls": value.From([]any{nil, 1}), "mixed": value.From([]any{"a", map[string]any{}}), "good": value.OfInt(1)}, nil))
	if len(e.Readings) != 1 || s.SkippedReadings() != 2 {
		t.Errorf("readings %+v, %d skipped", e.Readings, s.SkippedReadings())
	}
	p := payload(map[string]value.Value{"x": value.ExplicitNull}, nil)
	if _, msg, err := s.message(&p); msg != nil || err != nil {
		t.Errorf("a row of NULL gave %s, %v", msg, err)
	}
}

func TestPropertiesWinOverTheInput(t *testing.T) {
	p := payload(map[string]value.Value{"a": value.OfInt(7)}, pressMeta("e1", 1))
	topic, _, e := published(t, bound(t, map[string]any{"deviceName": "dev-{{.a}}", "profileName": "prof", "sourceName": "src", "topic": "out/{{.a}}"}), p)
	if topic != "out/7" || e.DeviceName != "dev-7" || e.ProfileName != "prof" || e.SourceName != "src" {
		t.Errorf("%s %+v", topic, e)
	}
	topic, _, _ = published(t, bound(t, map[string]any{"topicPrefix": "edgex/events/x", "topic": ""}), p)
	if topic != "edgex/events/x/press/press-01/Snapshot" {
		t.Errorf("topic %s", topic)
	}
}

func TestRowsOfOneEmissionBecomeOneEvent(t *testing.T) {
	p := payload(map[string]value.Value{"a": value.OfInt(1)}, pressMeta("e1", 10))
	p.Single = false
	p.Rows = append(p.Rows, row.Row{Cols: []value.Value{value.OfInt(2)}, Meta: pressMeta("e2", 20)})
	_, env, e := published(t, bound(t, nil), p)
	if e.DeviceName != "press-01" || e.Origin != 20 || len(e.Readings) != 2 || e.Readings[1].Value != "2" || e.Tags != nil {
		t.Errorf("event %+v", e)
	}
	if env.CorrelationID == "c-e1" || env.CorrelationID == "c-e2" || env.CorrelationID == "" {
		t.Errorf("correlation id %s", env.CorrelationID)
	}
	p.Rows[1].Meta = row.ObjectMeta{Obj: value.From(map[string]any{"deviceName": "press-02", "profileName": "press", "sourceName": "Snapshot", "origin": 5})}
	_, _, e = published(t, bound(t, nil), p)
	if e.DeviceName != "ekuiper" || e.ProfileName != "press" || e.Origin != 10 || e.Readings[0].DeviceName != "press-01" || e.Readings[1].DeviceName != "press-02" {
		t.Errorf("of two devices: %+v", e)
	}
	if _, _, e := published(t, bound(t, map[string]any{"deviceName": "x"}), p); e.DeviceName != "x" || e.Readings[1].DeviceName != "x" {
		t.Errorf("of two devices with a name of its own: %+v", e)
	}
	p.Rows[1].Meta = row.ObjectMeta{Obj: value.From(map[string]any{"topic": "t", "qos": 1})}
	if _, _, e := published(t, bound(t, nil), p); e.DeviceName != "ekuiper" || e.SourceName != "rule1" {
		t.Errorf("of a device and a topic: %+v", e)
	}
}

func TestTheMetadataColumnDecides(t *testing.T) {
	meta := value.From(map[string]any{
		"id": "0f3f9d4e-93f5-4c52-8f0c-8a16c5a8f8a5", "origin": 3, "deviceName": "demo", "profileName": "demoProfile", "sourceName": "demoSource",
		"tags":        map[string]any{"auth": "admin"},
		"Temperature": map[string]any{"id": "82eb2e26-0f24-48aa-ae4c-de9dac3fb9bc", "origin": 2, "deviceName": "d2", "profileName": "p2", "resourceName": "Temp", "valueType": "Int64"},
		"humidity":    map[string]any{"valueType": "Int64"},
		"text":        map[string]any{"valueType": "Int64"},
	})
	s := bound(t, map[string]any{"metadata": "m", "deviceName": "prop", "topicPrefix": "pre"})
	topic, _, e := published(t, s, payload(map[string]value.Value{
		"m": meta, "Temperature": value.OfString("20"), "humidity": value.OfFloat(8), "text": value.OfString("abc"), "free": value.True,
	}, pressMeta("e1", 10)))
	if topic != "pre/demoProfile/demo/demoSource" || e.Id != "0f3f9d4e-93f5-4c52-8f0c-8a16c5a8f8a5" || e.Origin != 3 || e.Tags["auth"] != "admin" {
		t.Errorf("%s %+v", topic, e)
	}
	if r := readingOf(t, e, "Temp"); r.ValueType != "Int64" || r.Value != "20" || r.Id != "82eb2e26-0f24-48aa-ae4c-de9dac3fb9bc" || r.Origin != 2 || r.DeviceName != "d2" || r.ProfileName != "p2" {
		t.Errorf("%+v", r)
	}
	if r := readingOf(t, e, "humidity"); r.Value != "8" || r.DeviceName != "demo" {
		t.Errorf("%+v", r)
	}
	if len(e.Readings) != 3 || s.SkippedReadings() != 1 {
		t.Errorf("%d readings, %d skipped: what cannot be cast is left out", len(e.Readings), s.SkippedReadings())
	}
}

func TestAnErrorOfTheRuleIsAReading(t *testing.T) {
	_, _, e := published(t, bound(t, nil), sinks.Payload{Schema: &row.Schema{}, Err: errors.New("run Where error")})
	if r := readingOf(t, e, "error"); r.Value != "run Where error" {
		t.Errorf("%+v", r)
	}
}

func TestWrongPropertiesAreRefused(t *testing.T) {
	for _, tt := range []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{"topic": "a", "topicPrefix": "b"}, "not allow to specify both topic and topicPrefix, please set one only"},
		{map[string]any{"contentType": "application/cbor"}, "needs messageType request"},
		{map[string]any{"messageType": "x"}, "event or request"},
		{map[string]any{"type": "zero"}, "ZeroMQ"},
		{map[string]any{"devicename": 1}, "deviceName"},
		{map[string]any{"topic": "{{bad .a}}"}, `function "bad" not defined`},
	} {
		p := param.New(`sink "edgex"`)
		(&sink{}).Params(p)
		if err := p.Bind(tt.props); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v", tt.props, err)
		}
	}
}

func TestEventsGoOverEveryBus(t *testing.T) {
	for kind, server := range map[string]*testserver.Server{"mqtt": testserver.Mosquitto(t), "redis": testserver.Redis(t)} {
		t.Run(kind, func(t *testing.T) {
			log := slog.New(slog.DiscardHandler)
			s := bound(t, map[string]any{"type": kind, "host": "127.0.0.1", "port": server.Port, "topicPrefix": "out", "optional": map[string]any{"Qos": "1"}})
			env := sinks.Env{Rule: "rule1", Log: log, Clock: clock.Wall}
			if err := s.Ping(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			if err := s.Connect(t.Context(), env); err != nil {
				t.Fatal(err)
			}
			got := make(chan conn.BusMessage, 4096)
			stop, err := s.bus.Subscribe("out/#", func(m conn.BusMessage) {
				if m.Ack != nil {
					m.Ack(nil)
				}
				got <- m
			})
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			first := payload(map[string]value.Value{"hello": value.True}, nil)
			for n := 0; len(got) == 0; n++ { // until the subscription is there
				if n == 500 {
					t.Fatal("nothing came")
				}
				if err := s.Write(t.Context(), first); err != nil {
					if !errors.Is(err, conn.ErrDown) {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
			done := make(chan error, 100)
			for i := range int64(100) {
				p := payload(map[string]value.Value{"Temperature": value.OfInt(i)}, pressMeta("e1", 1))
				if err := s.WriteAsync(t.Context(), p, func(err error) { done <- err }); err != nil {
					t.Fatal(err)
				}
			}
			s.Flush(t.Context())
			for range 100 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			for i := 0; i < 100; {
				m := <-got
				e := eventOf(t, m.Payload)
				if e.Readings[0].ResourceName == "hello" {
					continue
				}
				if want := value.OfInt(int64(i)).String(); e.Readings[0].Value != want || m.Topic != "out/press/press-01/Snapshot" {
					t.Fatalf("got %s on %s, want %s", e.Readings[0].Value, m.Topic, want)
				}
				i++
			}
			s.Close()
			s.Close()
			server.Stop()
			if err := s.Write(t.Context(), first); err == nil {
				t.Error("writing after close went well")
			}
		})
	}
}
