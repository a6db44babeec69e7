// Package twin reads and writes the messages about KubeEdge's devices: twin
// updates with their results, documents and deltas, data updates, what mappers
// push by MQTT and HTTP, and the flat JSON that Kuiper 0.9 knew. Their values
// are texts; columns, the message and the device's model say what they are.
//
//	d, err := twin.New(twin.Config{Schema: columns, Model: "sensor-tag-model", Directory: devicemodel.Default})
//	err = d.DecodeFrom(payload, &twin.Origin{Topic: "$hw/events/device/default/dev1/twin/update"}, &batch)
//
// A Decoder is used by one goroutine.
package twin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// The columns that are not properties: filled in when they are wanted and no
// property has their name.
const (
	DeviceID  = "deviceId"  // as the topic has it: namespace/name or name
	Timestamp = "timestamp" // of the values, ms
)

// Expected is added to the name of a property for the column of its desired
// value.
const Expected = "_expected"

// Config says what a Decoder makes of messages.
type Config struct {
	Schema    *row.Schema // wanted columns; Open: properties without a column are wanted too
	Model     string      // only rows of this model's devices; "": of all
	Directory *devicemodel.Directory
	Merge     bool           // rows have the last values of a device's other properties
	Booleans  bool           // 1, 0, on and off are booleans too
	Loc       *time.Location // of the times that mappers push as text
	NoMeta    bool
	Now       func() int64             // ms
	Warn      func(device, why string) // a value is NULL or a device unknown; called often
}

// Decoder makes rows of messages.
type Decoder struct {
	cfg     Config
	cols    []value.Field
	slots   map[string]int
	texts   format.TextReader
	changed <-chan struct{}
	known   map[string]*device // by topic
	updates map[updated]bool   // what came as twin/update

	// of the message at hand
	dev     *device
	row     []value.Value
	rest    []value.Member
	given   int // properties that are in the message
	at      int64
	timed   bool // the message is of a kind that has a time
	eventID []byte
}

// updated is a property that a device's mapper reports by twin/update. What
// edgecore says of it afterwards would be the same values again; of properties
// reported by DMI only edgecore speaks.
type updated struct{ id, property string }

const twinUpdateVerb = "twin/update"

// device is what is known of the sender of a topic.
type device struct {
	topic    string
	id       string // namespace/name, or name
	verb     string // twin/update, data/update ...; "" of a pushed value
	property string // of a pushed value
	model    *devicemodel.Model
	wanted   bool
	last     []value.Value // of its columns, with Merge
}

// maxKnown bounds what is remembered of topics.
const maxKnown = 100_000

// New returns a Decoder.
func New(cfg Config) (*Decoder, error) {
	if cfg.Schema == nil {
		cfg.Schema = &row.Schema{Open: true}
	}
	if cfg.Directory == nil {
		cfg.Directory = devicemodel.Default
	}
	if cfg.Loc == nil {
		cfg.Loc = time.Local
	}
	if cfg.Warn == nil {
		cfg.Warn = func(string, string) {}
	}
	texts, err := format.NewTextReader(format.Config{Schema: cfg.Schema, Loc: cfg.Loc})
	d := &Decoder{cfg: cfg, cols: cfg.Schema.Cols, slots: map[string]int{}, texts: texts}
	for i, c := range d.cols {
		d.slots[c.Name] = i
	}
	return d, err
}

// Decode implements format.Decoder, for messages without a topic.
func (d *Decoder) Decode(p []byte, into *row.Batch) error { return d.DecodeFrom(p, nil, into) }

// DecodeFrom implements format.MetaDecoder. A message of a device that is not
// wanted, an answer without values, gives no row and no error.
func (d *Decoder) DecodeFrom(p []byte, meta row.Meta, into *row.Batch) error {
	from := origin(meta)
	d.dev = d.sender(from)
	if !d.dev.wanted {
		return nil
	}
	d.row, d.rest, d.given, d.at, d.timed, d.eventID = make([]value.Value, len(d.cols)), nil, 0, 0, false, nil
	if err := d.message(bytes.TrimSpace(p), from); err != nil {
		return fmt.Errorf("device %q: %w", d.dev.id, err)
	}
	if d.given > 0 {
		d.finish(from, into)
	}
	return nil
}

func (d *Decoder) message(p []byte, from *Origin) error {
	switch {
	case len(p) == 0:
		return errors.New("the message is empty")
	case from.HTTP:
		return d.form(p)
	case bytes.HasPrefix(p, []byte(pushed)):
		return d.pushedText(p)
	case p[0] == '{':
		return d.document(p)
	}
	return fmt.Errorf("the message is neither JSON nor what a mapper pushes: it begins with %q", p[:min(len(p), 16)])
}

