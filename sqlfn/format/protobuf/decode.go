package protobuf

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Decoder makes rows out of messages. One goroutine uses it.
type Decoder struct {
	msg   *reader
	width int
	slots []int // by field of msg
	vals  []value.Value
}

// NewDecoder compiles a decoder for the columns c.Schema wants.
func NewDecoder(c format.Config) (*Decoder, error) {
	m, err := messageOf(c)
	if err != nil {
		return nil, err
	}
	d := &Decoder{width: len(c.Schema.Cols)}
	d.msg = readers{}.of(m.desc, func(name string) bool { return c.Schema.Open || c.Schema.Slot(name) >= 0 })
	for _, f := range d.msg.fields {
		d.slots = append(d.slots, c.Schema.Slot(f.name))
	}
	d.vals = make([]value.Value, len(d.msg.fields))
	return d, nil
}

// Decode implements format.Decoder: a payload is one message.
func (d *Decoder) Decode(p []byte, into *row.Batch) error {
	clear(d.vals)
	if err := d.msg.read(p, d.vals, 0); err != nil {
		return fmt.Errorf("cannot parse %s: %w", d.msg.name, err)
	}
	r := row.Row{Cols: make([]value.Value, d.width)}
	var rest []value.Member
	for i, slot := range d.slots {
		switch {
		case slot >= 0:
			r.Cols[slot] = d.vals[i]
		case d.vals[i].Present():
			rest = append(rest, value.Member{Name: d.msg.fields[i].name, Val: d.vals[i]})
		}
	}
	if rest != nil {
		r.Rest = value.OfObject(rest)
	}
	into.Rows = append(into.Rows, r)
	return nil
}

// reader reads the wanted fields of one kind of message.
type reader struct {
	name   string
	fields []field
	index  map[protowire.Number]int
}

type field struct {
	name   string
	kind   protoreflect.Kind
	list   bool
	absent value.Value // what is read if the field is not there
	msg    *reader     // of messages, groups and the entries of maps
	isMap  bool
	oneof  int // 1 + the number of the oneof it belongs to; 0: none
}

// readers are those that were made, so that a message can hold itself.
type readers map[protoreflect.FullName]*reader

func (rs readers) of(m protoreflect.MessageDescriptor, want func(name string) bool) *reader {
	r := &reader{name: string(m.FullName()), index: map[protowire.Number]int{}}
	if want == nil {
		if known := rs[m.FullName()]; known != nil {
			return known
		}
		rs[m.FullName()] = r
	}
	fs := m.Fields()
	for i := range fs.Len() {
		f := fs.Get(i)
		if want != nil && !want(string(f.Name())) {
			continue
		}
		r.index[f.Number()] = len(r.fields)
		r.fields = append(r.fields, rs.field(f))
	}
	return r
}

func (rs readers) field(f protoreflect.FieldDescriptor) field {
	out := field{name: string(f.Name()), kind: f.Kind(), list: f.IsList(), isMap: f.IsMap()}
	if m := f.Message(); m != nil {
		out.msg = rs.of(m, nil)
	}
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
		out.oneof = 1 + o.Index()
	}
	switch {
	case f.IsList():
		out.absent = value.OfArray(nil)
	case f.IsMap():
		out.absent = value.OfObject(nil)
	case f.HasDefault() || !f.HasPresence():
		out.absent = defaultOf(f)
	}
	return out
}

