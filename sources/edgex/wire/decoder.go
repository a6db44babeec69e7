// Package wire decodes what travels on an EdgeX MessageBus into rows, in one
// pass and without go-mod-messaging: the five payload shapes of EdgeX 3 and 4
// (JSON envelope with base64 JSON, base64 CBOR or the JSON object itself, CBOR
// envelope, members left out), an AddEventRequest or an Event without an
// envelope, and the capitalised envelope of EdgeX 2. What it is, it finds out
// from the bytes.
//
//	d := wire.New(wire.Config{Schema: &row.Schema{Open: true}})
//	var b row.Batch
//	err := d.Decode(payload, &b) // b.Rows[0]: one column per reading, TS from origin, Meta
//
// A Decoder belongs to one goroutine. The sources/edgex driver makes one per
// stream and set of wanted columns.
package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// The reasons why a sound message gives no row.
var (
	ErrNotEvent   = errors.New("edgex message is neither an event nor a request to add one")
	ErrNoReadings = errors.New("edgex event has no usable readings")
)

// Config says what to decode.
type Config struct {
	Schema   *row.Schema  // wanted columns with their declared types; Open: other readings go to Row.Rest
	Strict   bool         // an event without every column, or with one that cannot be cast, is refused
	IntWhole bool         // whole numbers inside object readings become BIGINT
	NoMeta   bool         // rows carry no Meta; nothing of the message is kept alive by a row
	Now      func() int64 // ms, to tell origins that cannot be; nil: unknown
	Warn     func(Warning)
}

// Warning tells of a reading that was left out although its event was decoded,
// or without a Resource of an event whose origin cannot be.
type Warning struct {
	Device, Resource, ValueType string
	Value                       string // its beginning
	Column                      string // the declared type it could not be cast to; empty: not of its own valueType
}

func (w Warning) String() string {
	if w.Resource == "" {
		return fmt.Sprintf("edgex event of device %q has the origin %s, which is not believed: the time of arrival counts", w.Device, w.Value)
	}
	if w.Column == "" {
		return fmt.Sprintf("edgex reading %q of device %q skipped: %q is not a valid %s", w.Resource, w.Device, w.Value, w.ValueType)
	}
	return fmt.Sprintf("edgex reading %q of device %q is NULL: the %s %q does not fit the declared column type %s",
		w.Resource, w.Device, w.ValueType, w.Value, w.Column)
}

// Decoder turns messages into rows of one schema.
type Decoder struct {
	cfg   Config
	cols  []value.Field
	slots map[string]int
	order []int // slot of the reading at that place in the last event: most events look alike

	outer, inner struct { // cursors of the message and of its base64 payload
		json jsonCursor
		cbor cborCursor
	}
	scratch []byte // payload, reused if rows keep nothing of it
	ev      event
	row     row.Row
	members []value.Member    // for Row.Rest
	width   int               // how many of them the last event had
	names   map[string]string // of members, each kept once
	nums    numbers
}

// event is what is known of the event being decoded.
type event struct {
	found                       bool
	usable                      int // readings that are valid or not wanted
	code                        int64
	id, device, profile, source []byte
	correlation                 []byte
	origin                      int64
	doc                         []byte // from the event on
	enc                         *encoding
	misfit                      error // the first value that does not fit its column
}

// New returns a Decoder for the wanted columns.
func New(cfg Config) *Decoder {
	if cfg.Schema == nil {
		cfg.Schema = &row.Schema{Open: true}
	}
	if cfg.Warn == nil {
		cfg.Warn = func(Warning) {}
	}
	d := &Decoder{cfg: cfg, cols: cfg.Schema.Cols, slots: make(map[string]int, len(cfg.Schema.Cols)), names: map[string]string{}}
	for i, c := range d.cols {
		d.slots[c.Name] = i
	}
	return d
}

// Decode appends the row of one message to into.Rows. On an error it appends
// none.
func (d *Decoder) Decode(p []byte, into *row.Batch) error {
	if len(p) > MaxMessage {
		return fmt.Errorf("edgex message of %d bytes is larger than %d", len(p), MaxMessage)
	}
	c := sniff(p, &d.outer.json, &d.outer.cbor)
	if c == nil {
		return fmt.Errorf("edgex message is neither JSON nor CBOR: it begins with %q", p[:min(len(p), 16)])
	}
	d.ev = event{}
	d.row = row.Row{}
	d.members = nil
	payload := d.document(c, 0)
	if c.err() != nil {
		return fmt.Errorf("edgex message (%s, %d bytes): %w", c.encoding().name, len(p), c.err())
	}
	if d.ev.code != 0 {
		return fmt.Errorf("edgex message is an error answer with code %d: %.200q", d.ev.code, payload.b)
	}
	if payload.k != kAbsent && !d.ev.found {
		if err := d.payload(payload); err != nil {
			return err
		}
	}
	switch {
	case !d.ev.found:
		return ErrNotEvent
	case d.ev.usable == 0:
		return fmt.Errorf("%w: source %q of device %q", ErrNoReadings, d.ev.source, d.ev.device)
	}
	if d.cfg.Strict {
		if err := d.complete(); err != nil {
			return err
		}
	}
	d.finish(into)
	return nil
}

