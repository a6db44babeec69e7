package declared

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sinks/all"
	_ "github.com/edgesluice/sluice/sources/all"
	"github.com/edgesluice/sluice/sqlfn/clock"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
)

// gateway is what declarations work on.
type gateway struct {
	*Set
	db    kv.DB
	cat   *catalog.Catalog
	rules *rules.Set
	calls []string
	fail  string // URL of the call that fails
}

func newGateway(t *testing.T) *gateway { t.Helper(); return restart(t, kv.NewMemory()) }

func restart(t *testing.T, db kv.DB) *gateway {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	set := rules.New(rules.Config{DB: db, Catalog: cat, Clock: clock.Wall, Log: log, Location: time.UTC, DataDir: t.TempDir()})
	if err := set.Load(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close(context.Background()) })
	g := &gateway{db: db, cat: cat, rules: set}
	auto := autostream.New(autostream.Config{Catalog: cat, Rules: set, Log: log})
	g.Set, err = New(Config{Catalog: cat, Rules: set, Streams: auto, DB: db, Log: log, Prefix: "edgex",
		Call: func(method, url string, body []byte) (int, string) {
			g.calls = append(g.calls, method+" "+url+" "+string(body))
			if url == g.fail {
				return 404, "not there"
			}
			return 200, "fine"
		}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// has lists streams, tables, rules and conf keys.
func (g *gateway) has() string {
	var all []string
	for _, isTable := range []bool{false, true} {
		for _, d := range g.cat.Definitions(isTable, "") {
			all = append(all, d.What()+" "+d.Name)
		}
	}
	for _, r := range g.rules.List() {
		all = append(all, "rule "+r.ID)
	}
	for typ, keys := range g.cat.StoredConfKeys(catalog.Sources) {
		for key, props := range keys {
			all = append(all, fmt.Sprintf("key %s/%s %v", typ, key, props))
		}
	}
	for _, c := range g.cat.Connections() {
		all = append(all, "connection "+c.ID)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (g *gateway) want(t *testing.T, want string) {
	t.Helper()
	if got := g.has(); got != want {
		t.Errorf("got  %s\nwant %s\nproblems %q", got, want, g.Report().Problems)
	}
}

func (g *gateway) problems(t *testing.T, want ...string) {
	t.Helper()
	got := g.Report().Problems
	for i, w := range want {
		if i >= len(got) || !strings.Contains(got[i], w) {
			t.Errorf("problems %q\nwant %q", got, want)
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("problems %q, want %d", got, len(want))
	}
}

func file(name, text string) File { return File{Name: name, Text: []byte(text)} }

const plant = `
confKeys:
  sources:
    memory:
      fast: {bufferLength: 10}
connections:
  cloud: {typ: mqtt, props: {server: "tcp://127.0.0.1:1"}}
streams:
  demo: CREATE STREAM demo (a BIGINT) WITH (TYPE="memory", DATASOURCE="t", CONF_KEY="fast")
tables:
  - CREATE TABLE names (a BIGINT) WITH (TYPE="memory", DATASOURCE="n", KIND="lookup", KEY="a")
rules:
  - id: r1
    sql: SELECT a FROM demo WHERE a > 1
    actions: [{nop: {}}]
  - '{"id":"r2","sql":"SELECT * FROM demo","actions":[{"nop":{}}]}'
`

const plantHas = "connection cloud, key memory/fast map[bufferLength:10], rule r1, rule r2, stream demo, table names"

func TestWhatIsDeclaredIsMadeAndGoesWithItsDeclaration(t *testing.T) {
	g := newGateway(t)
	if !g.Apply([]File{file("plant.yaml", plant)}) {
		t.Error("not settled")
	}
	g.want(t, plantHas)
	g.problems(t)
	if r := g.Report(); r.Files != 1 || r.Entries != 6 {
		t.Errorf("report %+v", r)
	}
	st, _ := g.rules.Status("r1")
	g.Apply([]File{file("plant.yaml", plant)})
	if again, _ := g.rules.Status("r1"); again.LastStart != st.LastStart || st.State != rules.Running {
		t.Errorf("the rule was touched: %+v %+v", st, again)
	}
	g.Apply([]File{file("plant.yaml", strings.Replace(plant, "a > 1", "a > 2", 1)[:strings.Index(plant, "  - '{")])})
	g.want(t, "connection cloud, key memory/fast map[bufferLength:10], rule r1, stream demo, table names")
	if text, _ := g.rules.Text("r1"); !strings.Contains(string(text), `a \u003e 2`) && !strings.Contains(string(text), "a > 2") {
		t.Errorf("rule %s", text)
	}
	g.Apply(nil)
	g.want(t, "")
	g.problems(t)
}

func TestASecondRunMakesNothingAgain(t *testing.T) {
	g := newGateway(t)
	g.Apply([]File{file("plant.yaml", plant)})
	g = restart(t, g.db)
	g.Apply([]File{file("plant.yaml", plant)})
	g.want(t, plantHas)
	g = restart(t, g.db)
	g.Apply(nil) // it was taken away while nobody looked
	g.want(t, "")
}

func TestAnEntryThatACrashLeftHalfMadeIsMade(t *testing.T) {
	g := newGateway(t)
	if err := g.record("stream/demo", record{"CREATE ..", "plant.yaml", false}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.cat.Exec(`CREATE STREAM demo (old BIGINT) WITH (TYPE="memory", DATASOURCE="t")`); err != nil {
		t.Fatal(err)
	}
	g = restart(t, g.db)
	g.Apply([]File{file("plant.yaml", plant)})
	g.want(t, plantHas)
}

func TestABrokenFileKeepsWhatItSaid(t *testing.T) {
	g := newGateway(t)
	g.Apply([]File{file("plant.yaml", plant), file("b.yaml", "streams: {b: 'CREATE STREAM b () WITH (TYPE=\"memory\", DATASOURCE=\"b\")'}\nprofiles: [{name: P}]")})
	const has = "connection cloud, key memory/fast map[bufferLength:10], rule r1, rule r2, stream P, stream b, stream demo, table names"
	g.want(t, has)
	for _, broken := range []string{"streams: [", "streams: {demo: CREATE STEAM demo}", "strems: {}", "7", "rules: [7]", "streams: {demo: {a: 1}}", "rules: [{sql: SELECT}]", "a: &a [*a]"} {
		for range 2 { // and after a restart
			g.Apply([]File{file("plant.yaml", plant), file("b.yaml", broken)})
			if p := g.Report().Problems; len(p) == 0 || !strings.HasPrefix(p[0], "b.yaml") {
				t.Errorf("%s: problems %q", broken, p)
			}
			g.want(t, has)
			g = restart(t, g.db)
		}
	}
	g.Apply([]File{{Name: "plant.yaml", Err: fmt.Errorf("permission denied")}, {Name: "b.yaml", Err: fmt.Errorf("gone")}})
	g.want(t, has)
	g.problems(t, "plant.yaml: permission denied; what it said before stays in force", "b.yaml: gone")
	g.Apply([]File{{Name: "", Missing: true, Err: fmt.Errorf("no folder")}})
	g.want(t, has)
	g.problems(t, "b.yaml: no folder", "plant.yaml: no folder")
}

func TestABadEntryKeepsWhatThereIsAndTheOthersAreMade(t *testing.T) {
	g := newGateway(t)
	g.Apply([]File{file("plant.yaml", plant)})
	g.Apply([]File{file("plant.yaml", strings.Replace(strings.Replace(plant, "CREATE STREAM demo (a BIGINT)", "CREATE STREAM demo (a BIGNT)", 1), "a > 1", "a >> 1", 1)+"  - {id: r3, sql: SELECT a FROM demo, actions: [{nop: {}}]}\n")})
	g.want(t, strings.Replace(plantHas, "rule r2", "rule r2, rule r3", 1))
	g.problems(t, `plant.yaml:9: `, `plant.yaml:13: rule r1: `)
	if d, _ := g.cat.Lookup("demo"); !strings.Contains(d.Text, "BIGINT") {
		t.Errorf("stream %s", d.Text)
	}
}

func TestWhatAUserMadeIsNotTouched(t *testing.T) {
	g := newGateway(t)
	if _, err := g.cat.Exec(`CREATE STREAM demo (mine BIGINT) WITH (TYPE="memory", DATASOURCE="t")`); err != nil {
		t.Fatal(err)
	}
	if g.Apply([]File{file("plant.yaml", plant)}) {
		t.Error("settled")
	}
	g.problems(t, "plant.yaml:9: stream demo: a user has made another one of this name", "r1: ")
	if d, _ := g.cat.Lookup("demo"); !strings.Contains(d.Text, "mine") {
		t.Errorf("stream %s", d.Text)
	}
	if err := g.cat.Drop("demo", false); err != nil {
		t.Fatal(err)
	}
	if !g.Apply([]File{file("plant.yaml", plant)}) { // now it can be made
		t.Errorf("problems %q", g.Report().Problems)
	}
	g.want(t, plantHas)
	if err := g.rules.Delete("r1"); err != nil {
		t.Fatal(err)
	}
	g.Apply([]File{file("plant.yaml", plant)}) // what is declared comes back
	g.want(t, plantHas)
}

func TestARuleWaitsForItsStream(t *testing.T) {
	g := newGateway(t)
	rule := file("rule.yaml", "rules: {r: {sql: SELECT x FROM P, actions: [{nop: {}}]}}")
	if g.Apply([]File{rule}) {
		t.Error("settled")
	}
	g.problems(t, "rule.yaml:1: rule r: ")
	if !g.Apply([]File{rule, file("z.yaml", "name: P\ndeviceResources: [{name: x, properties: {valueType: Int8, readWrite: R}}]\n")}) {
		t.Errorf("problems %q", g.Report().Problems)
	}
	g.want(t, "rule r, stream P")
	g.Apply([]File{rule}) // the stream stays while the rule reads it
	g.want(t, "rule r, stream P")
}

func TestModelsAreThereBeforeTheRulesThatReadThem(t *testing.T) {
	g := newGateway(t)
	files := []File{file("m.yaml", "name: P\ndeviceResources: [{name: x, properties: {valueType: Int8, readWrite: R}}]\n---\nrules: {r: {sql: SELECT x FROM P, actions: [{nop: {}}]}}")}
	g.Describe(files)
	g.want(t, "stream P")
	g.problems(t)
	g.Apply(files)
	g.want(t, "rule r, stream P")
	g = restart(t, g.db)
	g.Describe([]File{{Name: "m.yaml", Err: fmt.Errorf("permission denied")}})
	g.want(t, "rule r, stream P")
}

func TestTheFormsOfFiles(t *testing.T) {
	const sql, ruleJSON = `CREATE STREAM s (a BIGINT) WITH (TYPE=\"memory\", DATASOURCE=\"t\")`, `{"id":"r","sql":"SELECT a FROM s","actions":[{"nop":{}}]}`
	for what, text := range map[string]string{
		"an export of Kuiper's":  `{"streams":{"s":"` + sql + `"},"rules":{"r":"` + strings.ReplaceAll(ruleJSON, `"`, `\"`) + `"},"tables":{}}`,
		"lists":                  "{\n\t\"streams\": [\"" + sql + "\"],\n\t\"rules\": [" + ruleJSON + "]\n}",
		"documents":              "---\nstreams: [\"" + sql + "\"]\n---\n" + ruleJSON + "\n---\n",
		"with its configuration": `{"Sluice":{"RestPort":1},"streams":["` + sql + `"],"rules":[` + ruleJSON + `]}`,
		"commands":               `{"commands":[{"url":"/streams","description":"x","method":"post","data":{"sql":"` + sql + `"}},{"url":"/rules","method":"POST","data":` + ruleJSON + `}]}`,
		"commands with names":    `{"commands":[{"url":"/streams/s","method":"put","data":{"sql":"` + sql + `"}},{"url":"rules/r","method":"PUT","data":` + ruleJSON + `}]}`,
	} {
		g := newGateway(t)
		g.Apply([]File{file("f", text)})
		if got := g.has(); got != "rule r, stream s" || len(g.Report().Problems) != 0 || len(g.calls) != 0 {
			t.Errorf("%s: %s, problems %q, calls %q", what, got, g.Report().Problems, g.calls)
		}
	}
	g := newGateway(t)
	g.Apply([]File{{Name: "configuration", Tree: map[string]any{"streams": map[string]any{"s": strings.ReplaceAll(sql, `\`, "")}, "rules": map[string]any{"r": ruleJSON}}},
		file("keys", `{"sourceConfig":{"mqtt":"{\"cloud\":{\"server\":\"tcp://x\"}}"}}`),
		file("m.yaml", "apiVersion: devices.kubeedge.io/v1beta1\nkind: DeviceModel\nmetadata: {name: lamp}\nspec: {properties: [{name: on, type: BOOLEAN}, {name: x, type: LAMP}]}\n")})
	g.want(t, "key mqtt/cloud map[server:tcp://x], rule r, stream lamp, stream s")
	g.problems(t, `m.yaml:1: device model "lamp": property "x": type "LAMP" is unknown`)
}

func TestCommandsThatDeclareNothingAreRunOnce(t *testing.T) {
	g := newGateway(t)
	g.fail = "/rules/nosuch"
	const text = `{"commands":[
	  {"url":"/streams/s","method":"delete"},
	  {"url":"/streams","method":"post","data":{"sql":"CREATE STREAM s () WITH (TYPE=\"memory\", DATASOURCE=\"t\")"}},
	  {"url":"/rules/nosuch","method":"DELETE"},
	  {"url":"/streams","method":"post","data":{"sql":"SHOW STREAMS"}},
	  {"url":"/rules","method":"fetch"},
	  7
	]}`
	for range 2 {
		g.Apply([]File{file("c.json", text)})
		g.want(t, "stream s")
		if want := `[DELETE /rules/nosuch  POST /streams {"sql":"SHOW STREAMS"}]`; fmt.Sprint(g.calls) != want {
			t.Errorf("calls %q", g.calls)
		}
	}
	g = restart(t, g.db)
	g.Apply([]File{file("c.json", text)})
	if len(g.calls) != 0 {
		t.Errorf("after a restart: %q", g.calls)
	}
	g.problems(t, `c.json:6: command /rules: no such method "FETCH"`, "c.json:7: command: ")
	g.Apply([]File{file("c.json", strings.Replace(text, "SHOW STREAMS", "SHOW TABLES", 1))})
	if len(g.calls) != 2 {
		t.Errorf("after a change: %q", g.calls)
	}
}

func FuzzParseFile(f *testing.F) {
	f.Add([]byte(plant))
	f.Add([]byte(`{"commands":[{"url":"/streams","method":"post","data":{"sql":"CREATE STREAM s () WITH ()"}}]}`))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseFile(File{Name: "f", Text: text}) })
}
