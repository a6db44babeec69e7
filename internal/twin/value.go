package twin

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// read sets the column of a property to the value at p[i]; typ is what the
// message says of it. A value that is not of its type or outside the limits of
// the model is NULL.
func (d *Decoder) read(name []byte, suffix string, p []byte, i int, typ []byte) {
	if p[i] == 'n' { // null
		d.set(name, suffix, value.ExplicitNull)
		return
	}
	d.readText(name, suffix, text(p, i), p[i] != '"', typ)
}

// readText is read for a bare text; native is true for what is no JSON string.
func (d *Decoder) readText(name []byte, suffix string, t []byte, native bool, typ []byte) {
	slot := d.slot(name, suffix)
	if slot < 0 && !d.cfg.Schema.Open {
		d.given++
		return
	}
	var want value.Type
	if slot >= 0 {
		want = d.cols[slot].Type
	}
	prop := d.property(name)
	if want.Kind == value.Null {
		want = d.said(prop, typ)
	}
	v, err := d.convert(t, native, want)
	if err == nil && prop != nil {
		err = within(v, prop)
	}
	if err != nil {
		d.cfg.Warn(d.dev.id, fmt.Sprintf("property %q is NULL: %v", name, err))
		v = value.ExplicitNull
	}
	d.put(slot, name, suffix, v)
}

// property is what the device's model says of a property; nil: nothing.
func (d *Decoder) property(name []byte) *devicemodel.Property {
	if d.dev.model == nil {
		return nil
	}
	return d.dev.model.Property(string(name))
}

// said is the type of a value without a typed column: that of the message, or
// of the model. Null: it is as it comes.
func (d *Decoder) said(prop *devicemodel.Property, typ []byte) value.Type {
	switch string(typ) {
	case "int", "integer":
		return value.Type{Kind: value.Int}
	case "float", "double":
		return value.Type{Kind: value.Float}
	case "boolean", "bool":
		return value.Type{Kind: value.Bool}
	case "string":
		return value.Type{Kind: value.String}
	case "bytes":
		return value.Type{Kind: value.Bytes}
	}
	if prop != nil {
		return prop.Type
	}
	return value.Type{}
}

// convert gives a text the type of its column.
func (d *Decoder) convert(t []byte, native bool, want value.Type) (value.Value, error) {
	s := unsafe.String(unsafe.SliceData(t), len(t))
	switch want.Kind {
	case value.Null:
		if native {
			return value.ParseJSON(t, value.JSONOptions{IntWhole: true})
		}
		return value.OfStringBytes(t), nil
	case value.Int:
		if n, end, ok := jsontext.Whole(t, 0); ok && end == len(t) {
			return value.OfInt(n), nil
		}
	case value.Bool:
		return d.boolean(s)
	}
	v, err := d.texts.Read("value", t, want)
	if err == nil && v.Kind() == value.Float && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
		err = fmt.Errorf("%q is no number", s)
	}
	return v, err
}

// boolean reads true and false in any case, and more if so configured.
func (d *Decoder) boolean(s string) (value.Value, error) {
	switch strings.ToLower(s) {
	case "true":
		return value.True, nil
	case "false":
		return value.False, nil
	case "":
		return value.ExplicitNull, nil
	}
	if d.cfg.Booleans {
		switch strings.ToLower(s) {
		case "1", "on", "yes":
			return value.True, nil
		case "0", "off", "no":
			return value.False, nil
		}
	}
	return value.Value{}, fmt.Errorf("%q is neither true nor false", s)
}

// within checks the limits of the model.
func within(v value.Value, p *devicemodel.Property) error {
	if p.Min == nil && p.Max == nil || !v.IsNumber() {
		return nil
	}
	f, _ := v.AsFloat()
	switch {
	case p.Min != nil && f < *p.Min:
		return fmt.Errorf("%v is less than the minimum %v", f, *p.Min)
	case p.Max != nil && f > *p.Max:
		return fmt.Errorf("%v is more than the maximum %v", f, *p.Max)
	}
	return nil
}

// slot finds the column of a property, exactly or else in any case; -1: none.
func (d *Decoder) slot(name []byte, suffix string) int {
	if suffix == "" {
		if slot, ok := d.slots[string(name)]; ok {
			return slot
		}
	}
	for i := range d.cols {
		c := d.cols[i].Name
		if len(c) == len(name)+len(suffix) && strings.HasSuffix(c, suffix) && bytes.EqualFold([]byte(c[:len(name)]), name) {
			return i
		}
	}
	return -1
}

// set gives a property a value that needs no conversion.
func (d *Decoder) set(name []byte, suffix string, v value.Value) {
	d.put(d.slot(name, suffix), name, suffix, v)
}

func (d *Decoder) put(slot int, name []byte, suffix string, v value.Value) {
	d.given++
	switch {
	case slot >= 0:
		d.row[slot] = v
	case d.cfg.Schema.Open:
		d.rest = append(d.rest, value.Member{Name: string(name) + suffix, Val: v})
	}
}

// pushed begins what mappers send as text:
// "time is 2023-10-16 11:13:22  <topic>: <value>".
const (
	pushed     = "time is "
	pushedTime = "2006-01-02 15:04:05"
)

func (d *Decoder) pushedText(p []byte) error {
	p = p[len(pushed):]
	if len(p) < len(pushedTime)+2 {
		return errors.New("the pushed text ends too early")
	}
	if err := d.readTime(p[:len(pushedTime)]); err != nil {
		return err
	}
	p = bytes.TrimLeft(p[len(pushedTime):], " ")
	val, ok := bytes.CutPrefix(p, []byte(d.dev.topic+": "))
	if !ok {
		if _, val, ok = bytes.Cut(p, []byte(": ")); !ok {
			return errors.New("the pushed text has no value")
		}
	}
	d.readText([]byte(d.dev.property), "", val, false, nil)
	return nil
}

// form reads "temp=25&time=2023-10-16 11:13:22", which is not URL-encoded.
func (d *Decoder) form(p []byte) error {
	for part := range bytes.SplitSeq(p, []byte("&")) {
		name, val, ok := bytes.Cut(part, []byte("="))
		if !ok {
			return fmt.Errorf("the form has no = in %.40q", part)
		}
		if string(name) == "time" && len(val) == len(pushedTime) {
			if err := d.readTime(val); err != nil {
				return err
			}
			continue
		}
		d.readText(name, "", val, false, nil)
	}
	return nil
}
