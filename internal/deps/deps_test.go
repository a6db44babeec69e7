package deps

import (
	"go/ast"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// language is the direction of imports under sqlfn/, house that of all
// packages. "a, b < c, d" lets c and d import a and b and whatever these may
// import. A name stands for its folder and the folders in it that have no
// name of their own. Folders under one name import each other only upwards or
// downwards: sources/mqtt may import sources, but not sources/edgex.
const language = `
	timefmt, diag, clock, value;
	diag < param;
	value < row < state;
	value, diag < ast < parse;
	param, row, timefmt < format;
	param, row, state, diag < fn;
	fn, timefmt < fn/builtin;
	ast, row, fn < plan;
	plan, timefmt < expr;
	clock, state, expr < exec < window;
	parse, fn/builtin, format, window < sqlfn;
`

const house = `
	sqlfn < internal/kv;
	sqlfn < internal/conn;
	sqlfn < internal/plugin;
	sqlfn < internal/topic;
	internal/dataserver;
	sqlfn < internal/sqltest;
	sqlfn < devicemodel < devicemodel/edgex, devicemodel/kubeedge;
	devicemodel < internal/twin;
	sqlfn, internal/conn, internal/kv < sources, sinks;
	internal/topic, internal/dataserver, internal/twin < sources, sinks;
	sqlfn < appservice/config;
	sources, sinks, devicemodel/edgex, devicemodel/kubeedge, internal/kv, internal/plugin < appservice/catalog;
	appservice/catalog, internal/conn < appservice/rules;
	appservice/rules, appservice/config < appservice/autostream < appservice/declared;
	appservice/rules, appservice/config < appservice/metrics;
	appservice/metrics, internal/sqltest < appservice/rest;
	appservice/ui;
	sinks, devicemodel/edgex < internal/virtual;
	appservice/rest, appservice/declared, appservice/ui, internal/virtual < appservice;
	appservice, internal/sqltest < cmd;
	appservice < internal/gen;
	internal/deps;
	internal/testserver;
	appservice, sources, sinks < docs;
`

// edgex are the only folders that know EdgeX.
var edgex = []string{"appservice", "appservice/config", "sources/edgex", "sinks/edgex", "devicemodel/edgex", "internal/conn", "docs/en/examples"}

// clockReaders are the only folders that ask what time it is by themselves.
var clockReaders = []string{"sqlfn/clock", "internal/conn", "internal/testserver", "cmd"}

var bannedNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "base", "misc", "interfaces"}

func TestImportsFollowTheDirection(t *testing.T) {
	g := parseGraph(t)
	for _, p := range packages(t) {
		from := g.node(p.dir)
		if from == "" || from == "sqlfn" && p.dir != "sqlfn" {
			t.Errorf("%s has no place in the direction of imports, see deps_test.go", p.dir)
			continue
		}
		for _, imp := range p.imports {
			dir, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			if why := g.refuses(p.dir, dir); why != "" {
				t.Errorf("%s must not import %s: %s", p.dir, dir, why)
			}
		}
	}
}

func TestTheLanguageDoesNoInputOutput(t *testing.T) {
	forbidden := []string{"os", "net", "net/http", "database/sql", "log"}
	for _, p := range packages(t) {
		if !inside(p.dir, "sqlfn") {
			continue
		}
		for _, imp := range p.imports {
			if slices.Contains(forbidden, imp) || outsideWorld(imp) {
				t.Errorf("%s imports %s", p.dir, imp)
			}
		}
	}
	out, err := exec.Command("go", "list", "-e", "-deps", module+"/sqlfn/...").CombinedOutput()
	if err != nil {
		t.Skipf("go list: %v\n%s", err, out)
	}
	for _, dep := range strings.Fields(string(out)) {
		if dep == "net/http" || dep == "database/sql" || outsideWorld(dep) {
			t.Errorf("sqlfn reaches %s", dep)
		}
	}
}

// outsideWorld tells whether a module talks to brokers, databases or EdgeX.
func outsideWorld(imp string) bool {
	for _, part := range []string{"edgexfoundry/", "paho", "/nats", "redis", "kafka", "influxdata/", "taosdata/", "mochi-mqtt/", "bbolt", "labstack/"} {
		if strings.Contains(imp, part) {
			return true
		}
	}
	return false
}

func TestEdgeXIsKnownInItsPlacesOnly(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(edgex, p.dir) || slices.ContainsFunc(edgex[2:], func(e string) bool { return inside(p.dir, e) }) {
			continue
		}
		for _, imp := range p.imports {
			if strings.Contains(imp, "edgexfoundry/") {
				t.Errorf("%s imports %s", p.dir, imp)
			}
		}
	}
}

func TestTheTimeIsReadInItsPlacesOnly(t *testing.T) {
	for _, p := range packages(t) {
		if slices.ContainsFunc(clockReaders, func(c string) bool { return inside(p.dir, c) }) {
			continue
		}
		for _, f := range p.files {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
					t.Errorf("%s calls time.%s, ask a clock.Clock", f.position(sel), sel.Sel.Name)
				}
				return true
			})
		}
	}
}

func TestPackagesHaveTellingNames(t *testing.T) {
	for _, p := range packages(t) {
		if name := p.files[0].tree.Name.Name; slices.Contains(bannedNames, name) {
			t.Errorf("%s: package name %s says nothing", p.dir, name)
		}
	}
}
