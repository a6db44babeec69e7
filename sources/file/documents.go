package file

import (
	"bytes"
	"io"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

const chunkRows = 512 // objects delivered together

// documents delivers a file that holds a JSON object, an array of objects, or
// several of them, each object on a line of its own.
func (r *reader) documents(in io.Reader) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	c := chunk{reader: r, text: b}
	for i := jsontext.Space(b, 0); i < len(b); i = jsontext.Space(b, i) {
		if b[i] == '[' {
			i, err = c.elements(i)
		} else {
			i, err = c.add(i)
		}
		if err != nil {
			return err
		}
		if i < 0 {
			return c.broken()
		}
	}
	return c.flush()
}

// chunk collects documents for one message.
type chunk struct {
	*reader
	text  []byte // the file
	lines []byte // documents, one a line
	count int
	end   int // behind the last document that was added
}

// elements adds the elements of the array that begins at text[i].
func (c *chunk) elements(i int) (int, error) {
	i = jsontext.Space(c.text, i+1)
	if i < len(c.text) && c.text[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = c.add(i); i < 0 || err != nil {
			return i, err
		}
		i = jsontext.Space(c.text, i)
		switch {
		case i < len(c.text) && c.text[i] == ',':
			i = jsontext.Space(c.text, i+1)
		case i < len(c.text) && c.text[i] == ']':
			return i + 1, nil
		default:
			return jsontext.Bad(i), nil
		}
	}
}

// add takes the document that begins at text[i], unless it was delivered
// before a restart.
func (c *chunk) add(i int) (int, error) {
	end := jsontext.Skip(c.text, i)
	if end < 0 {
		return end, nil
	}
	c.end = end
	if int64(end) <= c.at.Offset {
		return end, nil
	}
	c.count++
	if c.single() {
		c.at.Offset, c.count = int64(end), 0
		c.at.Line = bytes.Count(c.text[:i], []byte{'\n'}) + 1
		return end, c.paced(sources.Message{Payload: c.text[i:end:end], Meta: c.numbered()})
	}
	from := len(c.lines)
	c.lines = append(append(c.lines, c.text[i:end]...), '\n')
	for doc := c.lines[from : len(c.lines)-1]; ; { // a line end in a document is nothing but space
		n := bytes.IndexByte(doc, '\n')
		if n < 0 {
			break
		}
		doc[n] = ' '
		doc = doc[n+1:]
	}
	if c.count == chunkRows {
		return end, c.flush()
	}
	return end, nil
}

// flush delivers what was collected.
func (c *chunk) flush() error {
	if c.count == 0 {
		return nil
	}
	m := sources.Message{Payload: c.lines, Lines: true, Meta: c.meta}
	c.at.Offset, c.lines, c.count = int64(c.end), c.lines[:0], 0
	return c.send(m)
}

// broken delivers what comes behind the last good document: the decoder says
// what is wrong with it.
func (c *chunk) broken() error {
	if err := c.flush(); err != nil {
		return err
	}
	if c.at.Offset >= int64(len(c.text)) {
		return nil
	}
	rest := c.text[c.end:]
	if len(bytes.TrimSpace(rest)) == 0 {
		rest = []byte("[") // an array that does not end
	}
	c.at.Offset = int64(len(c.text))
	return c.send(sources.Message{Payload: rest, Meta: c.meta})
}
