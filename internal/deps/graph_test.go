package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/edgesluice/sluice"

// graph maps a name to the names it may import.
type graph map[string]map[string]bool

func parseGraph(t *testing.T) graph {
	t.Helper()
	g := graph{}
	g.add(language, "sqlfn/")
	g.add(house, "")
	for grown := true; grown; { // what an import may import may be imported
		grown = false
		for _, below := range g {
			for b := range below {
				for c := range g[b] {
					grown = grown || !below[c]
					below[c] = true
				}
			}
		}
	}
	for name, below := range g {
		if below[name] {
			t.Fatalf("direction of imports goes in a circle at %s", name)
		}
	}
	return g
}

func (g graph) add(block, prefix string) {
	for _, rule := range strings.Split(block, ";") {
		var below []string
		for _, level := range strings.Split(rule, "<") {
			var names []string
			for _, n := range strings.Split(level, ",") {
				if n = strings.TrimSpace(n); n == "" {
					continue
				}
				if n != "sqlfn" {
					n = prefix + n
				}
				if g[n] == nil {
					g[n] = map[string]bool{}
				}
				for _, b := range below {
					g[n][b] = true
				}
				names = append(names, n)
			}
			below = names
		}
	}
}

// node returns the name that a folder belongs to, "" if there is none.
func (g graph) node(dir string) string {
	for n := dir; n != "."; n = filepath.ToSlash(filepath.Dir(n)) {
		if g[n] != nil {
			return n
		}
	}
	return ""
}

// refuses returns why one folder must not import another, "" if it may.
func (g graph) refuses(from, to string) string {
	a, b := g.node(from), g.node(to)
	switch {
	case b == "":
		return to + " has no place in the direction"
	case a != b && !g[a][b]:
		return b + " is not below " + a
	case a == b && !inside(from, to) && !inside(to, from) && filepath.Base(from) != "all":
		return "they are neighbours"
	}
	return ""
}

// inside tells whether a folder is another one or in it.
func inside(dir, of string) bool { return dir == of || strings.HasPrefix(dir, of+"/") }

// pkg is a folder with Go files that are not tests.
type pkg struct {
	dir     string // from the root of the module
	imports []string
	files   []file
}

type file struct {
	tree *ast.File
	set  *token.FileSet
}

func (f file) position(n ast.Node) string { return f.set.Position(n.Pos()).String() }

// packages reads all packages of the module, also ones that do not compile.
func packages(t *testing.T) []*pkg {
	t.Helper()
	const root = "../.."
	byDir := map[string]*pkg{}
	var all []*pkg
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		tree, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if tree == nil {
			return err
		}
		dir, _ := filepath.Rel(root, filepath.Dir(path))
		dir = filepath.ToSlash(dir)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
			all = append(all, byDir[dir])
		}
		byDir[dir].read(file{tree, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no packages found")
	}
	return all
}

func (p *pkg) read(f file) {
	p.files = append(p.files, f)
	for _, spec := range f.tree.Imports {
		if imp, err := strconv.Unquote(spec.Path.Value); err == nil && !slices.Contains(p.imports, imp) {
			p.imports = append(p.imports, imp)
		}
	}
}

func TestTheDirectionRefusesWhatItShould(t *testing.T) {
	g := parseGraph(t)
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"sqlfn/row", "sqlfn/value", true},
		{"sqlfn/value", "sqlfn/row", false},
		{"sqlfn/parse", "sqlfn/value", true},
		{"sqlfn/parse", "sqlfn/fn", false},
		{"sqlfn/format/json", "sqlfn/format", true},
		{"sqlfn/format/json", "sqlfn/format/delimited", false},
		{"sqlfn", "sources", false},
		{"sources/mqtt", "sources", true},
		{"sources/mqtt", "sqlfn/format", true},
		{"sources/mqtt", "sources/edgex", false},
		{"sources/mqtt", "sinks", false},
		{"sources/all", "sources/mqtt", true},
		{"sources/edgex", "sources/edgex/wire", true},
		{"appservice/rest", "appservice/rules", true},
		{"appservice/rules", "appservice/rest", false},
		{"cmd/sluice", "sources/all", true},
		{"sqlfn/exec", "elsewhere", false},
	} {
		if why := g.refuses(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: refused because %q, want allowed %v", c.from, c.to, why, c.ok)
		}
	}
}
