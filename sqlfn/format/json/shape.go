package json

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// shape remembers which keys came in which order, spaces included. Events of
// one stream mostly look alike: then a key is recognised by comparing its text
// with the one expected, and nothing is looked up.
type shape struct {
	members []member // in the order of the objects seen; a superset when they differ
	missed  int      // keys that had no place any more
	extra   member   // the answer for those
}

// member is a key as it stands in the text: `{"deviceId":` or `,"humidity": `.
type member struct {
	text []byte
	head uint64 // the first 8 bytes of text
	mask uint64 // those of head that count, if text is shorter
	tail uint64 // the last 8 bytes of text, if it is longer
	col  int    // position of the column, or one of unwanted, inRest, spilled
	rank int    // where it stands in rest, if col is inRest
}

const (
	unwanted = -1
	inRest   = -2
	spilled  = -3 // in rest, but too many names are known to give this one a place

	maxMembers = 128  // remembered; objects with more fall back to looking up
	maxMissed  = 1024 // forget all after that many
	lookAhead  = 16   // optional members that may be missing in a row
)

func newMember(text []byte, col, rank int) member {
	m := member{text: text, col: col, rank: rank, mask: ^uint64(0)}
	var first [8]byte
	n := copy(first[:], text)
	m.head = binary.LittleEndian.Uint64(first[:])
	if n < 8 {
		m.mask = 1<<(8*n) - 1
	} else {
		m.tail = binary.LittleEndian.Uint64(text[len(text)-8:])
	}
	return m
}

// at tells whether the member's key stands at p[i]. Nearly all keys are no
// longer than 16 bytes: two comparisons.
func (m *member) at(p []byte, i int) bool {
	n := len(m.text)
	if len(p)-i < n+8 {
		return bytes.HasPrefix(p[i:], m.text)
	}
	if binary.LittleEndian.Uint64(p[i:])&m.mask != m.head {
		return false
	}
	if n <= 8 {
		return true
	}
	return binary.LittleEndian.Uint64(p[i+n-8:]) == m.tail &&
		(n <= 16 || bytes.HasPrefix(p[i+8:], m.text[8:n-8]))
}

// begin starts an object. When most keys no longer fit in, it is time to learn
// again.
func (s *shape) begin() {
	if s.missed > maxMissed {
		s.members, s.missed = nil, 0
	}
}

// member finds a key, expected at place k of the shape, and returns its place.
func (d *Decoder) member(key []byte, k int) (int, *member) {
	s := &d.shape
	if k == 0 { // only this text has the brace: it must stay in front
		col, rank := d.resolve(key)
		if len(s.members) == 0 {
			s.members = append(s.members, member{})
		}
		s.members[0] = newMember(append(s.members[0].text[:0], key...), col, rank)
		return 0, &s.members[0]
	}
	for j := k + 1; j < min(k+lookAhead, len(s.members)); j++ {
		if bytes.Equal(key, s.members[j].text) {
			return j, &s.members[j]
		}
	}
	col, rank := d.resolve(key)
	if len(s.members) >= maxMembers {
		if k < maxMembers {
			s.missed++
		}
		s.extra = member{col: col, rank: rank}
		return k - 1, &s.extra
	}
	s.members = slices.Insert(s.members, k, newMember(bytes.Clone(key), col, rank))
	return k, &s.members[k]
}

// resolve tells what to do with a key.
func (d *Decoder) resolve(key []byte) (col, rank int) {
	name := keyName(key)
	if col, ok := d.index[string(name)]; ok {
		return col, 0
	}
	if !d.open {
		return unwanted, 0
	}
	rank, known := d.rest.rank(name)
	switch {
	case rank < 0:
		d.rest.spilling = string(name)
		return spilled, 0
	case !known:
		d.shape.shift(rank)
	}
	return inRest, rank
}

// keyName cuts the name out of what step walked over.
func keyName(key []byte) []byte {
	quote := bytes.IndexByte(key, '"')
	end, plain := jsontext.String(key, quote)
	name := key[quote+1 : end-1]
	if !plain {
		name = jsontext.AppendUnquoted(nil, name)
	}
	return name
}

// shift makes room for a new name at a rank.
func (s *shape) shift(rank int) {
	for i := range s.members {
		if s.members[i].col == inRest && s.members[i].rank >= rank {
			s.members[i].rank++
		}
	}
}

// rest holds the members that have no column: every name ever seen has a
// place, in the order of the names, so that the result needs no sorting.
type rest struct {
	names    []string
	vals     []value.Value  // absent where this object has no such member
	spill    []value.Member // those that have no place
	spilling string         // name of the next one
	slab     []value.Member
	chunk    int // members of the next slab
}

const (
	maxNames = 512 // with a place
	lastSlab = 512 // members of a slab under load
)

// rank finds the place of a name, or makes one; -1 if there are too many.
func (r *rest) rank(name []byte) (at int, known bool) {
	at, known = slices.BinarySearchFunc(r.names, name, func(s string, t []byte) int {
		return strings.Compare(s, text(t))
	})
	if known {
		return at, true
	}
	if len(r.names) >= maxNames {
		return -1, false
	}
	r.names = slices.Insert(r.names, at, string(name))
	r.vals = slices.Insert(r.vals, at, value.Value{})
	return at, false
}

// take returns the members that were found as an Object and forgets them.
func (r *rest) take() value.Value {
	n := len(r.spill)
	for i := range r.vals {
		if r.vals[i].Present() {
			n++
		}
	}
	if n == 0 {
		return value.OfSorted(nil)
	}
	ms := r.room(n)
	for i := range r.vals {
		if r.vals[i].Present() {
			ms = append(ms, value.Member{Name: r.names[i], Val: r.vals[i]})
			r.vals[i] = value.Value{}
		}
	}
	if len(r.spill) == 0 {
		return value.OfSorted(ms)
	}
	ms = append(ms, r.spill...)
	r.clear()
	return value.OfObject(ms)
}

// room carves space for n members from the slab.
func (r *rest) room(n int) []value.Member {
	if len(r.slab) < n {
		r.chunk = min(max(2*r.chunk, firstChunk*n), lastSlab)
		r.slab = make([]value.Member, max(n, r.chunk))
	}
	ms := r.slab[:0:n]
	r.slab = r.slab[n:]
	return ms
}

// clear forgets what was found in an object.
func (r *rest) clear() {
	clear(r.vals)
	clear(r.spill)
	r.spill = r.spill[:0]
}
