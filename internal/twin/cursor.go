package twin

import (
	"bytes"

	"github.com/edgesluice/sluice/sqlfn/value/jsontext"
)

// members walks over an object of JSON text:
//
//	m := open(p, i)
//	for m.next() { use m.key and the value at m.val }
//	if m.err != nil { ... }
type members struct {
	p   []byte
	end int // behind the last member
	key []byte
	val int
	err error
}

// check refuses a text that is not one JSON document.
func check(p []byte) error {
	end := jsontext.Skip(p, 0)
	if end >= 0 {
		if end = jsontext.Space(p, end); end == len(p) {
			return nil
		}
		end = jsontext.Bad(end)
	}
	return jsontext.SyntaxError(p, end)
}

// open begins at the brace p[i] of a text that was checked.
func open(p []byte, i int) members { return members{p: p, end: i} }

// next goes to the next member; false: there is none, or the text is not JSON.
func (m *members) next() bool {
	i := m.end
	if m.val != 0 {
		if i = jsontext.Skip(m.p, m.val); i < 0 {
			return m.fail(i)
		}
		i = jsontext.Space(m.p, i)
		if i >= len(m.p) || m.p[i] != ',' && m.p[i] != '}' {
			return m.fail(jsontext.Bad(i))
		}
	}
	last := m.p[i]
	i = jsontext.Space(m.p, i+1)
	switch {
	case last == '}':
		return false
	case i < len(m.p) && m.p[i] == '}' && last == '{':
		return false
	}
	end, val, plain := jsontext.Key(m.p, i)
	if val < 0 {
		return m.fail(val)
	}
	m.key, m.val = m.p[i+1:end-1], val
	if !plain {
		m.key = jsontext.AppendUnquoted(nil, m.key)
	}
	return true
}

func (m *members) fail(bad int) bool {
	m.err = jsontext.SyntaxError(m.p, bad)
	return false
}

// is compares a key in any case: KubeEdge's own parts do not agree on it.
func is(key []byte, name string) bool {
	return string(key) == name || len(key) == len(name) && bytes.EqualFold(key, []byte(name))
}

// text is the inside of a string, or the bare text of any other value; nil for
// null.
func text(p []byte, i int) []byte {
	end := jsontext.Skip(p, i)
	switch {
	case end < 0 || p[i] == 'n':
		return nil
	case p[i] != '"':
		return p[i:end]
	}
	_, plain := jsontext.String(p, i)
	if plain {
		return p[i+1 : end-1]
	}
	return jsontext.AppendUnquoted(nil, p[i+1:end-1])
}
