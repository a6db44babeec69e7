package wire

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Limits: what a message may cost before it is refused.
const (
	MaxMessage  = 8 << 20 // bytes of one message
	maxElements = 1 << 20 // values in one array or object reading
	maxDepth    = 64      // nesting inside an object reading
)

// kind tells what value a cursor stands before.
type kind uint8

const (
	kAbsent kind = iota
	kNull
	kText
	kBinary // a CBOR byte string
	kObject
	kNative // anything else: number, boolean, array
)

// val is a value that was passed but not decoded: the text between the quotes,
// the content of a byte string, or the encoding of anything else.
type val struct {
	k   kind
	esc bool // a JSON text with escapes in it
	b   []byte
}

// bytes is the text without escapes; it is copied only if there are some.
func (v val) bytes() []byte {
	if v.esc {
		return unescape(v.b)
	}
	return v.b
}

// cursor walks over one document, in JSON or in CBOR. The first error sticks:
// after it loops end and values are absent.
//
//	for f := c.object(); f != fEnd; f = c.member() {
//		switch f { case fID: id = c.val() ; default: c.skip() }
//	}
type cursor interface {
	object() fieldID // enter an object and go to the value of its first member
	member() fieldID // behind a member's value: go to the next one, or leave with fEnd
	array() bool     // enter an array; false if it has no element
	element() bool   // behind an element: go to the next one, or leave
	kind() kind      // of the value to come
	val() val        // pass a value
	skip()           // pass a value that is not wanted
	any(depth int, n *numbers) value.Value
	encoding() *encoding
	within(part string) // what byte positions in errors count from
	rest() []byte
	fail(err error)
	err() error
}

// encoding is what a Meta needs to come back to an event later.
type encoding struct {
	name string
	open func(doc []byte) cursor
}

// numbers says how numbers in objects, which have no value type, become
// values; it also bounds how many values one reading may have.
type numbers struct {
	whole bool // whole numbers become BIGINT
	left  int  // values still allowed
}

func (n *numbers) spend() bool {
	n.left--
	return n.left >= 0
}

// Whole JSON numbers are FLOAT like those of any schemaless stream, except
// where a float64 would lose digits.
func (n *numbers) ofInt(i int64) value.Value {
	const exact = 1 << 53
	if n.whole || i > exact || i < -exact {
		return value.OfInt(i)
	}
	return value.OfFloat(float64(i))
}

// decodeAny decodes a passed value of any shape.
func (e *encoding) decodeAny(v val, whole bool) (value.Value, error) {
	if v.k == kText {
		return value.OfStringBytes(v.bytes()), nil
	}
	c := e.open(v.b)
	x := c.any(0, &numbers{whole: whole, left: maxElements})
	return x, c.err()
}

// sniff returns a cursor for a document by its first byte, nil if it is
// neither a JSON nor a CBOR object.
func sniff(p []byte, j *jsonCursor, c *cborCursor) cursor {
	for i, b := range p {
		switch {
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
			continue
		case b == '{':
			*j = jsonCursor{b: p, i: i}
			return j
		case b >= 0xa0 && b <= 0xbf, b == 0xd9 && i == 0: // a map; the tag "this is CBOR"
			*c = cborCursor{b: p, i: i}
			return c
		}
		return nil
	}
	return nil
}

func overrun(c cursor, claimed uint64, what string) error {
	return fmt.Errorf("%d %s are announced, but only %d bytes follow", claimed, what, len(c.rest()))
}

// fields are the members that matter, of envelopes, requests, events and
// readings alike.
type fieldID uint8

const (
	fEnd   fieldID = iota // no more members
	fOther                // none that matters
	fPayload
	fErrorCode
	fCorrelation
	fEvent
	fReadings
	fID
	fDevice
	fProfile
	fSource
	fOrigin
	fTags
	fResource
	fValueType
	fValue
	fBinary
	fObject
	fMedia
	fUnits
)

func field(k []byte) fieldID {
	switch string(k) {
	case "id":
		return fID
	case "tags":
		return fTags
	case "event":
		return fEvent
	case "value":
		return fValue
	case "units":
		return fUnits
	case "origin":
		return fOrigin
	case "payload":
		return fPayload
	case "readings":
		return fReadings
	case "valueType":
		return fValueType
	case "deviceName":
		return fDevice
	case "sourceName":
		return fSource
	case "profileName":
		return fProfile
	case "resourceName":
		return fResource
	case "objectValue":
		return fObject
	case "binaryValue":
		return fBinary
	case "mediaType":
		return fMedia
	case "errorCode":
		return fErrorCode
	case "correlationID":
		return fCorrelation
	case "apiVersion", "receivedTopic", "requestID", "requestId", "contentType", "queryParams":
		return fOther
	}
	return foldedField(k)
}

// foldedField serves EdgeX 2, which capitalised the envelope, and EdgeX 1,
// which said device and name.
func foldedField(k []byte) fieldID {
	var low [16]byte
	if len(k) > len(low) {
		return fOther
	}
	for i, c := range k {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	if f, ok := lowerFields[string(low[:len(k)])]; ok {
		return f
	}
	return fOther
}

var lowerFields = map[string]fieldID{
	"payload": fPayload, "errorcode": fErrorCode, "correlationid": fCorrelation, "event": fEvent,
	"readings": fReadings, "id": fID, "devicename": fDevice, "device": fDevice, "profilename": fProfile,
	"sourcename": fSource, "origin": fOrigin, "tags": fTags, "resourcename": fResource, "name": fResource,
	"valuetype": fValueType, "value": fValue, "binaryvalue": fBinary, "objectvalue": fObject,
	"mediatype": fMedia, "units": fUnits,
}
