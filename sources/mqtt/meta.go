package mqtt

import (
	"strconv"

	"github.com/edgesluice/sluice/sqlfn/value"
)

// meta is what a rule sees under meta(): topic, qos and messageId. messageid
// is the text that early releases had.
type meta struct {
	topic string
	qos   byte
	id    uint16
}

// Key implements row.Meta.
func (m *meta) Key(name string) value.Value {
	switch name {
	case "topic":
		return value.OfString(m.topic)
	case "qos":
		return value.OfInt(int64(m.qos))
	case "messageId":
		return value.OfInt(int64(m.id))
	case "messageid":
		return value.OfString(strconv.Itoa(int(m.id)))
	}
	return value.Value{}
}

// All implements row.Meta.
func (m *meta) All() value.Value {
	return value.OfSorted([]value.Member{
		{Name: "messageId", Val: m.Key("messageId")},
		{Name: "qos", Val: m.Key("qos")},
		{Name: "topic", Val: m.Key("topic")},
	})
}