// payload decodes an event that is a byte string inside the envelope.
func (d *Decoder) payload(v val) error {
	doc := v.b
	if v.k == kText {
		src := v.bytes()
		n := base64.StdEncoding.DecodedLen(len(src))
		if !d.cfg.NoMeta {
			d.scratch = nil
		}
		if cap(d.scratch) < n {
			d.scratch = make([]byte, n)
		}
		n, err := base64.StdEncoding.Decode(d.scratch[:n], src)
		if err != nil {
			return fmt.Errorf("edgex message: payload is not base64: %w", err)
		}
		doc = d.scratch[:n]
	}
	c := sniff(doc, &d.inner.json, &d.inner.cbor)
	if c == nil {
		return fmt.Errorf("edgex message: payload is neither JSON nor CBOR: it begins with %q", doc[:min(len(doc), 16)])
	}
	d.document(c, 1)
	if c.err() != nil {
		return fmt.Errorf("edgex message: payload (%s, %d bytes): %w", c.encoding().name, len(doc), c.err())
	}
	return nil
}

// document walks over an envelope (level 0), a request or an event; they are
// told apart by their members. It returns a payload that is still encoded.
func (d *Decoder) document(c cursor, level int) (payload val) {
	doc := c.rest()
	var late []byte
	for f := c.object(); f != fEnd; f = c.member() {
		switch {
		case f == fPayload && level == 0:
			if c.kind() == kObject {
				d.document(c, 1)
			} else {
				payload = c.val()
			}
		case f == fEvent && level < 2 && c.kind() == kObject:
			d.document(c, 2)
		case f == fReadings:
			d.ev.found, d.ev.doc, d.ev.enc = true, doc, c.encoding()
			if d.ev.source == nil && c.kind() != kNull { // nameless readings are called after the source
				late = c.rest()
				c.skip()
			} else {
				d.readings(c)
			}
		default:
			d.head(c, f)
		}
	}
	if late != nil && c.err() == nil {
		again := c.encoding().open(late)
		again.within(" of the readings")
		d.readings(again)
		if err := again.err(); err != nil {
			c.fail(err)
		}
	}
	return payload
}

// head takes a plain member of an envelope or event.
func (d *Decoder) head(c cursor, f fieldID) {
	switch f {
	case fID:
		d.ev.id = c.val().bytes()
	case fDevice:
		d.ev.device = c.val().bytes()
	case fProfile:
		d.ev.profile = c.val().bytes()
	case fSource:
		d.ev.source = c.val().bytes()
	case fCorrelation:
		d.ev.correlation = c.val().bytes()
	case fOrigin:
		d.ev.origin = d.int(c)
	case fErrorCode:
		d.ev.code = d.int(c)
	default:
		c.skip()
	}
}

func (d *Decoder) int(c cursor) int64 {
	if k := c.kind(); k != kNative {
		c.skip()
		return 0
	}
	d.nums = numbers{whole: true, left: 1}
	n, _ := c.any(0, &d.nums).AsInt()
	return n
}

func (d *Decoder) readings(c cursor) {
	if c.kind() == kNull {
		c.skip()
		return
	}
	n := 0
	for ok := c.array(); ok; ok = c.element() {
		d.reading(c, n)
		n++
	}
}

// reading is one reading, not yet decoded.
type reading struct {
	name, valueType       []byte
	value, binary, object val
}

func (d *Decoder) reading(c cursor, n int) {
	var r reading
	for f := c.object(); f != fEnd; f = c.member() {
		switch f {
		case fResource:
			r.name = c.val().bytes()
		case fValueType:
			r.valueType = c.val().bytes()
		case fValue:
			r.value = c.val()
		case fBinary:
			r.binary = c.val()
		case fObject:
			r.object = c.val()
		default:
			c.skip()
		}
	}
	if len(r.name) == 0 {
		r.name = d.ev.source
	}
	slot := d.slot(r.name, n)
	if c.err() != nil || slot < 0 && !d.cfg.Schema.Open {
		d.ev.usable++
		return
	}
	v, ok := d.decode(&r, c.encoding())
	if !ok {
		d.cfg.Warn(d.warning(&r, ""))
		return
	}
	d.ev.usable++
	if slot < 0 {
		d.rest(r.name, v)
	} else {
		d.set(slot, v, &r)
	}
}

