package twin

import (
	"time"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Origin is what a source knows of a message.
type Origin struct {
	Topic string // of MQTT, or path of HTTP
	HTTP  bool
	QoS   byte
	ID    uint16
}

// Key implements row.Meta.
func (o *Origin) Key(name string) value.Value {
	switch name {
	case "topic":
		return value.OfString(o.Topic)
	case "qos":
		return value.OfInt(int64(o.QoS))
	case "messageId":
		return value.OfInt(int64(o.ID))
	}
	return value.Value{}
}

// All implements row.Meta.
func (o *Origin) All() value.Value {
	return value.OfSorted([]value.Member{{Name: "messageId", Val: o.Key("messageId")}, {Name: "qos", Val: o.Key("qos")}, {Name: "topic", Val: o.Key("topic")}})
}

// origin takes what is needed out of any Meta.
func origin(m row.Meta) *Origin {
	switch m := m.(type) {
	case *Origin:
		return m
	case nil:
		return &Origin{}
	}
	o := &Origin{}
	if t := m.Key("topic"); t.Kind() == value.String {
		o.Topic = t.Str()
	}
	if q, ok := m.Key("qos").AsInt(); ok {
		o.QoS = byte(q)
	}
	if id, ok := m.Key("messageId").AsInt(); ok {
		o.ID = uint16(id)
	}
	return o
}

// meta is what meta() tells of a row: topic, qos, messageId, deviceId, model,
// verb (twin/update), eventId and timestamp.
type meta struct {
	from    Origin
	dev     *device
	eventID string
	at      int64
}

// Key implements row.Meta.
func (m *meta) Key(name string) value.Value {
	switch name {
	case "deviceId":
		return value.OfString(m.dev.id)
	case "model":
		if m.dev.model != nil {
			return value.OfString(m.dev.model.Name)
		}
		return value.Value{}
	case "verb":
		return value.OfString(m.dev.verb)
	case "eventId":
		return value.OfString(m.eventID)
	case "timestamp":
		if m.at != 0 {
			return value.OfInt(m.at)
		}
		return value.Value{}
	}
	return m.from.Key(name)
}

// All implements row.Meta.
func (m *meta) All() value.Value {
	var ms []value.Member
	for _, name := range []string{"deviceId", "eventId", "messageId", "model", "qos", "timestamp", "topic", "verb"} {
		if v := m.Key(name); v.Present() {
			ms = append(ms, value.Member{Name: name, Val: v})
		}
	}
	return value.OfSorted(ms)
}

// readTime reads the time of a pushed text, in the mapper's zone.
func (d *Decoder) readTime(p []byte) error {
	t, err := time.ParseInLocation(pushedTime, string(p), d.cfg.Loc)
	if err == nil {
		d.at = t.UnixMilli()
	}
	return err
}
