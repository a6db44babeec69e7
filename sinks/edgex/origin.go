package edgex

import (
	"github.com/google/uuid"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sinks/edgex/event"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// event makes the event of a payload and its correlation id.
func (s *sink) event(p *sinks.Payload) (e *event.Event, correlation string, err error) {
	now := s.clock.Now().UnixNano()
	e = &event.Event{ID: uuid.NewString()}
	from := heritage{}
	for i := range p.Rows {
		from.add(&p.Rows[i])
	}
	if p.Err != nil {
		e.Readings = append(e.Readings, event.Reading{ID: uuid.NewString(), Resource: "error", ValueType: "String", Value: value.OfString(p.Err.Error())})
	}
	for i := range p.Rows {
		s.readings(e, p.Schema, &p.Rows[i], from.metas[i], from.device.mixed)
	}
	if e.Device, err = s.name(&e.Device, p, &s.device, from.device.only(), defaultDevice); err != nil {
		return nil, "", err
	}
	if e.Profile, err = s.name(&e.Profile, p, &s.profile, from.profile.only(), defaultProfile); err != nil {
		return nil, "", err
	}
	if e.Source, err = s.name(&e.Source, p, &s.source, from.source.only(), s.rule); err != nil {
		return nil, "", err
	}
	if e.Origin == 0 {
		e.Origin = from.origin
	}
	if e.Origin == 0 {
		e.Origin = now
	}
	if !e.Tags.Present() && from.id.only() != "" {
		e.Tags = from.tags
	}
	if correlation = from.correlation.only(); correlation == "" {
		correlation = uuid.NewString()
	}
	return e, correlation, nil
}

// name is the first that is known: from the metadata column, of a property, of
// the input, by default.
func (s *sink) name(given *string, p *sinks.Payload, prop *param.Template, inherited, def string) (string, error) {
	if *given != "" {
		return *given, nil
	}
	text, err := s.fill(prop, p)
	switch {
	case err != nil:
		return "", err
	case text != "":
		return text, nil
	case inherited != "":
		return inherited, nil
	}
	return def, nil
}

// heritage is what the rows of a payload have in common.
type heritage struct {
	id, device, profile, source, correlation common
	origin                                   int64 // the latest
	tags                                     value.Value
	metas                                    []value.Value // of each row, an Object; absent if it did not come from EdgeX
	last                                     row.Meta      // that of the last row: rows of one event share it
}

// common is a text that all rows share.
type common struct {
	text  string
	known bool
	mixed bool
}

func (c *common) add(text string) {
	c.mixed = c.mixed || c.known && c.text != text
	c.text, c.known = text, true
}

func (c *common) only() string {
	if c.mixed {
		return ""
	}
	return c.text
}

func (h *heritage) add(r *row.Row) {
	var m value.Value
	switch {
	case r.Meta == nil:
	case r.Meta == h.last:
		m = h.metas[len(h.metas)-1]
	default:
		if m = r.Meta.All(); !isEvent(m) {
			m = value.Value{}
		}
	}
	h.last = r.Meta
	h.metas = append(h.metas, m)
	h.id.add(text(m, "id"))
	h.device.add(text(m, "deviceName"))
	h.profile.add(text(m, "profileName"))
	h.source.add(text(m, "sourceName"))
	h.correlation.add(text(m, "correlationid"))
	h.tags, _ = m.Lookup("tags")
	h.origin = max(h.origin, number(m, "origin"))
}

// isEvent tells the meta of an EdgeX event from that of other sources.
func isEvent(m value.Value) bool { return text(m, "deviceName") != "" && text(m, "profileName") != "" }

func text(obj value.Value, name string) string {
	if v, _ := obj.Lookup(name); v.Kind() == value.String {
		return v.Str()
	}
	return ""
}

func number(obj value.Value, name string) int64 {
	v, _ := obj.Lookup(name)
	n, _ := v.AsInt()
	return n
}

// readings adds the columns of a row. With own they keep the device of the row,
// since the rows are from several.
func (s *sink) readings(e *event.Event, schema *row.Schema, r *row.Row, meta value.Value, own bool) {
	given := value.Value{}
	if s.metadata != "" {
		if v, ok := row.Object(schema, r).Lookup(s.metadata); ok && v.Kind() == value.Object {
			given = v
			override(e, given)
		}
	}
	src := provenance{meta: r.Meta, all: meta, given: given}
	if own && e.Device == "" && s.device.Text == "" { // else the event's device is that of all readings
		src.device, src.profile = text(meta, "deviceName"), text(meta, "profileName")
	}
	for i, c := range schema.Cols {
		s.reading(e, c.Name, r.Col(i), src)
	}
	for _, m := range r.Rest.Members() {
		if slot := schema.Slot(m.Name); slot < 0 || !r.Col(slot).Present() {
			s.reading(e, m.Name, m.Val, src)
		}
	}
}

// override takes what the metadata column says about the event.
func override(e *event.Event, given value.Value) {
	for name, dst := range map[string]*string{"id": &e.ID, "deviceName": &e.Device, "profileName": &e.Profile, "sourceName": &e.Source} {
		if t := text(given, name); t != "" {
			*dst = t
		}
	}
	if n := number(given, "origin"); n != 0 {
		e.Origin = n
	}
	if tags, ok := given.Lookup("tags"); ok && tags.Kind() == value.Object {
		e.Tags = tags
	}
}

// provenance is what is known about where a row comes from.
type provenance struct {
	meta  row.Meta
	all   value.Value // of meta, if that is of an EdgeX event
	given value.Value // content of the metadata column

	device, profile string // if they are not those of the event
}

// reading adds one column; NULL and the metadata column are none.
func (s *sink) reading(e *event.Event, name string, v value.Value, from provenance) {
	if v.IsNull() || s.metadata != "" && name == s.metadata {
		return
	}
	r := event.Reading{ID: uuid.NewString(), Resource: name, Value: v, Device: from.device, Profile: from.profile}
	if was, ok := from.all.Lookup(name); ok && event.Suits(v, text(was, "valueType")) {
		r.ValueType, r.MediaType, r.Origin = text(was, "valueType"), text(was, "mediaType"), number(was, "origin")
		if units := from.meta.Key(name + "->units"); units.Kind() == value.String {
			r.Units = units.Str()
		}
	}
	if want, ok := from.given.Lookup(name); ok && want.Kind() == value.Object {
		overrideReading(&r, want)
	}
	if err := r.Encode(); err != nil {
		s.skip(err)
		return
	}
	e.Readings = append(e.Readings, r)
}

func overrideReading(r *event.Reading, given value.Value) {
	for name, dst := range map[string]*string{"id": &r.ID, "deviceName": &r.Device, "profileName": &r.Profile,
		"resourceName": &r.Resource, "valueType": &r.ValueType, "mediaType": &r.MediaType} {
		if t := text(given, name); t != "" {
			*dst = t
		}
	}
	if n := number(given, "origin"); n != 0 {
		r.Origin = n
	}
}
