package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/internal/sqltest"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// page is a Markdown file, reduced to what tests look at.
type page struct {
	name     string
	prose    string // what is not code
	headings []int  // their levels
	anchors  []string
	blocks   []block
}

// block is a fenced block of code.
type block struct {
	line int
	lang string
	text string
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{name: name}
	var open *block
	for i, line := range strings.Split(string(data), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{line: i + 1, lang: strings.TrimSpace(lang)}
		case fence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "#"):
			title := strings.TrimLeft(line, "#")
			p.headings = append(p.headings, len(line)-len(title))
			p.anchors = append(p.anchors, anchor(strings.TrimSpace(title)))
		default:
			p.prose += line + "\n"
		}
	}
	if open != nil {
		t.Errorf("%s:%d: block is not closed", name, open.line)
	}
	return p
}

// pageNames are the Markdown files for readers.
func pageNames(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "README.zh.md"}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".md") {
			name, _ := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// translation is the name of a page in the other language, "" for a page that
// is in none.
func translation(name string) string {
	switch {
	case name == "README.md":
		return "README.zh.md"
	case name == "README.zh.md":
		return "README.md"
	case strings.HasPrefix(name, "docs/en/"):
		return strings.Replace(name, "docs/en/", "docs/zh/", 1)
	case strings.HasPrefix(name, "docs/zh/"):
		return strings.Replace(name, "docs/zh/", "docs/en/", 1)
	}
	return ""
}

func TestEnglishAndChinesePagesAreInStep(t *testing.T) {
	for _, name := range pageNames(t) {
		other := translation(name)
		if other == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, other)); err != nil {
			t.Errorf("%s has no translation %s", name, other)
			continue
		}
		if name > other {
			continue // each pair once
		}
		a, b := readPage(t, name), readPage(t, other)
		if fmt.Sprint(a.headings) != fmt.Sprint(b.headings) {
			t.Errorf("%s and %s have other headings:\n%v\n%v", name, other, a.headings, b.headings)
		}
		if len(a.blocks) != len(b.blocks) {
			t.Errorf("%s has %d blocks of code, %s has %d", name, len(a.blocks), other, len(b.blocks))
			continue
		}
		for i, x := range a.blocks {
			y := b.blocks[i]
			if x.lang != y.lang || withoutComments(x) != withoutComments(y) {
				t.Errorf("%s:%d and %s:%d differ:\n%s\n%s", name, x.line, other, y.line, x.text, y.text)
			}
		}
	}
}

