package wire

import (
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// Meta is what meta() tells of an event: id, deviceName, profileName,
// sourceName, origin, tags, correlationid, and under the name of each reading
// its id, origin, deviceName, profileName, valueType and mediaType. Tags and
// readings are looked up in the event only when asked for.
type Meta struct {
	doc   []byte // the event and what follows it
	enc   *encoding
	whole bool

	id, device, profile, source, correlation string
	origin                                   int64
}

// Key returns one entry. Of a reading it returns all, or one with the key
// temperature->valueType; that form also knows units and tags.
func (m *Meta) Key(name string) value.Value {
	if v, ok := m.fixed(name); ok {
		return v
	}
	if r, ok := m.reading(name); ok {
		return r.object(m)
	}
	if resource, key, ok := strings.Cut(name, "->"); ok {
		if r, ok := m.reading(resource); ok {
			return r.key(m, key)
		}
		if resource == "tags" {
			v, _ := m.tags().Lookup(key)
			return v
		}
	}
	return value.Value{}
}

func (m *Meta) fixed(name string) (value.Value, bool) {
	switch name {
	case "id":
		return value.OfString(m.id), true
	case "deviceName":
		return value.OfString(m.device), true
	case "profileName":
		return value.OfString(m.profile), true
	case "sourceName":
		return value.OfString(m.source), true
	case "origin":
		return value.OfInt(m.origin), true
	case "correlationid":
		return value.OfString(m.correlation), true
	case "tags":
		return m.tags(), true
	}
	return value.Value{}, false
}

// All returns every entry. A reading that has the name of one of the event's
// own entries is hidden by it.
func (m *Meta) All() value.Value {
	var ms []value.Member
	for _, r := range m.readings() {
		ms = append(ms, value.Member{Name: r.name(m), Val: r.object(m)})
	}
	for _, k := range [...]string{"id", "deviceName", "profileName", "sourceName", "origin", "tags", "correlationid"} {
		if v, _ := m.fixed(k); v.Present() {
			ms = append(ms, value.Member{Name: k, Val: v})
		}
	}
	return value.OfObject(ms)
}

func (m *Meta) tags() value.Value {
	c := m.enc.open(m.doc)
	for f := c.object(); f != fEnd; f = c.member() {
		if f == fTags && c.kind() == kObject {
			return c.any(0, &numbers{whole: m.whole, left: maxElements})
		}
		c.skip()
	}
	return value.Value{}
}

// readingMeta is a reading without its value.
type readingMeta struct {
	resource, id, device, profile, valueType, media, units string
	origin                                                 int64
	tags                                                   value.Value
}

func (m *Meta) readings() (rs []readingMeta) {
	c := m.enc.open(m.doc)
	for f := c.object(); f != fEnd; f = c.member() {
		if f != fReadings || c.kind() == kNull {
			c.skip()
			continue
		}
		for ok := c.array(); ok; ok = c.element() {
			rs = append(rs, m.readingMeta(c))
		}
	}
	return rs
}

func (m *Meta) readingMeta(c cursor) (r readingMeta) {
	for f := c.object(); f != fEnd; f = c.member() {
		switch f {
		case fResource:
			r.resource = asString(c.val().bytes())
		case fID:
			r.id = asString(c.val().bytes())
		case fDevice:
			r.device = asString(c.val().bytes())
		case fProfile:
			r.profile = asString(c.val().bytes())
		case fValueType:
			r.valueType = asString(c.val().bytes())
		case fMedia:
			r.media = asString(c.val().bytes())
		case fUnits:
			r.units = asString(c.val().bytes())
		case fOrigin:
			r.origin, _ = c.any(0, &numbers{whole: true, left: 1}).AsInt()
		case fTags:
			r.tags = c.any(0, &numbers{whole: m.whole, left: maxElements})
		default:
			c.skip()
		}
	}
	return r
}

// reading finds a reading by its resource; of several the last, as its value.
func (m *Meta) reading(resource string) (found readingMeta, ok bool) {
	for _, r := range m.readings() {
		if r.name(m) == resource {
			found, ok = r, true
		}
	}
	return found, ok
}

// name fills in what EdgeX 4 leaves out of optimised events, as do the others.
func (r *readingMeta) name(m *Meta) string { return or(r.resource, m.source) }

func (r *readingMeta) key(m *Meta, key string) value.Value {
	switch key {
	case "units":
		return text(r.units)
	case "tags":
		return r.tags
	}
	v, _ := r.object(m).Lookup(key)
	return v
}

func (r *readingMeta) object(m *Meta) value.Value {
	origin := r.origin
	if origin == 0 {
		origin = m.origin
	}
	ms := make([]value.Member, 0, 6)
	for _, e := range [...]value.Member{
		{Name: "deviceName", Val: text(or(r.device, m.device))},
		{Name: "id", Val: text(r.id)},
		{Name: "mediaType", Val: text(r.media)},
		{Name: "origin", Val: value.OfInt(origin)},
		{Name: "profileName", Val: text(or(r.profile, m.profile))},
		{Name: "valueType", Val: text(r.valueType)},
	} {
		if e.Val.Present() {
			ms = append(ms, e)
		}
	}
	return value.OfSorted(ms)
}

// text is absent if there is none.
func text(s string) value.Value {
	if s == "" {
		return value.Value{}
	}
	return value.OfString(s)
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
