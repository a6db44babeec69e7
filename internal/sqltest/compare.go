package sqltest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// same compares an emission that is wanted with one that came: JSON by its
// meaning, errors by their text, in which "..." may stand for anything.
func (e emission) same(got emission) bool {
	switch {
	case e.at != got.at:
		return false
	case e.text == got.text:
		return true
	case strings.HasPrefix(e.text, "error: "):
		return matches(e.text, got.text)
	}
	a, aok := decode(e.text)
	b, bok := decode(got.text)
	return aok && bok && equal(a, b)
}

func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "...")
	last := len(parts) - 1
	text, ok := strings.CutPrefix(text, parts[0])
	if last == 0 {
		return ok && text == ""
	}
	for _, part := range parts[1:last] {
		_, after, found := strings.Cut(text, part)
		text, ok = after, ok && found
	}
	return ok && strings.HasSuffix(text, parts[last])
}

func decode(text string) (x any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return x, d.Decode(&x) == nil
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(string(a), string(b))
	}
	return a == b
}

// equalNumbers compares whole numbers by their digits, others as floats.
func equalNumbers(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a+b, ".eE") {
		return false
	}
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && x == y
}

// diff returns "" if both lists are the same, else their lines in a row: with
// "-" what is only in want, with "+" what is only in got.
func diff(want, got []emission) string {
	// longest[i][j] is the length of the longest common run of want[i:], got[j:].
	longest := make([][]int, len(want)+1)
	for i := range longest {
		longest[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i].same(got[j]) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	if longest[0][0] == len(want) && len(want) == len(got) {
		return ""
	}
	var b strings.Builder
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i].same(got[j]):
			fmt.Fprintf(&b, "\n  %v", want[i])
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || longest[i+1][j] >= longest[i][j+1]):
			fmt.Fprintf(&b, "\n- %v", want[i])
			i++
		default:
			fmt.Fprintf(&b, "\n+ %v", got[j])
			j++
		}
	}
	return b.String()
}

// diffText compares two texts line by line.
func diffText(want, got string) string {
	return diff(textLines(want), textLines(got))
}

func textLines(text string) []emission {
	var es []emission
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		es = append(es, emission{noTime, strings.TrimRight(line, " \t")})
	}
	return es
}
