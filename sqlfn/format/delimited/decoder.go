package delimited

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Decoder makes rows out of delimited text. One goroutine uses it.
type Decoder struct {
	cfg    format.Config
	delim  []byte
	quoted bool
	texts  format.TextReader
	arena  value.Arena
	names  []string // of the cells by position
	header []byte   // the line that names were read from
	slots  []int    // by position: column of the schema, or one of:
	cells  [][]byte // of the line at hand
}

const (
	unwanted = -1
	inRest   = -2
)

// NewDecoder compiles a decoder. quoted makes it read CSV: a cell may stand in
// quotes, and then hold delimiters and line ends; a quote in it is doubled.
func NewDecoder(c format.Config, quoted bool) (*Decoder, error) {
	texts, err := format.NewTextReader(c)
	if err != nil {
		return nil, err
	}
	d := &Decoder{cfg: c, delim: []byte(delimiter(c)), quoted: quoted, texts: texts}
	switch {
	case c.Fields != nil:
		d.name(c.Fields)
	case c.Declared != nil:
		d.name(c.Declared.Names())
	}
	return d, nil
}

// name sets what the cells are called.
func (d *Decoder) name(names []string) {
	d.names, d.slots = names, make([]int, len(names))
	for i, n := range names {
		if d.slots[i] = d.cfg.Schema.Slot(n); d.slots[i] < 0 && d.cfg.Schema.Open {
			d.slots[i] = inRest
		}
	}
}

// Decode implements format.Decoder.
func (d *Decoder) Decode(p []byte, into *row.Batch) error {
	n := len(into.Rows)
	var first error
	d.DecodeLines(p, into, func(err error) {
		if first == nil {
			first = err
		}
	})
	if first == nil && len(bytes.TrimSpace(p)) == 0 {
		first = errors.New("cannot parse delimited text: the text is empty")
	}
	if first != nil {
		clear(into.Rows[n:])
		into.Rows = into.Rows[:n]
	}
	return first
}

// DecodeLines implements format.LinesDecoder. With HasHeader the first line
// names the columns of the others.
func (d *Decoder) DecodeLines(p []byte, into *row.Batch, fail func(err error)) {
	header := d.cfg.HasHeader
	for len(p) > 0 {
		end, _ := LineEnd(p, d.quoted)
		line := bytes.TrimRight(p[:end], "\r\n")
		p = p[end:]
		switch {
		case len(line) == 0:
		case header:
			header = false
			d.readHeader(line)
		default:
			r, err := d.row(line)
			if err != nil {
				fail(err)
				continue
			}
			into.Rows = append(into.Rows, r)
		}
	}
}

// LineEnd returns the length of the first line of p with its line end; whole is
// false if there is no line end. In CSV (quoted) one in quotes does not count.
func LineEnd(p []byte, quoted bool) (n int, whole bool) {
	for odd := false; ; {
		k := bytes.IndexByte(p[n:], '\n')
		if k < 0 {
			return len(p), false
		}
		if quoted {
			odd = odd != (bytes.Count(p[n:n+k], []byte{'"'})%2 == 1)
		}
		if n += k + 1; !odd {
			return n, true
		}
	}
}

func (d *Decoder) readHeader(line []byte) {
	if d.header != nil && bytes.Equal(line, d.header) {
		return
	}
	d.header = bytes.Clone(line)
	d.split(d.header)
	names := make([]string, len(d.cells))
	for i, c := range d.cells {
		names[i] = string(bytes.TrimSpace(c))
	}
	names[0] = string(bytes.TrimPrefix([]byte(names[0]), []byte("\ufeff"))) // Windows programs begin files with this mark
	d.name(names)
}

// row decodes one line.
func (d *Decoder) row(line []byte) (row.Row, error) {
	d.split(line)
	if len(d.cells) > len(d.names) && d.cfg.Declared == nil && !d.cfg.HasHeader && d.cfg.Fields == nil {
		names := slices.Clone(d.names)
		for i := len(names); i < len(d.cells); i++ {
			names = append(names, "col"+strconv.Itoa(i))
		}
		d.name(names)
	}
	r := row.Row{Cols: make([]value.Value, len(d.cfg.Schema.Cols))}
	var rest []value.Member
	for i, cell := range d.cells[:min(len(d.cells), len(d.names))] {
		slot := d.slots[i]
		if slot == unwanted {
			continue
		}
		cell = d.arena.Copy(cell)
		if slot == inRest {
			rest = append(rest, value.Member{Name: d.names[i], Val: value.OfStringBytes(cell)})
			continue
		}
		v, err := d.texts.Read(d.names[i], cell, d.cfg.Schema.Cols[slot].Type)
		if err != nil {
			return r, err
		}
		r.Cols[slot] = v
	}
	if d.cfg.Schema.Open {
		r.Rest = value.OfObject(rest)
	}
	return r, d.complete(&r)
}

// complete checks under STRICT_VALIDATION that every declared column is there.
func (d *Decoder) complete(r *row.Row) error {
	if !d.cfg.Strict || d.cfg.Declared == nil {
		return nil
	}
	for _, c := range d.cfg.Declared.Cols {
		if at := slices.Index(d.names, c.Name); at < 0 || at >= len(d.cells) {
			return errors.New("error in preprocessor: field " + c.Name + " is not found")
		}
	}
	return nil
}

// split cuts a line into d.cells. What stands between a closing quote and the
// next delimiter is dropped.
func (d *Decoder) split(line []byte) {
	d.cells = d.cells[:0]
	for more := true; more; {
		var cell []byte
		quoted := d.quoted && len(line) > 0 && line[0] == '"'
		if quoted {
			cell, line = unquote(line)
		}
		var before []byte
		before, line, more = bytes.Cut(line, d.delim)
		if !quoted {
			cell = before
		}
		d.cells = append(d.cells, cell)
	}
}

// unquote reads the quoted cell that a line begins with and returns what
// follows it.
func unquote(line []byte) (cell, after []byte) {
	line = line[1:]
	end := bytes.IndexByte(line, '"')
	switch {
	case end < 0:
		return line, nil
	case end+1 >= len(line) || line[end+1] != '"':
		return line[:end], line[end+1:]
	}
	for at := 0; ; { // the cell has quotes in it: it is copied
		n := bytes.IndexByte(line[at:], '"')
		if n < 0 {
			return append(cell, line[at:]...), nil
		}
		cell = append(cell, line[at:at+n]...)
		at += n + 1
		if at >= len(line) || line[at] != '"' {
			return cell, line[at:]
		}
		cell = append(cell, '"')
		at++
	}
}
