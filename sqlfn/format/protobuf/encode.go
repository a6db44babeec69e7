package protobuf

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Encoder makes messages out of rows: each field from the column of its name.
// Columns without a field are left out. One goroutine uses it.
type Encoder struct {
	msg   *writer
	bound *row.Schema // the schema that slots is for
	slots []int       // by field; -1: no column
}

// NewEncoder compiles an encoder.
func NewEncoder(c format.Config) (*Encoder, error) {
	m, err := messageOf(c)
	if err != nil {
		return nil, err
	}
	return &Encoder{msg: writers{}.of(m.desc)}, nil
}

// EncodeRow implements format.Encoder.
func (e *Encoder) EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error) {
	if s != e.bound {
		e.bound, e.slots = s, e.slots[:0]
		for _, f := range e.msg.fields {
			e.slots = append(e.slots, s.Slot(f.name))
		}
	}
	start := len(dst)
	for i := range e.msg.fields {
		f := &e.msg.fields[i]
		var v value.Value
		if slot := e.slots[i]; slot >= 0 {
			v = r.Col(slot)
		}
		if !v.Present() {
			v, _ = r.Rest.Lookup(f.name)
		}
		var err error
		if dst, err = f.append(dst, v); err != nil {
			return dst[:start], fmt.Errorf("cannot encode %s: field %s: %w", e.msg.name, f.name, err)
		}
	}
	return dst, nil
}

var errOneRow = errors.New("a protobuf message holds one row, set sendSingle to true")

// EncodeRows implements format.Encoder: there is no message of several rows.
func (e *Encoder) EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error) {
	if len(rs) != 1 {
		return dst, errOneRow
	}
	return e.EncodeRow(dst, s, &rs[0])
}

// writer writes one kind of message.
type writer struct {
	name   string
	fields []outField
}

type outField struct {
	name   string
	number protowire.Number
	kind   protoreflect.Kind
	list   bool
	packed bool
	isMap  bool
	enum   protoreflect.EnumValueDescriptors
	msg    *writer
}

type writers map[protoreflect.FullName]*writer

func (ws writers) of(m protoreflect.MessageDescriptor) *writer {
	if known := ws[m.FullName()]; known != nil {
		return known
	}
	w := &writer{name: string(m.FullName())}
	ws[m.FullName()] = w
	fs := m.Fields()
	for i := range fs.Len() {
		f := fs.Get(i)
		out := outField{name: string(f.Name()), number: f.Number(), kind: f.Kind(), list: f.IsList(), packed: f.IsPacked(), isMap: f.IsMap()}
		if f.Message() != nil {
			out.msg = ws.of(f.Message())
		}
		if f.Enum() != nil {
			out.enum = f.Enum().Values()
		}
		w.fields = append(w.fields, out)
	}
	return w
}

