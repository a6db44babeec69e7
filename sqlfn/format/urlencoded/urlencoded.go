// Package urlencoded is the format of HTML forms: a=1&b=x. Values are text; a
// key that is there several times is an array.
package urlencoded

import (
	"fmt"
	"net/url"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	format.Register(&format.Format{
		Name:       "urlencoded",
		Doc:        param.T("Keys and values as in HTML forms: a=1&b=x.", "HTML 表单形式的键值：a=1&b=x。"),
		NewDecoder: newDecoder,
		NewEncoder: func(format.Config) (format.Encoder, error) { return encoder{}, nil },
	})
}

type decoder struct {
	schema *row.Schema
	texts  format.TextReader
}

func newDecoder(c format.Config) (format.Decoder, error) {
	texts, err := format.NewTextReader(c)
	return &decoder{c.Schema, texts}, err
}

// Decode implements format.Decoder.
func (d *decoder) Decode(p []byte, into *row.Batch) error {
	form, err := url.ParseQuery(string(p))
	if err != nil {
		return fmt.Errorf("cannot parse urlencoded text: %w", err)
	}
	ms := make([]value.Member, 0, len(form))
	for name, texts := range form {
		v, wanted, err := d.value(name, texts)
		if err != nil {
			return err
		}
		if wanted {
			ms = append(ms, value.Member{Name: name, Val: v})
		}
	}
	into.Rows = append(into.Rows, row.FromObject(d.schema, value.OfObject(ms)))
	return nil
}

func (d *decoder) value(name string, texts []string) (v value.Value, wanted bool, err error) {
	var typ value.Type
	if slot := d.schema.Slot(name); slot >= 0 {
		typ = d.schema.Cols[slot].Type
	} else if !d.schema.Open {
		return v, false, nil
	}
	if len(texts) == 1 {
		v, err = d.texts.Read(name, []byte(texts[0]), typ)
		return v, true, err
	}
	var elem value.Type
	switch {
	case typ.Elem != nil:
		elem = *typ.Elem
	case typ.Kind != value.Array && typ.Kind != value.Null:
		return v, true, fmt.Errorf("%s: there are %d values, the column is of type %s", name, len(texts), typ)
	}
	vs := make([]value.Value, len(texts))
	for i, s := range texts {
		if vs[i], err = d.texts.Read(name, []byte(s), elem); err != nil {
			return v, true, err
		}
	}
	return value.OfArray(vs), true, nil
}

type encoder struct{}

// EncodeRow implements format.Encoder: keys sorted, an array gives its key
// several times.
func (encoder) EncodeRow(dst []byte, s *row.Schema, r *row.Row) ([]byte, error) {
	form := url.Values{}
	for _, m := range row.Object(s, r).Members() {
		switch {
		case m.Val.IsArray():
			for i := range m.Val.Len() {
				form.Add(m.Name, m.Val.At(i).String())
			}
		case m.Val.Present():
			form.Add(m.Name, m.Val.String())
		}
	}
	return append(dst, form.Encode()...), nil
}

// EncodeRows implements format.Encoder for a single row.
func (e encoder) EncodeRows(dst []byte, s *row.Schema, rs []row.Row) ([]byte, error) {
	if len(rs) != 1 {
		return dst, fmt.Errorf("format urlencoded cannot hold %d rows in one message, set sendSingle", len(rs))
	}
	return e.EncodeRow(dst, s, &rs[0])
}
