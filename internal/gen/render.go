package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"text/template"
	"time"
	"unicode"

	"github.com/edgesluice/sluice/sqlfn/param"
)

//go:embed templates/*.md
var templates embed.FS

// language is one of those in which the pages are written.
type language struct {
	code string
	pick func(param.Text) string
}

var languages = []language{
	{"en", func(t param.Text) string { return t.En }},
	{"zh", func(t param.Text) string { return t.Zh }},
}

// render makes every page in every language, by its path in the module.
func render() (map[string][]byte, error) {
	data, err := collect()
	if err != nil {
		return nil, err
	}
	entries, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	pages := map[string][]byte{}
	for _, l := range languages {
		set, err := template.New("").Funcs(l.functions()).ParseFS(templates, "templates/*.md")
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "_") {
				continue // a part of others
			}
			var b bytes.Buffer
			if err := set.ExecuteTemplate(&b, e.Name(), data); err != nil {
				return nil, err
			}
			pages["docs/"+l.code+"/reference/"+e.Name()] = append(bytes.TrimSpace(b.Bytes()), '\n')
		}
	}
	return pages, nil
}

// functions are what templates call.
func (l language) functions() template.FuncMap {
	return template.FuncMap{
		"t":       func(en, zh string) string { return l.pick(param.T(en, zh)) },
		"text":    func(t param.Text) string { return prose(l.pick(t)) },
		"code":    code,
		"anchor":  anchor,
		"default": defaultOf,
		"allowed": allowed,
	}
}

// cell keeps a text in its cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>").Replace(s)
}

// prose is a text that no character of it makes markup.
func prose(s string) string {
	return strings.NewReplacer("*", `\*`, "<", "&lt;", "__", `\_\_`).Replace(cell(s))
}

// anchor is the name that a heading gets in a page.
func anchor(heading string) string {
	keep := func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}
	return strings.Map(keep, heading)
}

// code sets a text as code, with as many backticks as it needs.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + cell(s) + " " + fence
	}
	return fence + cell(s) + fence
}

// defaultOf is the default of a property as one would write it, "" for none.
func defaultOf(s *param.Spec) (string, error) {
	ms, isMS := s.Default.(int64)
	switch {
	case s.Default == nil, s.Default == "":
		return "", nil
	case s.Type == "duration" && isMS:
		return code(span(time.Duration(ms) * time.Millisecond)), nil
	}
	b, err := json.Marshal(s.Default)
	if err != nil {
		return "", fmt.Errorf("default of %s: %w", s.Name, err)
	}
	if text := string(b); text != "null" {
		return code(strings.Trim(text, `"`)), nil
	}
	return "", nil
}

// span is a duration without zeros at its end: 5m, not 5m0s.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// allowed lists the values, or the range of numbers, that a property may have.
func allowed(s *param.Spec) string {
	if len(s.Values) > 0 {
		var vs []string
		for _, v := range s.Values {
			if text := fmt.Sprint(v); text != "" {
				vs = append(vs, code(text))
			}
		}
		return strings.Join(vs, " ")
	}
	low, high := s.Range()
	switch {
	case !math.IsInf(low, 0) && !math.IsInf(high, 0):
		return fmt.Sprintf("%v..%v", low, high)
	case !math.IsInf(low, 0):
		return fmt.Sprintf("≥ %v", low)
	case !math.IsInf(high, 0):
		return fmt.Sprintf("≤ %v", high)
	}
	return ""
}