// append writes a field; NULL writes nothing.
func (f *outField) append(dst []byte, v value.Value) ([]byte, error) {
	switch {
	case v.IsNull():
		return dst, nil
	case f.isMap:
		return f.appendMap(dst, v)
	case f.list && !v.IsArray():
		return dst, fmt.Errorf("%s is no array", value.Describe(v))
	case !f.list:
		return f.one(protowire.AppendTag(dst, f.number, wireType(f.kind)), v)
	case f.packed:
		return f.appendPacked(dst, v)
	}
	var err error
	for i := range v.Len() {
		dst = protowire.AppendTag(dst, f.number, wireType(f.kind))
		if dst, err = f.one(dst, v.At(i)); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (f *outField) appendPacked(dst []byte, v value.Value) ([]byte, error) {
	var run []byte
	var err error
	for i := range v.Len() {
		if run, err = f.one(run, v.At(i)); err != nil {
			return dst, err
		}
	}
	if v.Len() == 0 {
		return dst, nil
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, f.number, protowire.BytesType), run), nil
}

func (f *outField) appendMap(dst []byte, v value.Value) ([]byte, error) {
	if v.Kind() != value.Object {
		return dst, fmt.Errorf("%s is no object", value.Describe(v))
	}
	key, val := &f.msg.fields[0], &f.msg.fields[1]
	for _, m := range v.Members() {
		entry, err := key.append(nil, key.keyOf(m.Name))
		if err == nil {
			entry, err = val.append(entry, m.Val)
		}
		if err != nil {
			return dst, fmt.Errorf("entry %s: %w", m.Name, err)
		}
		dst = protowire.AppendBytes(protowire.AppendTag(dst, f.number, protowire.BytesType), entry)
	}
	return dst, nil
}

// keyOf turns the name of a member into the key of a map.
func (f *outField) keyOf(name string) value.Value {
	switch f.kind {
	case protoreflect.StringKind:
		return value.OfString(name)
	case protoreflect.BoolKind:
		if b, err := strconv.ParseBool(name); err == nil {
			return value.OfBool(b)
		}
	default:
		if i, err := strconv.ParseInt(name, 10, 64); err == nil {
			return value.OfInt(i)
		}
		if u, err := strconv.ParseUint(name, 10, 64); err == nil {
			return value.OfUint(u)
		}
	}
	return value.OfString(name) // which one refuses
}

// one writes a single value without its tag.
func (f *outField) one(dst []byte, v value.Value) ([]byte, error) {
	switch f.kind {
	case protoreflect.BoolKind:
		if v.Kind() == value.Bool {
			return protowire.AppendVarint(dst, protowire.EncodeBool(v.Bool())), nil
		}
	case protoreflect.StringKind:
		if v.Kind() == value.String || v.IsNumber() || v.Kind() == value.Time {
			return protowire.AppendString(dst, v.String()), nil
		}
	case protoreflect.BytesKind:
		if v.Kind() == value.Bytes || v.Kind() == value.String {
			return protowire.AppendBytes(dst, v.Bytes()), nil
		}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if x, ok := v.AsFloat(); ok {
			if f.kind == protoreflect.FloatKind {
				return protowire.AppendFixed32(dst, math.Float32bits(float32(x))), nil
			}
			return protowire.AppendFixed64(dst, math.Float64bits(x)), nil
		}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return f.message(dst, v)
	case protoreflect.EnumKind:
		if v.Kind() == value.String {
			if e := f.enum.ByName(protoreflect.Name(v.Str())); e != nil {
				return protowire.AppendVarint(dst, uint64(e.Number())), nil
			}
			break
		}
		return f.whole(dst, v)
	default:
		return f.whole(dst, v)
	}
	return dst, f.refuse(v)
}

func (f *outField) refuse(v value.Value) error {
	return fmt.Errorf("%s does not fit %s", value.Describe(v), f.kind)
}

// message writes a nested message.
func (f *outField) message(dst []byte, v value.Value) ([]byte, error) {
	if v.Kind() != value.Object {
		return dst, f.refuse(v)
	}
	var inner []byte
	for i := range f.msg.fields {
		m := &f.msg.fields[i]
		member, _ := v.Lookup(m.name)
		var err error
		if inner, err = m.append(inner, member); err != nil {
			return dst, fmt.Errorf("field %s: %w", m.name, err)
		}
	}
	if f.kind == protoreflect.GroupKind {
		return protowire.AppendTag(append(dst, inner...), f.number, protowire.EndGroupType), nil
	}
	return protowire.AppendBytes(dst, inner), nil
}

// whole writes a value of one of the integer types if it is in its range.
func (f *outField) whole(dst []byte, v value.Value) ([]byte, error) {
	if v.Kind() == value.Uint { // above every int64
		switch f.kind {
		case protoreflect.Uint64Kind:
			return protowire.AppendVarint(dst, v.Uint()), nil
		case protoreflect.Fixed64Kind:
			return protowire.AppendFixed64(dst, v.Uint()), nil
		}
		return dst, f.refuse(v)
	}
	i, ok := v.AsInt()
	if lo, hi := limits(f.kind); !ok || !v.IsNumber() || i < lo || i > hi {
		return dst, f.refuse(v)
	}
	switch f.kind {
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return protowire.AppendVarint(dst, protowire.EncodeZigZag(i)), nil
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.AppendFixed32(dst, uint32(i)), nil
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.AppendFixed64(dst, uint64(i)), nil
	}
	return protowire.AppendVarint(dst, uint64(i)), nil
}

// limits are the least and greatest int64 of an integer type.
func limits(k protoreflect.Kind) (lo, hi int64) {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.EnumKind:
		return math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return 0, math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return 0, math.MaxInt64
	}
	return math.MinInt64, math.MaxInt64
}
