package param

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// Template is a text property that may contain {{..}}, filled in per message.
type Template struct {
	Text string
	tmpl *template.Template
}

// NewTemplate parses a template with Kuiper's functions: Go's own, the sprig
// set without those that reach the environment, json/toJson and base64. JSON
// escapes < > & as Kuiper does.
func NewTemplate(name, text string) (Template, error) {
	t := Template{Text: text}
	if !strings.Contains(text, "{{") {
		return t, nil
	}
	var err error
	t.tmpl, err = template.New(name).Funcs(templateFuncs()).Parse(text)
	return t, err
}

// Static is true for a text without {{..}}.
func (t *Template) Static() bool { return t.tmpl == nil }

// Eval fills in the template. data is a plain Go map, or a slice of maps.
func (t *Template) Eval(data any) (string, error) {
	if t.tmpl == nil {
		return t.Text, nil
	}
	var b bytes.Buffer
	if err := t.tmpl.Execute(&b, data); err != nil {
		return "", fmt.Errorf("template %q: %w", t.Text, err)
	}
	return b.String(), nil
}

// Template declares a text property that may contain {{..}}.
func (p *Set) Template(dst *Template, name, def string, hint Text, opts ...Opt) {
	var err error
	if *dst, err = NewTemplate("sink", def); err != nil {
		panic(fmt.Sprintf("param: default of %s: %v", name, err))
	}
	p.add(name, "string", def, hint, opts, func(x any) error {
		s, ok := x.(string)
		if !ok {
			return wrongType("string", x)
		}
		t, err := NewTemplate("sink", s)
		if err != nil {
			return err
		}
		*dst = t
		return nil
	})
}

func templateFuncs() template.FuncMap {
	fs := sprig.TxtFuncMap()
	for _, reach := range []string{"env", "expandenv", "getHostByName"} {
		delete(fs, reach)
	}
	toJSON := func(v any) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	}
	fs["json"], fs["toJson"] = toJSON, toJSON
	fs["base64"] = func(v any) (string, error) {
		switch v := v.(type) {
		case string:
			return base64.StdEncoding.EncodeToString([]byte(v)), nil
		case []byte:
			return base64.StdEncoding.EncodeToString(v), nil
		}
		b, err := json.Marshal(v)
		return base64.StdEncoding.EncodeToString(b), err
	}
	return fs
}
