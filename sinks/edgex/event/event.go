// Package event writes EdgeX events the way EdgeX 3 puts them on a
// MessageBus: an Event or AddEventRequest, base64 in an envelope. EdgeX 4 reads
// that form too.
//
//	e := event.Event{ID: uuid.NewString(), Device: "press-01", Profile: "press", Source: "all", Origin: now.UnixNano(),
//		Readings: []event.Reading{{ID: uuid.NewString(), Resource: "Temperature", ValueType: "Float32", Value: value.OfFloat(71.5)}}}
//	payload, err := e.AppendRequest(nil, uuid.NewString())
//	message := event.AppendEnvelope(nil, payload, event.JSON, uuid.NewString())
//
// The edgex sink and the virtual devices of the demo use it.
package event

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// The content types of a payload.
const (
	JSON = "application/json"
	CBOR = "application/cbor"
)

const apiVersion = "v3"

// Event is the readings of one source of a device.
type Event struct {
	ID, Device, Profile, Source string
	Origin                      int64 // ns since 1970
	Tags                        value.Value
	Readings                    []Reading
}

// Reading is one value. What is empty is taken from the event.
type Reading struct {
	ID, Device, Profile string
	Resource            string
	ValueType           string // empty: by the value
	Units, MediaType    string
	Origin              int64
	Tags                value.Value
	Value               value.Value

	text []byte // of the value, by Encode
}

// Encode casts the value to its value type. An error names the reading that
// has none: it can be left out of the event. Without this call the event's
// Append functions do it.
func (r *Reading) Encode() (err error) {
	if r.ValueType == "" {
		r.ValueType = TypeOf(r.Value)
	}
	switch r.ValueType {
	case "":
		err = mismatch(r.Value, "any value type")
	case "Binary":
		if r.Value.Kind() != value.Bytes {
			err = mismatch(r.Value, r.ValueType)
		}
	case "Object", "ObjectArray":
		r.text, err = value.AppendJSON(r.text[:0], r.Value)
	default:
		r.text, err = AppendText(r.text[:0], r.Value, r.ValueType)
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", r.Resource, err)
	}
	return nil
}

// AppendEvent appends the event as a JSON document. An error names the reading
// that has no value of its value type.
func (e *Event) AppendEvent(dst []byte) ([]byte, error) {
	dst = append(dst, `{"apiVersion":"`+apiVersion+`"`...)
	dst = appendText(dst, "id", e.ID)
	dst = appendText(dst, "deviceName", e.Device)
	dst = appendText(dst, "profileName", e.Profile)
	dst = appendText(dst, "sourceName", e.Source)
	dst = appendNumber(dst, "origin", e.Origin)
	dst = append(dst, `,"readings":[`...)
	var err error
	for i := range e.Readings {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = e.Readings[i].append(dst, e); err != nil {
			return nil, err
		}
	}
	dst = append(dst, ']')
	if dst, err = appendTags(dst, e.Tags); err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

// AppendRequest appends the request to add the event, the form in which device
// services publish.
func (e *Event) AppendRequest(dst []byte, requestID string) ([]byte, error) {
	dst = append(dst, `{"apiVersion":"`+apiVersion+`"`...)
	dst = appendText(dst, "requestId", requestID)
	dst = append(dst, `,"event":`...)
	dst, err := e.AppendEvent(dst)
	return append(dst, '}'), err
}

// MarshalCBOR returns the request to add the event as CBOR.
func (e *Event) MarshalCBOR(requestID string) ([]byte, error) {
	readings := make([]any, len(e.Readings))
	for i := range e.Readings {
		m, err := e.Readings[i].members(e)
		if err != nil {
			return nil, err
		}
		readings[i] = m
	}
	ev := map[string]any{
		"apiVersion": apiVersion, "id": e.ID, "deviceName": e.Device, "profileName": e.Profile, "sourceName": e.Source,
		"origin": e.Origin, "readings": readings,
	}
	if e.Tags.Len() > 0 {
		ev["tags"] = e.Tags.Any()
	}
	return cbor.Marshal(map[string]any{"apiVersion": apiVersion, "requestId": requestID, "event": ev})
}

// AppendEnvelope appends the message that carries a payload.
func AppendEnvelope(dst, payload []byte, contentType, correlationID string) []byte {
	dst = append(dst, `{"apiVersion":"`+apiVersion+`","receivedTopic":""`...)
	dst = appendText(dst, "correlationID", correlationID)
	dst = append(dst, `,"requestID":"","errorCode":0,"payload":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, payload)
	dst = append(dst, '"')
	dst = appendText(dst, "contentType", contentType)
	return append(dst, '}')
}

func (r *Reading) append(dst []byte, e *Event) ([]byte, error) {
	if r.text == nil {
		if err := r.Encode(); err != nil {
			return nil, err
		}
	}
	dst = append(dst, `{"id":`...)
	dst = jsontext.AppendString(dst, r.ID)
	dst = appendNumber(dst, "origin", orNumber(r.Origin, e.Origin))
	dst = appendText(dst, "deviceName", or(r.Device, e.Device))
	dst = appendText(dst, "resourceName", r.Resource)
	dst = appendText(dst, "profileName", or(r.Profile, e.Profile))
	dst = appendText(dst, "valueType", r.ValueType)
	if r.Units != "" {
		dst = appendText(dst, "units", r.Units)
	}
	dst, err := appendTags(dst, r.Tags)
	if err != nil {
		return nil, err
	}
	switch r.ValueType {
	case "Binary":
		dst = append(dst, `,"value":"","binaryValue":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, r.Value.Bytes())
		dst = append(dst, '"')
		dst = appendText(dst, "mediaType", or(r.MediaType, plainMedia))
	case "Object", "ObjectArray":
		dst = append(append(dst, `,"value":"","objectValue":`...), r.text...)
	default:
		dst = appendText(dst, "value", string(r.text))
	}
	return append(dst, '}'), nil
}

// members is the reading for the CBOR encoder.
func (r *Reading) members(e *Event) (map[string]any, error) {
	if err := r.Encode(); err != nil {
		return nil, err
	}
	m := map[string]any{
		"id": r.ID, "origin": orNumber(r.Origin, e.Origin), "deviceName": or(r.Device, e.Device),
		"resourceName": r.Resource, "profileName": or(r.Profile, e.Profile), "valueType": r.ValueType, "value": "",
	}
	if r.Units != "" {
		m["units"] = r.Units
	}
	if r.Tags.Len() > 0 {
		m["tags"] = r.Tags.Any()
	}
	switch r.ValueType {
	case "Binary":
		m["binaryValue"], m["mediaType"] = r.Value.Bytes(), or(r.MediaType, plainMedia)
	case "Object", "ObjectArray":
		m["objectValue"] = r.Value.Any()
	default:
		m["value"] = string(r.text)
	}
	return m, nil
}

// plainMedia is the media type of bytes of which nothing is known.
const plainMedia = "application/text"

func appendText(dst []byte, name, text string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return jsontext.AppendString(dst, text)
}

func appendNumber(dst []byte, name string, n int64) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return strconv.AppendInt(dst, n, 10)
}

func appendTags(dst []byte, tags value.Value) ([]byte, error) {
	if tags.Len() == 0 || tags.Kind() != value.Object {
		return dst, nil
	}
	return value.AppendJSON(append(dst, `,"tags":`...), tags)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func orNumber(n, other int64) int64 {
	if n == 0 {
		return other
	}
	return n
}