// slot finds the column of a reading, first where the last event had it.
func (d *Decoder) slot(name []byte, n int) int {
	if n < len(d.order) {
		if s := d.order[n]; s >= 0 && d.cols[s].Name == string(name) {
			return s
		}
	}
	slot, ok := d.slots[string(name)]
	if !ok {
		return -1
	}
	for n >= len(d.order) && n < 256 {
		d.order = append(d.order, -1)
	}
	if n < len(d.order) {
		d.order[n] = slot
	}
	return slot
}

// decode gives a reading the type it says it has.
func (d *Decoder) decode(r *reading, enc *encoding) (v value.Value, ok bool) {
	t := typeOf(r.valueType)
	from := r.value
	switch t.of {
	case shapeBinary:
		from = r.binary
	case shapeObject:
		from = r.object
	}
	switch from.k {
	case kAbsent:
		return value.Value{}, false
	case kNull:
		return value.ExplicitNull, true
	case kText:
		if t.of == shapeBinary && !t.list {
			b, err := base64.StdEncoding.AppendDecode(nil, from.bytes())
			return value.OfBytes(b), err == nil
		}
		if t.of != shapeObject {
			v, ok = t.decodeText(from.bytes())
			break
		}
		fallthrough
	default: // an object, or a number or array in place of its text
		var err error
		if v, err = enc.decodeAny(from, d.cfg.IntWhole); err != nil {
			return value.Value{}, false
		}
		ok = true
		if t.of != shapeNone && t.of != shapeObject {
			v, ok = Cast(v, t.column())
		}
	case kBinary:
		v, ok = value.OfBytes(from.b), true
	}
	if d.cfg.NoMeta && v.Kind() != value.Ints && v.Kind() != value.Floats {
		v = v.Clone()
	}
	return v, ok
}

func (d *Decoder) set(slot int, v value.Value, r *reading) {
	if d.row.Cols == nil {
		d.row.Cols = make([]value.Value, len(d.cols))
	}
	if t := &d.cols[slot].Type; !fits(v, t) {
		cast, ok := Cast(v, *t)
		if !ok {
			w := d.warning(r, t.String())
			d.cfg.Warn(w)
			if d.cfg.Strict && d.ev.misfit == nil {
				d.ev.misfit = errors.New(w.String())
			}
		}
		v = cast
		if !ok {
			v = value.Value{}
		}
	}
	d.row.Cols[slot] = v
}

func (d *Decoder) rest(name []byte, v value.Value) {
	s, ok := d.names[string(name)]
	if !ok {
		s = string(name)
		if len(d.names) < 4096 {
			d.names[s] = s
		}
	}
	if d.members == nil {
		d.members = make([]value.Member, 0, d.width)
	}
	d.members = append(d.members, value.Member{Name: s, Val: v})
}

func (d *Decoder) warning(r *reading, column string) Warning {
	v := r.value
	if v.k == kAbsent || len(v.b) == 0 {
		v = r.object
	}
	return Warning{
		Device: string(d.ev.device), Resource: string(r.name), ValueType: string(r.valueType),
		Value: string(v.b[:min(len(v.b), 40)]), Column: column,
	}
}

// complete is the test of STRICT_VALIDATION.
func (d *Decoder) complete() error {
	for i, c := range d.cols {
		if i >= len(d.row.Cols) || !d.row.Cols[i].Present() {
			if d.ev.misfit != nil {
				return d.ev.misfit
			}
			return fmt.Errorf("field %s is not found", c.Name)
		}
	}
	return nil
}

func (d *Decoder) finish(into *row.Batch) {
	d.row.TS = d.time()
	if d.cfg.Schema.Open {
		d.width = len(d.members)
		d.row.Rest = value.OfObject(d.members)
		d.members = nil
	}
	if !d.cfg.NoMeta {
		d.row.Meta = &Meta{
			doc: d.ev.doc, enc: d.ev.enc, whole: d.cfg.IntWhole,
			id: asString(d.ev.id), device: asString(d.ev.device), profile: asString(d.ev.profile),
			source: asString(d.ev.source), correlation: asString(d.ev.correlation), origin: d.ev.origin,
		}
	}
	into.Schema = d.cfg.Schema
	into.Rows = append(into.Rows, d.row)
	d.row = row.Row{}
}

// time is the origin in ms; 0 if that cannot be.
func (d *Decoder) time() int64 {
	var now int64
	if d.cfg.Now != nil {
		now = d.cfg.Now()
	}
	at := millis(d.ev.origin)
	if clock.Plausible(at, now) {
		return at
	}
	d.cfg.Warn(Warning{Device: string(d.ev.device), Value: strconv.FormatInt(d.ev.origin, 10)})
	return 0
}

// millis converts an origin, ns since 1970; what is too small for that are the
// ms that EdgeX 1 services sent.
func millis(origin int64) int64 {
	if origin < 1e14 {
		return origin
	}
	return origin / 1e6
}
