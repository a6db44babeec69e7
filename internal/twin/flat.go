package twin

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Flat types the members of flat JSON as Kuiper 0.9 does with a
// kubeedgeModelFile: by the device that the topic names on its fourth level.
// What the model does not list passes as it is. A value that does not fit is
// left out and counted.
type Flat struct {
	inner     format.Decoder
	schema    *row.Schema
	directory *devicemodel.Directory
	skip      func(why string)
	models    map[string]*devicemodel.Model // by topic
}

// NewFlat returns a Flat around the JSON decoder of a stream.
func NewFlat(cfg format.Config, directory *devicemodel.Directory, models []devicemodel.Model, skip func(why string)) (*Flat, error) {
	json, err := format.Lookup("json")
	if err != nil {
		return nil, err
	}
	f := &Flat{schema: cfg.Schema, directory: directory, skip: skip, models: map[string]*devicemodel.Model{}}
	cfg.Schema = untyped(cfg.Schema, models)
	f.inner, err = json.NewDecoder(cfg)
	return f, err
}

// untyped returns a schema in which columns that a model lists take any value:
// the model's type comes before the declared one.
func untyped(s *row.Schema, models []devicemodel.Model) *row.Schema {
	u := &row.Schema{Cols: slices.Clone(s.Cols), Open: s.Open}
	for i := range u.Cols {
		for m := range models {
			if models[m].Property(u.Cols[i].Name) != nil {
				u.Cols[i].Type = value.Type{}
			}
		}
	}
	return u
}

// Decode implements format.Decoder.
func (f *Flat) Decode(p []byte, into *row.Batch) error { return f.inner.Decode(p, into) }

// DecodeFrom implements format.MetaDecoder.
func (f *Flat) DecodeFrom(p []byte, meta row.Meta, into *row.Batch) error {
	first := len(into.Rows)
	if err := f.inner.Decode(p, into); err != nil {
		return err
	}
	topic := origin(meta).Topic
	m := f.model(topic)
	if m == nil {
		m = &devicemodel.Model{}
	}
	for i := first; i < len(into.Rows); i++ {
		f.row(&into.Rows[i], m, topic)
	}
	return nil
}

// model is that of the device of a topic; nil: it is not listed.
func (f *Flat) model(topic string) *devicemodel.Model {
	if m, ok := f.models[topic]; ok {
		return m
	}
	if len(f.models) >= maxKnown {
		clear(f.models)
	}
	id, _ := split(topic)
	if levels := strings.Split(topic, "/"); id == "" && len(levels) > 3 {
		id = levels[3]
	}
	_, m := f.directory.Device(id)
	f.models[strings.Clone(topic)] = m
	return m
}

func (f *Flat) row(r *row.Row, m *devicemodel.Model, topic string) {
	for i, c := range f.schema.Cols {
		if i >= len(r.Cols) {
			break
		}
		v := f.typed(c.Name, r.Cols[i], m, topic)
		if k := c.Type.Kind; k != value.Null && k != v.Kind() && !v.IsNull() {
			var ok bool
			if v, ok = convertFlat(v, k); !ok {
				f.skip(fmt.Sprintf("topic %q: column %s is NULL: %v is no %s", topic, c.Name, v.Any(), c.Type))
				v = value.ExplicitNull
			}
		}
		r.Cols[i] = v
	}
	if r.Rest.Len() == 0 {
		return
	}
	rest := make([]value.Member, 0, r.Rest.Len())
	for _, e := range r.Rest.Members() {
		if e.Val = f.typed(e.Name, e.Val, m, topic); e.Val.Present() {
			rest = append(rest, e)
		}
	}
	r.Rest = value.OfObject(rest)
}

// typed converts a value to the type of the model's property.
func (f *Flat) typed(name string, v value.Value, m *devicemodel.Model, topic string) value.Value {
	p := m.Property(name)
	if p == nil || v.IsNull() {
		return v
	}
	if t, ok := convertFlat(v, p.Type.Kind); ok {
		return t
	}
	f.skip(fmt.Sprintf("topic %q: property %q is left out: %v is no %s", topic, name, v.Any(), p.Type))
	return value.Value{}
}

// convertFlat is Kuiper's conversion, with the cells that it dropped.
func convertFlat(v value.Value, to value.Kind) (value.Value, bool) {
	switch to {
	case value.Int:
		return flatInt(v)
	case value.Float:
		if v.Kind() == value.String {
			x, err := strconv.ParseFloat(v.Str(), 64)
			return value.OfFloat(x), err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
		}
		x, ok := v.AsFloat()
		return value.OfFloat(x), ok && v.IsNumber()
	case value.Bool:
		if v.Kind() == value.String {
			b, err := strconv.ParseBool(v.Str())
			return value.OfBool(b), err == nil
		}
		return v, v.Kind() == value.Bool
	case value.String:
		if v.IsNumber() {
			return value.OfString(v.String()), true
		}
		return v, v.Kind() == value.String
	}
	return v, true
}

// flatInt truncates fractions toward zero.
func flatInt(v value.Value) (value.Value, bool) {
	switch v.Kind() {
	case value.Bool:
		if v.Bool() {
			return value.OfInt(1), true
		}
		return value.OfInt(0), true
	case value.String:
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return value.OfInt(n), true
		}
		x, err := strconv.ParseFloat(v.Str(), 64)
		if err != nil {
			return v, false
		}
		v = value.OfFloat(x)
	}
	x, ok := v.AsFloat()
	if !ok || !v.IsNumber() || math.IsNaN(x) || math.Abs(x) >= 1<<63 {
		return v, false
	}
	if v.Kind() == value.Int {
		return v, true
	}
	return value.OfInt(int64(x)), true
}