// sender finds who sends on a topic.
func (d *Decoder) sender(from *Origin) *device {
	select {
	case <-d.changed:
		d.known = nil
	default:
	}
	if d.known == nil || len(d.known) >= maxKnown {
		d.changed, d.known, d.updates = d.cfg.Directory.Changed(), map[string]*device{}, map[updated]bool{}
	}
	if dev := d.known[from.Topic]; dev != nil {
		return dev
	}
	dev := d.describe(from.Topic)
	d.known[dev.topic] = dev
	return dev
}

func (d *Decoder) describe(topic string) *device {
	dev := &device{topic: strings.Clone(topic)}
	dev.id, dev.verb = split(dev.topic)
	var described *devicemodel.Device
	if dev.id == "" {
		var push devicemodel.Push
		if described, push = d.cfg.Directory.Pushes(dev.topic); described != nil {
			dev.id, dev.property = described.ID(), push.Property
		} else {
			dev.property = dev.topic[strings.LastIndexByte(dev.topic, '/')+1:]
		}
	}
	if dev.id != "" {
		_, dev.model = d.cfg.Directory.Device(dev.id)
	}
	switch {
	case d.cfg.Model == "":
		dev.wanted = true
	case dev.model == nil:
		d.cfg.Warn(dev.id, fmt.Sprintf("is not described, the stream of model %q does not have its values: add its Device to the models", d.cfg.Model))
	default:
		dev.wanted = strings.EqualFold(dev.model.Name, d.cfg.Model)
	}
	return dev
}

// split takes the device and the verb out of a topic of KubeEdge's:
// $hw/events/device/<id of one or two levels>/twin/update.
func split(topic string) (id, verb string) {
	levels := strings.Split(topic, "/")
	if len(levels) < 5 || levels[0] != "$hw" && levels[0] != "$ke" || levels[1] != "events" || levels[2] != "device" {
		return "", ""
	}
	for i := 4; i < len(levels); i++ {
		if slices.Contains(verbs, levels[i]) {
			return strings.Join(levels[3:i], "/"), strings.Join(levels[i:], "/")
		}
	}
	return "", ""
}

var verbs = []string{"twin", "state", "data", "updated"}

// finish appends the row.
func (d *Decoder) finish(from *Origin, into *row.Batch) {
	d.at = d.time()
	if d.cfg.Merge {
		d.merge()
	}
	d.fill(DeviceID, value.OfString(d.dev.id))
	if d.at != 0 {
		d.fill(Timestamp, value.OfInt(d.at))
	} else if d.cfg.Now != nil {
		d.fill(Timestamp, value.OfInt(d.cfg.Now()))
	}
	r := row.Row{Cols: d.row, TS: d.at}
	if d.cfg.Schema.Open {
		r.Rest = value.OfObject(d.rest)
	}
	if !d.cfg.NoMeta {
		r.Meta = &meta{from: *from, dev: d.dev, eventID: string(d.eventID), at: d.at}
	}
	into.Rows = append(into.Rows, r)
}

// fill sets a column that no property has set.
func (d *Decoder) fill(column string, v value.Value) {
	if slot, ok := d.slots[column]; ok && !d.row[slot].Present() {
		d.row[slot] = v
	}
}

// merge completes the row with the last values of the device.
func (d *Decoder) merge() {
	if d.dev.last == nil {
		d.dev.last = make([]value.Value, len(d.cols))
	}
	for i, v := range d.row {
		if v.Present() {
			d.dev.last[i] = v.Clone()
		}
	}
	copy(d.row, d.dev.last)
}

// time is when the values were taken, 0 if the message does not say so, or
// says something absurd.
func (d *Decoder) time() int64 {
	var now int64
	if d.cfg.Now != nil {
		now = d.cfg.Now()
	}
	switch {
	case d.at == 0 && d.timed:
		d.cfg.Warn(d.dev.id, "does not say when its values were taken: the time of arrival counts")
	case d.at != 0 && !clock.Plausible(d.at, now):
		d.cfg.Warn(d.dev.id, fmt.Sprintf("has the time %d, which is not believed: the time of arrival counts", d.at))
		return 0
	}
	return d.at
}

// ms reads a time in seconds or milliseconds, told apart by their size.
func ms(t int64) int64 {
	if t > 0 && t < 1e11 {
		return t * 1000
	}
	return t
}

// document reads the JSON of KubeEdge, or a flat object.
func (d *Decoder) document(p []byte) error {
	if err := check(p); err != nil {
		return err
	}
	var twins, data, code int
	var at int64
	m := open(p, 0)
	for m.next() {
		switch {
		case is(m.key, "twin"):
			twins = m.val
		case is(m.key, "data") && p[m.val] == '{':
			data = m.val
		case is(m.key, "code"):
			code = m.val
		case is(m.key, "timestamp"):
			at = d.number(p, m.val)
		case is(m.key, "event_id"):
			d.eventID = text(p, m.val)
		}
	}
	if m.err != nil {
		return m.err
	}
	var err error
	switch {
	case twins > 0:
		err = d.twins(p, twins)
	case data > 0:
		err = d.values(p, data)
	case code > 0 && d.dev.verb != "":
		return nil // an error of edgecore has no values
	default:
		err = d.flat(p)
	}
	if d.at == 0 {
		d.at = ms(at)
	}
	d.timed = twins > 0 || data > 0
	return err
}