func defaultOf(f protoreflect.FieldDescriptor) value.Value {
	switch v := f.Default(); f.Kind() {
	case protoreflect.BoolKind:
		return value.OfBool(v.Bool())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return value.OfFloat(v.Float())
	case protoreflect.StringKind:
		return value.OfString(v.String())
	case protoreflect.BytesKind:
		return value.OfBytes(v.Bytes())
	case protoreflect.EnumKind:
		return value.OfInt(int64(v.Enum()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return value.OfUint(v.Uint())
	default:
		return value.OfInt(v.Int())
	}
}

// read fills vals, by field, from a message. Unknown fields are passed over.
func (r *reader) read(p []byte, vals []value.Value, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("messages are nested more than %d deep", maxNesting)
	}
	var lists map[int]*list
	for len(p) > 0 {
		num, typ, n := protowire.ConsumeTag(p)
		if n < 0 {
			return protowire.ParseError(n)
		}
		i, wanted := r.index[num]
		if !wanted {
			m := protowire.ConsumeFieldValue(num, typ, p[n:])
			if m < 0 {
				return protowire.ParseError(m)
			}
			p = p[n+m:]
			continue
		}
		p = p[n:]
		f := &r.fields[i]
		var err error
		switch {
		case f.isMap || f.list:
			if lists == nil {
				lists = map[int]*list{}
			}
			l := lists[i]
			if l == nil {
				l = &list{}
				lists[i] = l
			}
			n, err = f.element(num, typ, p, l, depth)
		default:
			vals[i], n, err = f.one(num, typ, p, depth)
			r.clearOneof(i, vals)
		}
		if err != nil {
			return fmt.Errorf("field %s: %w", f.name, err)
		}
		p = p[n:]
	}
	for i := range r.fields {
		if l := lists[i]; l != nil {
			vals[i] = l.value(r.fields[i].isMap)
		} else if !vals[i].Present() {
			vals[i] = r.fields[i].absent
		}
	}
	return nil
}

// clearOneof forgets the other fields of a oneof: the last on the wire counts.
func (r *reader) clearOneof(i int, vals []value.Value) {
	if r.fields[i].oneof == 0 {
		return
	}
	for k := range r.fields {
		if k != i && r.fields[k].oneof == r.fields[i].oneof {
			vals[k] = value.Value{}
		}
	}
}

// one reads a single value and returns how many bytes it took.
func (f *field) one(num protowire.Number, typ protowire.Type, p []byte, depth int) (value.Value, int, error) {
	if want := wireType(f.kind); typ != want {
		return value.Value{}, 0, fmt.Errorf("wire type %d where %s has %d", typ, f.kind, want)
	}
	switch typ {
	case protowire.VarintType:
		x, n := protowire.ConsumeVarint(p)
		return f.varint(x), n, protowire.ParseError(min(n, 0))
	case protowire.Fixed32Type:
		x, n := protowire.ConsumeFixed32(p)
		return f.fixed32(x), n, protowire.ParseError(min(n, 0))
	case protowire.Fixed64Type:
		x, n := protowire.ConsumeFixed64(p)
		return f.fixed64(x), n, protowire.ParseError(min(n, 0))
	case protowire.StartGroupType:
		b, n := protowire.ConsumeGroup(num, p)
		if n < 0 {
			return value.Value{}, 0, protowire.ParseError(n)
		}
		v, err := f.object(b, depth)
		return v, n, err
	}
	b, n := protowire.ConsumeBytes(p)
	if n < 0 {
		return value.Value{}, 0, protowire.ParseError(n)
	}
	switch f.kind {
	case protoreflect.StringKind:
		return value.OfStringBytes(b), n, nil
	case protoreflect.BytesKind:
		return value.OfBytes(b), n, nil
	}
	v, err := f.object(b, depth)
	return v, n, err
}

func (f *field) object(p []byte, depth int) (value.Value, error) {
	vals := make([]value.Value, len(f.msg.fields))
	if err := f.msg.read(p, vals, depth+1); err != nil {
		return value.Value{}, err
	}
	ms := make([]value.Member, 0, len(vals))
	for i, v := range vals {
		if v.Present() {
			ms = append(ms, value.Member{Name: f.msg.fields[i].name, Val: v})
		}
	}
	return value.OfObject(ms), nil
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	}
	return protowire.VarintType
}

func (f *field) varint(x uint64) value.Value {
	switch f.kind {
	case protoreflect.BoolKind:
		return value.OfBool(x != 0)
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return value.OfInt(protowire.DecodeZigZag(x))
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return value.OfInt(int64(int32(x)))
	case protoreflect.Uint32Kind:
		return value.OfInt(int64(uint32(x)))
	case protoreflect.Uint64Kind:
		return value.OfUint(x)
	}
	return value.OfInt(int64(x))
}

func (f *field) fixed32(x uint32) value.Value {
	switch f.kind {
	case protoreflect.FloatKind:
		return value.OfFloat(float64(math.Float32frombits(x)))
	case protoreflect.Sfixed32Kind:
		return value.OfInt(int64(int32(x)))
	}
	return value.OfInt(int64(x))
}

func (f *field) fixed64(x uint64) value.Value {
	switch f.kind {
	case protoreflect.DoubleKind:
		return value.OfFloat(math.Float64frombits(x))
	case protoreflect.Sfixed64Kind:
		return value.OfInt(int64(x))
	}
	return value.OfUint(x)
}

// list gathers the elements of a repeated field, or the entries of a map.
// Numbers stay numbers.
type list struct {
	ints   []int64
	floats []float64
	vals   []value.Value
	ms     []value.Member
}

func (l *list) add(v value.Value) {
	switch {
	case v.Kind() == value.Int && l.vals == nil && l.floats == nil:
		l.ints = append(l.ints, v.Int())
	case v.Kind() == value.Float && l.vals == nil && l.ints == nil:
		l.floats = append(l.floats, v.Float())
	default: // a Uint among Ints
		for _, i := range l.ints {
			l.vals = append(l.vals, value.OfInt(i))
		}
		l.ints = nil
		l.vals = append(l.vals, v)
	}
}

func (l *list) value(isMap bool) value.Value {
	switch {
	case isMap:
		return value.OfObject(l.ms)
	case l.ints != nil:
		return value.OfInts(l.ints)
	case l.floats != nil:
		return value.OfFloats(l.floats)
	}
	return value.OfArray(l.vals)
}

// element reads one element, a packed run of them or the entry of a map.
func (f *field) element(num protowire.Number, typ protowire.Type, p []byte, l *list, depth int) (int, error) {
	if f.isMap {
		v, n, err := f.one(num, typ, p, depth)
		if err == nil {
			l.set(v)
		}
		return n, err
	}
	want := wireType(f.kind)
	if typ == want || typ != protowire.BytesType {
		v, n, err := f.one(num, typ, p, depth)
		if err == nil {
			l.add(v)
		}
		return n, err
	}
	packed, n := protowire.ConsumeBytes(p)
	if n < 0 {
		return 0, protowire.ParseError(n)
	}
	for len(packed) > 0 {
		v, m, err := f.one(num, want, packed, depth)
		if err != nil {
			return 0, err
		}
		l.add(v)
		packed = packed[m:]
	}
	return n, nil
}

// set adds an entry of a map; of equal keys the last one counts.
func (l *list) set(entry value.Value) {
	k, _ := entry.Lookup("key")
	if v, ok := entry.Lookup("value"); ok {
		l.ms = append(l.ms, value.Member{Name: k.String(), Val: v})
	}
}
