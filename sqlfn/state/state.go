// Package state saves what operators remember: a small binary codec for values
// and the Store interface behind checkpoints.
package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Stateful is implemented by whatever must survive a restart. Load gets what
// Save wrote; it replaces the whole state.
type Stateful interface {
	Save(w *Writer) error
	Load(r *Reader) error
}

// Store keeps one checkpoint a rule. Commit is all or nothing.
type Store interface {
	Commit(ctx context.Context, rule string, epoch uint64, parts map[string][]byte) error
	Latest(ctx context.Context, rule string) (epoch uint64, parts map[string][]byte, err error) // nil parts: none
	Drop(ctx context.Context, rule string) error
}

// Writer appends values to a snapshot. Its methods cannot fail.
type Writer struct{ buf []byte }

// Bytes returns what was written.
func (w *Writer) Bytes() []byte { return w.buf }

// Int writes a signed number.
func (w *Writer) Int(i int64) { w.buf = binary.AppendVarint(w.buf, i) }

// Bool writes a flag.
func (w *Writer) Bool(b bool) {
	if b {
		w.Int(1)
	} else {
		w.Int(0)
	}
}

// Float writes a float64.
func (w *Writer) Float(f float64) {
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(f))
}

// String writes a length and the text.
func (w *Writer) String(s string) {
	w.Int(int64(len(s)))
	w.buf = append(w.buf, s...)
}

// Value writes any value.
func (w *Writer) Value(v value.Value) {
	w.buf = append(w.buf, byte(v.Kind()))
	switch v.Kind() {
	case value.Null:
		w.Bool(v.Present())
	case value.Bool:
		w.Bool(v.Bool())
	case value.Int:
		w.Int(v.Int())
	case value.Uint:
		w.buf = binary.LittleEndian.AppendUint64(w.buf, v.Uint())
	case value.Float:
		w.Float(v.Float())
	case value.String, value.Bytes:
		w.String(string(v.Bytes()))
	case value.Time:
		b, err := v.Time().MarshalBinary()
		if err != nil {
			b, _ = v.Time().UTC().MarshalBinary()
		}
		w.String(string(b))
	case value.Array, value.Ints, value.Floats:
		w.Int(int64(v.Len()))
		for i := range v.Len() {
			w.Value(v.At(i))
		}
	case value.Object:
		w.Int(int64(v.Len()))
		for _, m := range v.Members() {
			w.String(m.Name)
			w.Value(m.Val)
		}
	}
}

// Row writes a row with its metadata.
func (w *Writer) Row(r *row.Row) {
	w.Int(r.TS)
	w.Int(int64(r.In))
	w.Int(int64(len(r.Cols)))
	for _, v := range r.Cols {
		w.Value(v)
	}
	w.Value(r.Rest)
	var meta value.Value
	if r.Meta != nil {
		meta = r.Meta.All()
	}
	w.Value(meta)
}

// Reader reads what a Writer wrote, in the same order. The first failure makes
// every later read return zero values; Err tells.
type Reader struct {
	buf []byte
	err error
}

// NewReader reads from a snapshot.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns the first failure.
func (r *Reader) Err() error { return r.err }

// Fail records a failure found by the caller, such as an unknown version.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err, r.buf = fmt.Errorf(format, args...), nil
	}
}

var errShort = errors.New("snapshot ends early")

func (r *Reader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.buf)) {
		r.err, r.buf = errShort, nil
	}
	if r.err != nil {
		return nil
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b
}

// Int reads a signed number.
func (r *Reader) Int() int64 {
	i, n := binary.Varint(r.buf)
	if n <= 0 {
		r.take(-1)
		return 0
	}
	r.take(n)
	return i
}

// Len reads a count written by Int and refuses one that the rest of the
// snapshot cannot hold.
func (r *Reader) Len() int {
	n := r.Int()
	if n < 0 || n > int64(len(r.buf)) {
		r.take(-1)
		return 0
	}
	return int(n)
}

// Bool reads a flag.
func (r *Reader) Bool() bool { return r.Int() != 0 }

// Float reads a float64.
func (r *Reader) Float() float64 { return math.Float64frombits(r.bits()) }

func (r *Reader) bits() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// String reads a text.
func (r *Reader) String() string { return string(r.take(r.Len())) }

// Value reads a value.
func (r *Reader) Value() value.Value {
	k := r.take(1)
	if k == nil {
		return value.Value{}
	}
	switch value.Kind(k[0]) {
	case value.Null:
		if r.Bool() {
			return value.ExplicitNull
		}
		return value.Value{}
	case value.Bool:
		return value.OfBool(r.Bool())
	case value.Int:
		return value.OfInt(r.Int())
	case value.Uint:
		return value.OfUint(r.bits())
	case value.Float:
		return value.OfFloat(r.Float())
	case value.String:
		return value.OfString(r.String())
	case value.Bytes:
		return value.OfBytes([]byte(r.String()))
	case value.Time:
		var t time.Time
		if err := t.UnmarshalBinary([]byte(r.String())); err != nil {
			r.Fail("snapshot: %v", err)
		}
		return value.OfTime(t)
	case value.Array:
		return value.OfArray(readAll(r, (*Reader).Value))
	case value.Ints:
		return value.OfInts(readAll(r, func(r *Reader) int64 { return r.Value().Int() }))
	case value.Floats:
		return value.OfFloats(readAll(r, func(r *Reader) float64 { return r.Value().Float() }))
	case value.Object:
		return value.OfObject(readAll(r, func(r *Reader) value.Member { return value.Member{Name: r.String(), Val: r.Value()} }))
	}
	r.Fail("snapshot: unknown kind of value %d", k[0])
	return value.Value{}
}

func readAll[T any](r *Reader, one func(*Reader) T) []T {
	xs := make([]T, r.Len())
	for i := range xs {
		xs[i] = one(r)
	}
	return xs
}

// Row reads a row.
func (r *Reader) Row() row.Row {
	out := row.Row{TS: r.Int(), In: int32(r.Int())}
	out.Cols = readAll(r, (*Reader).Value)
	out.Rest = r.Value()
	if meta := r.Value(); !meta.IsNull() {
		out.Meta = row.ObjectMeta{Obj: meta}
	}
	return out
}

// Memory is a Store that lives as long as the process.
type Memory struct {
	mu    sync.Mutex
	rules map[string]checkpoint
}

type checkpoint struct {
	epoch uint64
	parts map[string][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{rules: map[string]checkpoint{}} }

// Commit implements Store.
func (m *Memory) Commit(_ context.Context, rule string, epoch uint64, parts map[string][]byte) error {
	kept := make(map[string][]byte, len(parts))
	for k, v := range parts {
		kept[k] = slices.Clone(v)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rules[rule] = checkpoint{epoch, kept}
	return nil
}

// Latest implements Store.
func (m *Memory) Latest(_ context.Context, rule string) (uint64, map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.rules[rule]
	return c.epoch, c.parts, nil
}

// Drop implements Store.
func (m *Memory) Drop(_ context.Context, rule string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rules, rule)
	return nil
}