// twins reads the members of "twin", of each its actual and expected value.
func (d *Decoder) twins(p []byte, i int) error {
	if p[i] != '{' {
		return nil // null
	}
	m := open(p, i)
	for m.next() {
		if err := d.twin(p, m.val, m.key); err != nil {
			return err
		}
	}
	return m.err
}

// twin reads one property: {"expected":{..},"actual":{..},"metadata":{"type":..}},
// or in a document {"last":{..},"current":{..}}.
func (d *Decoder) twin(p []byte, i int, name []byte) error {
	if d.repeated(name) {
		return nil
	}
	if p[i] != '{' { // null: the property was deleted
		d.set(name, "", value.ExplicitNull)
		return nil
	}
	var actual, expected int
	var typ []byte
	m := open(p, i)
	for m.next() {
		switch {
		case is(m.key, "actual"):
			actual = m.val
		case is(m.key, "expected"):
			expected = m.val
		case is(m.key, "metadata"):
			typ = d.member(p, m.val, "type")
		case is(m.key, "current"):
			return d.twin(p, m.val, name)
		}
	}
	if m.err != nil {
		return m.err
	}
	if string(typ) == "deleted" {
		d.set(name, "", value.ExplicitNull)
		return nil
	}
	if actual > 0 {
		d.reading(p, actual, name, "", typ)
		d.reported(name)
	}
	if expected > 0 && d.wantsExpected(name) {
		d.reading(p, expected, name, Expected, typ)
	}
	return nil
}

// repeated tells whether edgecore repeats what the mapper has said itself.
func (d *Decoder) repeated(name []byte) bool {
	return d.dev.verb != twinUpdateVerb && len(d.updates) > 0 && d.updates[updated{d.dev.id, string(name)}]
}

// reported notes a property that came as twin/update.
func (d *Decoder) reported(name []byte) {
	if d.dev.verb != twinUpdateVerb || d.updates[updated{d.dev.id, string(name)}] {
		return
	}
	if len(d.updates) < maxKnown {
		d.updates[updated{d.dev.id, string(name)}] = true
	}
}

// wantsExpected tells whether there is a column for the desired value.
func (d *Decoder) wantsExpected(name []byte) bool {
	if d.cfg.Schema.Open {
		return true
	}
	for _, c := range d.cols {
		if len(c.Name) == len(name)+len(Expected) && strings.HasSuffix(c.Name, Expected) {
			return true
		}
	}
	return false
}

// values reads the members of "data": {"value":"25","metadata":{..}}.
func (d *Decoder) values(p []byte, i int) error {
	m := open(p, i)
	for m.next() {
		if p[m.val] == '{' {
			d.reading(p, m.val, m.key, "", nil)
		} else {
			d.read(m.key, "", p, m.val, nil)
		}
	}
	return m.err
}

// reading reads {"value":"25","metadata":{"timestamp":..,"type":..}}.
func (d *Decoder) reading(p []byte, i int, name []byte, suffix string, typ []byte) {
	if p[i] != '{' {
		return // null
	}
	val := 0
	m := open(p, i)
	for m.next() {
		switch {
		case is(m.key, "value"):
			val = m.val
		case is(m.key, "metadata"):
			if suffix == "" {
				d.at = max(d.at, ms(d.number(p, d.find(p, m.val, "timestamp"))))
			}
			if t := d.member(p, m.val, "type"); t != nil {
				typ = t
			}
		}
	}
	if val > 0 {
		d.read(name, suffix, p, val, typ)
	}
}

// flat reads an object whose members are the properties.
func (d *Decoder) flat(p []byte) error {
	m := open(p, 0)
	for m.next() {
		if is(m.key, "event_id") || is(m.key, "timestamp") || is(m.key, "attributes") {
			continue
		}
		d.read(m.key, "", p, m.val, nil)
	}
	return m.err
}

// find returns where the value of a member is, 0 if there is none.
func (d *Decoder) find(p []byte, i int, name string) int {
	if p[i] != '{' {
		return 0
	}
	for m := open(p, i); m.next(); {
		if is(m.key, name) {
			return m.val
		}
	}
	return 0
}

// member returns the text of a member, nil if there is none.
func (d *Decoder) member(p []byte, i int, name string) []byte {
	if at := d.find(p, i, name); at > 0 {
		return text(p, at)
	}
	return nil
}

// number reads a whole number or the text of one; anything else is 0.
func (d *Decoder) number(p []byte, i int) int64 {
	if i == 0 {
		return 0
	}
	t := text(p, i)
	n, end, ok := jsontext.Whole(t, 0)
	if !ok || end != len(t) {
		return 0
	}
	return n
}
