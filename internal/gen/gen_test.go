package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/param"
)

const root = "../.."

func TestReferencePagesAreUpToDate(t *testing.T) {
	var out strings.Builder
	if err := run(root, true, &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestCheckNamesThePageThatDiffers(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(dir, true, &out); err == nil || !strings.Contains(out.String(), "docs/zh/reference/sinks.md is not up to date") {
		t.Errorf("nothing is on disk: %v, %s", err, out.String())
	}
	if err := run(dir, false, &out); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := run(dir, true, &out); err != nil || out.Len() > 0 {
		t.Errorf("all is on disk: %v, %s", err, out.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "docs/en/reference/functions.md"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(dir, true, &out)
	if err == nil || out.String() != "docs/en/reference/functions.md is not up to date\n" {
		t.Errorf("one is old: %v, %s", err, out.String())
	}
}

func TestEveryDeclarationIsOnItsPage(t *testing.T) {
	pages, err := render()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := collect()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string][]string{"formats.md": {"## json"}, "rules.md": {"| `isEventTime` |"}}
	for _, c := range ref.Functions {
		for _, f := range c.Functions {
			wanted["functions.md"] = append(wanted["functions.md"], "\n### "+f.Name+"\n")
		}
	}
	for page, ds := range map[string]drivers{"sources.md": ref.Sources, "sinks.md": ref.Sinks} {
		for _, d := range ds.Each {
			wanted[page] = append(wanted[page], "\n## "+d.Name+"\n")
			for _, s := range d.Own.Specs {
				wanted[page] = append(wanted[page], "| `"+s.Name+"`")
			}
		}
	}
	for _, page := range slices.Sorted(maps.Keys(wanted)) {
		for _, l := range languages {
			text := string(pages["docs/"+l.code+"/reference/"+page])
			for _, w := range wanted[page] {
				if !strings.Contains(text, w) {
					t.Errorf("%s %s has no %q", l.code, page, w)
				}
			}
		}
	}
}

func TestPropertiesAreShownAsTheyAreWritten(t *testing.T) {
	set := param.New("")
	var s string
	var n int
	var d time.Duration
	var list []string
	text := param.T("", "")
	set.String(&s, "text", "a|b", text, param.OneOf("", "x", "y"))
	set.Int(&n, "number", 5, text, param.Min(1), param.Max(9))
	set.Int(&n, "least", 0, text, param.Min(0))
	set.Int(&n, "most", 0, text, param.Max(2))
	set.Duration(&d, "minutes", 5*time.Minute, text)
	set.Duration(&d, "mixed", 90*time.Minute, text)
	set.Duration(&d, "zero", 0, text)
	set.Strings(&list, "list", []string{"a"}, text)
	set.Strings(&list, "none", nil, text)
	want := map[string][2]string{
		"text": {"`a\\|b`", "`x` `y`"}, "number": {"`5`", "1..9"}, "least": {"`0`", "≥ 0"}, "most": {"`0`", "≤ 2"},
		"minutes": {"`5m`", ""}, "mixed": {"`1h30m`", ""}, "zero": {"`0s`", ""}, "list": {"`[\"a\"]`", ""}, "none": {"", ""},
	}
	for _, spec := range set.Specs() {
		def, err := defaultOf(spec)
		if got := [2]string{def, allowed(spec)}; err != nil || got != want[spec.Name] {
			t.Errorf("%s: got %q, %v, want %q", spec.Name, got, err, want[spec.Name])
		}
	}
	if got := code("a `b` c"); got != "`` a `b` c ``" {
		t.Errorf("code with a backtick: %s", got)
	}
	if got := prose("count(*) of a<b | __meta"); got != `count(\*) of a&lt;b \| \_\_meta` {
		t.Errorf("prose: %s", got)
	}
}
