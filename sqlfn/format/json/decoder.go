package json

import (
	"bytes"
	"errors"
	"math"
	"time"
	"unsafe"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// Decoder makes rows out of JSON text for one schema. One goroutine uses it.
type Decoder struct {
	cols     []column       // wanted ones by slot; behind them those that are only checked
	width    int            // number of slots of a row
	index    map[string]int // column name to position in cols
	open     bool
	strict   bool
	readTime func(text string) (time.Time, error)
	shape    shape
	rest     rest
	slab     []value.Value
	chunk    int // rows of the next slab
	parser   value.JSONParser
	err      error // why a column refused its value; set when a read returns refused
}

// refused is what column reads return, in place of an index, when the text is
// JSON but not of the column's type. No text is long enough to have this mark.
const refused = math.MinInt

const (
	firstChunk = 4   // rows of the first slab: an idle stream needs no more
	lastChunk  = 128 // rows of a slab under load: a row that is kept holds no more than that
)

// NewDecoder compiles a decoder for the columns c.Schema wants.
func NewDecoder(c format.Config) (*Decoder, error) {
	readTime, err := c.TimeReader()
	if err != nil {
		return nil, err
	}
	d := &Decoder{
		width:    len(c.Schema.Cols),
		index:    map[string]int{},
		open:     c.Schema.Open,
		strict:   c.Strict,
		readTime: readTime,
		chunk:    firstChunk,
	}
	d.parser.IntWhole = c.IntWhole
	for _, f := range c.Schema.Cols {
		d.add(f, c)
	}
	if c.Strict && c.Declared != nil {
		for _, f := range c.Declared.Cols {
			if _, wanted := d.index[f.Name]; !wanted {
				d.add(f, c)
			}
		}
	}
	return d, nil
}

func (d *Decoder) add(f value.Field, c format.Config) {
	d.index[f.Name] = len(d.cols)
	d.cols = append(d.cols, compile(f.Name, f.Type, c))
}

// Decode implements format.Decoder.
func (d *Decoder) Decode(p []byte, into *row.Batch) error {
	d.parser.Detached = false
	n := len(into.Rows)
	i := jsontext.Space(p, 0)
	if i == len(p) {
		return jsontext.SyntaxError(nil, jsontext.Bad(0))
	}
	for i < len(p) {
		if i = d.document(p, i, into); i < 0 {
			into.Rows = drop(into.Rows, n)
			return d.failure(p, i)
		}
		i = jsontext.Space(p, i)
	}
	return nil
}

// DecodeLines implements format.LinesDecoder.
func (d *Decoder) DecodeLines(p []byte, into *row.Batch, fail func(err error)) {
	d.parser.Detached = true
	for i := jsontext.Space(p, 0); i < len(p); i = jsontext.Space(p, i) {
		n, start := len(into.Rows), i
		if i = d.document(p, i, into); i >= 0 {
			if i = lineEnd(p, i); i >= 0 {
				continue
			}
		}
		into.Rows = drop(into.Rows, n)
		line := p[start:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if i != refused {
			i += start // a mark is a complement: this moves it to the left
		}
		fail(d.failure(line, i))
		i = start + len(line)
	}
}

// lineEnd checks that nothing else follows on the line.
func lineEnd(p []byte, i int) int {
	for ; i < len(p) && p[i] != '\n'; i++ {
		if p[i] != ' ' && p[i] != '\r' && p[i] != '\t' {
			return jsontext.Bad(i)
		}
	}
	return i
}

// drop takes rows back so that they do not keep their memory alive.
func drop(rows []row.Row, n int) []row.Row {
	clear(rows[n:])
	return rows[:n]
}

func (d *Decoder) failure(p []byte, mark int) error {
	if mark == refused {
		return d.err
	}
	return jsontext.SyntaxError(p, mark)
}

// document decodes an object, or an array of objects, that begins at p[i].
func (d *Decoder) document(p []byte, i int, into *row.Batch) int {
	switch p[i] {
	case '{':
		return d.row(p, i, into)
	case '[':
	default:
		return d.notObject(p, i)
	}
	i = jsontext.Space(p, i+1)
	if i < len(p) && p[i] == ']' {
		return i + 1
	}
	for {
		if i >= len(p) || p[i] != '{' {
			return d.notObject(p, i)
		}
		if i = d.row(p, i, into); i < 0 {
			return i
		}
		i = jsontext.Space(p, i)
		if i < len(p) && p[i] == ',' {
			i = jsontext.Space(p, i+1)
			continue
		}
		if i < len(p) && p[i] == ']' {
			return i + 1
		}
		return jsontext.Bad(i)
	}
}

// notObject refuses a document that is JSON but has no columns.
func (d *Decoder) notObject(p []byte, i int) int {
	if end := jsontext.Skip(p, i); end < 0 {
		return end
	}
	d.err = errors.New("cannot parse JSON: expected an object or an array of objects, found " + kindAt(p, i))
	return refused
}

// row decodes one object.
func (d *Decoder) row(p []byte, i int, into *row.Batch) int {
	if len(d.slab) < len(d.cols) {
		d.slab = make([]value.Value, d.chunk*len(d.cols))
		d.chunk = min(d.chunk*2, lastChunk)
	}
	cols := d.slab[:len(d.cols):len(d.cols)]
	if i = d.object(p, i, cols); i >= 0 && d.strict {
		i = d.complete(cols, i)
	}
	if i < 0 {
		clear(cols)
		d.rest.clear()
		return i
	}
	d.slab = d.slab[len(cols):]
	r := row.Row{Cols: cols[:d.width:d.width]}
	if d.open {
		r.Rest = d.rest.take()
	}
	into.Rows = append(into.Rows, r)
	return i
}

// complete checks that every declared column was there.
func (d *Decoder) complete(cols []value.Value, i int) int {
	for k := range cols {
		if !cols[k].Present() {
			d.err = errors.New("error in preprocessor: field " + d.cols[k].name + " is not found")
			return refused
		}
	}
	return i
}

// object walks over the members of the object that begins at p[i].
func (d *Decoder) object(p []byte, i int, cols []value.Value) int {
	d.shape.begin()
	for k := 0; ; k++ {
		var m *member
		if k < len(d.shape.members) {
			m = &d.shape.members[k]
		}
		if m != nil && m.at(p, i) {
			i += len(m.text)
		} else {
			if i < len(p) && p[i] == '}' {
				return i + 1
			}
			val, key := step(p, i, k == 0)
			if key == nil {
				return val
			}
			k, m = d.member(key, k)
			i = val
		}
		switch {
		case m.col >= 0:
			i = d.read(p, i, &d.cols[m.col], &cols[m.col])
		case m.col == unwanted:
			i = jsontext.Skip(p, i)
		case m.col == inRest:
			d.rest.vals[m.rank], i = d.parser.Parse(p, i)
		default:
			i = d.spill(p, i)
		}
		if i < 0 {
			return i
		}
	}
}

// spill keeps a member that has neither a column nor a place in rest.
func (d *Decoder) spill(p []byte, i int) int {
	m := value.Member{Name: d.rest.spilling}
	m.Val, i = d.parser.Parse(p, i)
	d.rest.spill = append(d.rest.spill, m)
	return i
}

// read decodes the value at p[i] into a column.
func (d *Decoder) read(p []byte, i int, c *column, dst *value.Value) int {
	if c.read == nil {
		*dst, i = d.parser.Parse(p, i)
		return i
	}
	if i < len(p) && p[i] == 'n' {
		*dst = value.ExplicitNull
		return jsontext.Literal(p, i)
	}
	*dst, i = c.read(d, p, i, c)
	return i
}

// step walks from the end of a value, or from the opening brace, to the next
// value. key is all it walked over; nil if the object ends, or is broken.
func step(p []byte, i int, first bool) (end int, key []byte) {
	at := jsontext.Space(p, i)
	if at >= len(p) {
		return jsontext.Bad(at), nil
	}
	switch {
	case p[at] == '}' && !first:
		return at + 1, nil
	case first:
		if at = jsontext.Space(p, i+1); at < len(p) && p[at] == '}' {
			return at + 1, nil
		}
	case p[at] == ',':
		at = jsontext.Space(p, at+1)
	default:
		return jsontext.Bad(at), nil
	}
	_, val, _ := jsontext.Key(p, at)
	if val < 0 {
		return val, nil
	}
	return val, p[i:val]
}

// text views bytes that are never written again as a string.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
