package appservice

import (
	"fmt"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/common"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
	"github.com/google/uuid"

	"github.com/edgesluice/sluice/sinks/edgex/event"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// eventOf makes an event with a reading for each column of a result. Device,
// profile, source, tags and origin are those of the event like; a reading that
// keeps the name of one of its readings keeps the value type too, if the value
// still is of that type. Values that cannot be readings are left out and told.
func eventOf(s *row.Schema, r *row.Row, like *dtos.Event, fail func(error)) dtos.Event {
	e := *like
	e.Id = uuid.NewString()
	e.Readings = nil
	for _, m := range row.Object(s, r).Members() {
		if m.Val.IsNull() {
			continue
		}
		b, err := readingOf(m.Name, m.Val, &e, readingNamed(like.Readings, m.Name))
		if err != nil {
			fail(err)
			continue
		}
		e.Readings = append(e.Readings, b)
	}
	return e
}

func readingNamed(rs []dtos.BaseReading, name string) *dtos.BaseReading {
	for i := range rs {
		if rs[i].ResourceName == name {
			return &rs[i]
		}
	}
	return nil
}

func readingOf(name string, v value.Value, e *dtos.Event, old *dtos.BaseReading) (dtos.BaseReading, error) {
	b := dtos.BaseReading{Id: uuid.NewString(), Origin: e.Origin, DeviceName: e.DeviceName, ProfileName: e.ProfileName,
		ResourceName: name, ValueType: event.TypeOf(v)}
	if old != nil {
		b.Units, b.Tags, b.MediaType = old.Units, old.Tags, old.MediaType
		if event.Suits(v, old.ValueType) {
			b.ValueType = old.ValueType
		}
	}
	switch b.ValueType {
	case "":
		return b, fmt.Errorf("%q: EdgeX has no value type for %s", name, value.Describe(v))
	case common.ValueTypeBinary:
		b.BinaryValue = v.Bytes()
		if b.MediaType == "" {
			b.MediaType = "application/octet-stream"
		}
	case common.ValueTypeObject:
		b.ObjectValue = v.Any()
	default:
		text, err := event.AppendText(nil, v, b.ValueType)
		b.Value = string(text)
		return b, err
	}
	return b, nil
}