// withoutComments leaves out what is translated in a block: comments, the
// words in front of the sections of a script, pictures.
func withoutComments(b block) string {
	if b.lang == "text" {
		return ""
	}
	text := b.text
	if i := strings.Index(text, "-- "); b.lang == "txtar" && i >= 0 {
		text = text[i:]
	}
	comments := map[string]string{"sql": "--", "shell": "#", "yaml": "#", "": "#", "go": "//"}
	var lines []string
	for line := range strings.Lines(text) {
		if mark := comments[b.lang]; mark != "" {
			line, _, _ = strings.Cut(line, mark)
		}
		line = strings.TrimSpace(line)
		if line == "" || b.lang == "txtar" && line[0] == '#' {
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestScriptsInPagesRun(t *testing.T) {
	ran := 0
	for _, name := range pageNames(t) {
		for _, b := range readPage(t, name).blocks {
			if b.lang != "txtar" {
				continue
			}
			ran++
			if err := sqltest.Run(fmt.Sprintf("%s:%d", name, b.line), []byte(b.text)); err != nil {
				t.Error(err)
			}
		}
	}
	if ran == 0 {
		t.Error("no page has a script")
	}
}

// TestSQLInPagesCompiles plans every SELECT over the streams that its page
// creates; other statements must at least be understood.
func TestSQLInPagesCompiles(t *testing.T) {
	for _, name := range pageNames(t) {
		p := readPage(t, name)
		streams := created{}
		for _, lang := range []string{"txtar", "sql"} { // blocks of SQL win
			for _, b := range p.blocks {
				if b.lang == lang {
					streams.add(b)
				}
			}
		}
		for _, b := range p.blocks {
			if b.lang != "sql" {
				continue
			}
			if err := compileAll(b.text, streams); err != nil {
				t.Errorf("%s:%d: %v", name, b.line, err)
			}
		}
	}
}

func compileAll(text string, streams created) error {
	statements, err := parse.Statements(text)
	if err != nil {
		return err
	}
	if len(statements) == 0 {
		return fmt.Errorf("block has no statement")
	}
	for _, st := range statements {
		sel, ok := st.(*ast.Select)
		if !ok {
			continue
		}
		if _, err := sqlfn.Compile(sel, streams, sqlfn.Options{Rule: "page", Clock: clock.NewVirtual(clock.Wall.Now())}); err != nil {
			return fmt.Errorf("%w\nin: %s", err, sel)
		}
	}
	return nil
}

// created are the streams and tables of a page.
type created map[string]*ast.Create

// add notes what a block creates; one that cannot be read fails elsewhere.
func (c created) add(b block) {
	text := b.text
	if b.lang == "txtar" {
		_, text, _ = strings.Cut(text, "-- ddl --\n")
		text, _, _ = strings.Cut(text, "\n-- ")
	}
	for _, part := range strings.Split(text, "\n\n") {
		statements, _ := parse.Statements(part)
		for _, st := range statements {
			if create, ok := st.(*ast.Create); ok {
				c[create.Name] = create
			}
		}
	}
}

// Stream implements sqlfn.Catalog.
func (c created) Stream(name string) (*sqlfn.Stream, error) {
	s := c[name]
	if s == nil {
		return nil, diag.New(diag.Undefined, "stream %s is not created on this page", name)
	}
	return &sqlfn.Stream{Name: name, Table: s.Table, Lookup: strings.EqualFold(s.Options.Kind, "lookup"),
		Schema: &row.Schema{Cols: s.Cols, Open: len(s.Cols) == 0}, Timestamp: s.Options.Timestamp}, nil
}

func TestMistakesInPagesAreFound(t *testing.T) {
	streams := created{}
	streams.add(block{lang: "txtar", text: "words\n-- ddl --\nCREATE STREAM a (i BIGINT) WITH (DATASOURCE=\"a\")\n-- rule --\n"})
	for text, want := range map[string]string{
		"SELECT i FROM a":                  "",
		"SELECT i FROM a; SELECT j FROM a": "unknown field j",
		"SELECT i FROM b":                  "stream b is not created on this page",
		"SELECT i FORM a":                  "expected FROM",
		"":                                 "no statement",
	} {
		err := compileAll(text, streams)
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if x, y := withoutComments(block{lang: "sql", text: "SELECT 1 -- one\n"}), withoutComments(block{lang: "sql", text: "SELECT 1 -- 一\n"}); x != y {
		t.Errorf("comments count: %q, %q", x, y)
	}
	if x, y := withoutComments(block{lang: "txtar", text: "en\n-- rule --\n# a\nSELECT 1"}), withoutComments(block{lang: "txtar", text: "zh\n-- rule --\nSELECT 2"}); x == y {
		t.Errorf("statements do not count: %q", x)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksInPagesLeadSomewhere(t *testing.T) {
	for _, name := range pageNames(t) {
		p := readPage(t, name)
		for _, m := range link.FindAllStringSubmatch(p.prose, -1) {
			file, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := p
			if file != "" {
				path := filepath.Join(filepath.Dir(name), file)
				if _, err := os.Stat(filepath.Join(root, path)); err != nil {
					t.Errorf("%s: link to %s: no such file", name, m[1])
					continue
				}
				if heading != "" {
					target = readPage(t, path)
				}
			}
			if heading != "" && !slices.Contains(target.anchors, heading) {
				t.Errorf("%s: link to %s: no such heading", name, m[1])
			}
		}
	}
}
