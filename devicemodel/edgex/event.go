package edgex

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

// Event is a system event of core-metadata: a device profile, device, device
// service or provision watcher was added, updated or deleted.
type Event struct {
	Type    string  // deviceprofile, device, deviceservice, provisionwatcher
	Action  string  // add, update, delete
	Profile Profile // of type deviceprofile: as it is now, for delete as it was
	// UsedProfile is the profile of a device.
	UsedProfile string
}

// EventTopic is the filter for system events, below the bus's base topic
// prefix.
func EventTopic(prefix string) string { return prefix + "/system-events/core-metadata/#" }

// systemEvent is the document inside the envelope.
type systemEvent struct {
	Type    string `json:"type"`
	Action  string `json:"action"`
	Details any    `json:"details"`
}

// ParseEvent reads a message of the bus with a system event, as EdgeX 3 and 4
// send them: the event as base64, as an object, or the whole message as CBOR.
// What cannot become a column is left out of the profile and named in the error
// beside it.
func ParseEvent(message []byte) (Event, error) {
	ev, err := openEnvelope(message)
	if err != nil {
		return Event{}, fmt.Errorf("system event: %w", err)
	}
	e := Event{Type: ev.Type, Action: ev.Action}
	details, err := json.Marshal(ev.Details)
	if err != nil {
		return e, fmt.Errorf("system event: %w", err)
	}
	switch e.Type {
	case "deviceprofile":
		if err := json.Unmarshal(details, &e.Profile); err != nil {
			return e, fmt.Errorf("system event: device profile: %w", err)
		}
		if e.Profile.Name == "" {
			return e, errors.New("system event: device profile has no name")
		}
		return e, e.Profile.Check()
	case "device":
		var device struct {
			ProfileName string `json:"profileName"`
		}
		_ = json.Unmarshal(details, &device) // a device that is not understood changes nothing
		e.UsedProfile = device.ProfileName
	}
	return e, nil
}

// openEnvelope takes the event out of the bus's envelope.
func openEnvelope(message []byte) (ev systemEvent, err error) {
	if len(message) > 0 && message[0] != '{' {
		return openCBOR(message)
	}
	var envelope struct {
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(message, &envelope); err != nil {
		return ev, err
	}
	payload := []byte(envelope.Payload)
	if len(payload) > 0 && payload[0] == '"' {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return ev, err
		}
		if payload, err = base64.StdEncoding.DecodeString(text); err != nil {
			return ev, err
		}
	}
	if len(payload) > 0 && payload[0] != '{' {
		return ev, decodeCBOR(payload, &ev)
	}
	return ev, json.Unmarshal(payload, &ev)
}

func openCBOR(message []byte) (ev systemEvent, err error) {
	var envelope struct {
		Payload cbor.RawMessage `json:"payload"`
	}
	if err := decodeCBOR(message, &envelope); err != nil {
		return ev, err
	}
	payload := []byte(envelope.Payload)
	var inner []byte
	if decodeCBOR(payload, &inner) == nil { // a byte string with the document
		payload = inner
	}
	return ev, decodeCBOR(payload, &ev)
}

var mapType = reflect.TypeFor[map[string]any]()

// decodeCBOR reads maps with texts as keys, so that they can be written as JSON.
func decodeCBOR(data []byte, into any) error {
	mode, err := cbor.DecOptions{DefaultMapType: mapType}.DecMode()
	if err != nil {
		return err
	}
	return mode.Unmarshal(data, into)
}
