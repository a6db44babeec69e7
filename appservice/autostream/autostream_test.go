package autostream

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sources/edgex"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// followed stands for the rules: it knows which streams they read, and keeps
// what it is told.
type followed struct {
	mu    sync.Mutex
	reads []string
	told  []string
}

func (f *followed) Using(stream string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.reads, stream) {
		return []string{"r"}
	}
	return nil
}

func (f *followed) Follow(stream, because string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, stream+": "+because)
}

type keeper struct {
	*Streams
	db    kv.DB
	cat   *catalog.Catalog
	rules *followed
}

func newKeeper(t testing.TB, change func(*Config)) *keeper {
	t.Helper()
	return reopen(t, kv.NewMemory(), change)
}

func reopen(t testing.TB, db kv.DB, change func(*Config)) *keeper {
	t.Helper()
	cat, err := catalog.Open(catalog.Config{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{db: db, cat: cat, rules: &followed{}}
	cfg := Config{Catalog: cat, Rules: k.rules, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	k.Streams = New(cfg)
	return k
}

// streams lists the streams as name(columns).
func (k *keeper) streams() string {
	var all []string
	for _, d := range k.cat.Definitions(false, "") {
		var cols []string
		for _, c := range d.Cols {
			cols = append(cols, c.Name)
		}
		all = append(all, d.Name+"("+strings.Join(cols, " ")+")")
	}
	return strings.Join(all, " ")
}

func (k *keeper) want(t *testing.T, want string) {
	t.Helper()
	if got := k.streams(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// profile is one with columns of type BIGINT.
func profile(name string, columns ...string) Model {
	m := Model{Kind: EdgeX, Model: devicemodel.Model{Name: name}, Options: Options("edgex", name)}
	for _, c := range columns {
		m.Model.Properties = append(m.Model.Properties, devicemodel.Property{Name: c, Type: value.Type{Kind: value.Int}, Readable: true})
	}
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachProfileHasAStream(t *testing.T) {
	k := newKeeper(t, nil)
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("b-1", "x"), profile("a", "y", "z")}))
	k.want(t, "a(y z) b_1(x)")
	must(t, k.Put(Metadata, profile("a", "y")))
	must(t, k.Put(Metadata, profile("a", "y"))) // it comes once for each device service
	must(t, k.Put(Metadata, profile("c")))
	k.want(t, "a(y) b_1(x) c()")
	k.Remove(Metadata, EdgeX, "b-1")
	k.Remove(Metadata, EdgeX, "nosuch")
	k.want(t, "a(y) c()")
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("c", "n")}))
	k.want(t, "c(n)")
	if got, want := fmt.Sprint(k.rules.told), `[b_1: device profile "b-1" a: device profile "a" a: device profile "a" c: device profile "c" c: device profile "c"]`; got != want {
		t.Errorf("rules were told\n%s\n%s", got, want)
	}
}

func TestNamesThatFallTogetherGetNumbersAndKeepThem(t *testing.T) {
	k := newKeeper(t, nil)
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a.b", "x"), profile("a b", "y"), profile("a-b", "z")}))
	k.want(t, "a_b(x) a_b_2(y) a_b_3(z)")
	k.Remove(Metadata, EdgeX, "a.b")
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a-b", "z"), profile("a b", "y")}))
	k.want(t, "a_b_2(y) a_b_3(z)")
	k = reopen(t, k.db, nil)
	must(t, k.Put(Metadata, profile("a-b", "z2")))
	k.want(t, "a_b_2(y) a_b_3(z2)")
}

func TestAUsersStreamIsNeverTouched(t *testing.T) {
	k := newKeeper(t, nil)
	if _, err := k.cat.Exec(`CREATE STREAM mine (m BIGINT) WITH (DATASOURCE="t")`); err != nil {
		t.Fatal(err)
	}
	err := k.Replace(Metadata, EdgeX, []Model{profile("mine", "x"), profile("other", "y")})
	if err == nil || !strings.Contains(err.Error(), `"mine": stream mine was made by a user and stays as it is`) {
		t.Errorf("error %v", err)
	}
	if p := k.Report(EdgeX).Problems; len(p) != 1 || !strings.Contains(p[0], "mine") {
		t.Errorf("problems %q", p)
	}
	k.Remove(Metadata, EdgeX, "mine")
	k.want(t, "mine(m) other(y)")
	if _, err := k.cat.Replace("other", false, `CREATE STREAM other (u BIGINT) WITH (DATASOURCE="t")`); err != nil {
		t.Fatal(err)
	}
	must(t, k.Replace(Metadata, EdgeX, nil)) // it is the user's now
	k.want(t, "mine(m) other(u)")
}

func TestAStreamThatIsReadOutlivesItsProfile(t *testing.T) {
	k := newKeeper(t, nil)
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a", "x")}))
	k.rules.reads = []string{"a"}
	k.Remove(Metadata, EdgeX, "a")
	k.want(t, "a(x)")
	if o := k.cat.Origin("a"); o == nil || !o.Gone || k.Report(EdgeX).Gone != 1 {
		t.Errorf("origin %+v", o)
	}
	must(t, k.Put(Metadata, profile("a", "x", "y"))) // it comes back
	if o := k.cat.Details("a"); o.Gone || o.Changes == nil || fmt.Sprint(o.Changes.Added) != "[y]" {
		t.Errorf("origin %+v", o)
	}
	if text, _ := k.cat.Exec("DESCRIBE STREAM a"); !strings.Contains(text, "CHANGED: +y\n") {
		t.Errorf("described as\n%s", text)
	}
	k.Remove(Metadata, EdgeX, "a")
	k.Released([]string{"a", "nosuch"})
	k.want(t, "a(x y)")
	k.rules.reads = nil
	k.Released([]string{"a"})
	k.want(t, "")
}

func TestLaterPlacesWin(t *testing.T) {
	k := newKeeper(t, func(c *Config) { c.Listed = true })
	must(t, k.Replace(Files, EdgeX, []Model{profile("a", "file"), profile("f", "file")}))
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a", "metadata")}))
	k.want(t, "a(metadata) f(file)")
	must(t, k.Replace(ConfigMap, EdgeX, []Model{profile("a", "mounted")}))
	k.want(t, "a(mounted) f(file)")
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a", "metadata2")}))
	must(t, k.Replace(Files, EdgeX, []Model{profile("a", "file2")}))
	k.want(t, "a(mounted)")
	must(t, k.Replace(ConfigMap, EdgeX, nil))
	k.want(t, "a(file2)") // until core-metadata is listed again
	must(t, k.Replace(Metadata, EdgeX, []Model{profile("a", "metadata3")}))
	must(t, k.Replace(Files, EdgeX, []Model{profile("a", "file3")}))
	k.want(t, "a(metadata3)")
	k.Remove(Metadata, EdgeX, "a")
	k.want(t, "a(file3)")

	k = reopen(t, k.db, func(c *Config) { c.Listed = true })
	must(t, k.Put(Metadata, profile("a", "metadata4")))
	k = reopen(t, k.db, func(c *Config) { c.Listed = true }) // core-metadata is away: what it said last counts
	must(t, k.Replace(Files, EdgeX, []Model{profile("a", "file4")}))
	k.want(t, "a(metadata4)")
	k = reopen(t, k.db, nil) // it is not asked any more
	must(t, k.Replace(Files, EdgeX, []Model{profile("a", "file5")}))
	k.want(t, "a(file5)")
}

func TestPatternsSayWhichProfilesHaveStreams(t *testing.T) {
	k := newKeeper(t, func(c *Config) { c.Include, c.Exclude = []string{"press-*", "x"}, []string{"*-old"} })
	must(t, k.Replace(Files, EdgeX, []Model{profile("press-1"), profile("press-old"), profile("x"), profile("y")}))
	k.want(t, "press_1() x()")
	k = reopen(t, k.db, func(c *Config) { c.Exclude = []string{"x"} })
	must(t, k.Replace(Files, EdgeX, []Model{profile("press-1"), profile("press-old"), profile("x"), profile("y")}))
	k.want(t, "press_1() press_old() y()")
}

func TestTheNameTemplate(t *testing.T) {
	named := func(text string) func(*Config) {
		return func(c *Config) {
			var err error
			c.Name, err = param.NewTemplate("name", text)
			must(t, err)
		}
	}
	p, q := profile("a", "x"), profile("b", "y")
	p.Vars = map[string]any{"Manufacturer": "ACME"}
	k := newKeeper(t, named("{{.Manufacturer | lower}}-{{.Name}}"))
	must(t, k.Replace(Files, EdgeX, []Model{p}))
	k.want(t, "acme_a(x)")
	k = reopen(t, k.db, named("new_{{.Name}}"))
	k.rules.reads = []string{"acme_a"} // it keeps its name while it is read
	must(t, k.Replace(Files, EdgeX, []Model{p, q}))
	k.want(t, "acme_a(x) new_b(y)")
	k.rules.reads = nil
	must(t, k.Replace(Files, EdgeX, []Model{p, q}))
	k.want(t, "new_a(x) new_b(y)")
	k = newKeeper(t, named("{{.Name.Nothing}}"))
	if err := k.Put(Files, p); err == nil || !strings.Contains(err.Error(), `device profile "a"`) {
		t.Errorf("error %v", err)
	}
}

func TestOneStreamMayCatchAll(t *testing.T) {
	k := newKeeper(t, nil)
	must(t, k.CatchAll("edgex", ast.Options{Type: "edgex", Datasource: "edgex/events/device/#"}))
	must(t, k.Replace(Metadata, EdgeX, nil))
	k.want(t, "edgex()")
	must(t, k.CatchAll("all", ast.Options{Type: "edgex", Datasource: "edgex/events/device/#"}))
	k.want(t, "all()")
	must(t, k.CatchAll("", ast.Options{}))
	k.want(t, "")
}

func TestWhatIsThereTwiceIsNamed(t *testing.T) {
	k := newKeeper(t, nil)
	err := k.Replace(ConfigMap, KubeEdge, []Model{{Kind: KubeEdge, Model: devicemodel.Model{Name: "m"}}, {Kind: KubeEdge, Model: devicemodel.Model{Name: "m"}}})
	if err == nil || err.Error() != `device model "m" is there twice in ConfigMap, the first one counts` {
		t.Errorf("error %v", err)
	}
	k.want(t, "m()")
	must(t, k.Replace(ConfigMap, KubeEdge, nil))
	if p := k.Report(KubeEdge).Problems; len(p) != 0 {
		t.Errorf("problems %q", p)
	}
}

func TestColumnsKeepWhatTheProfileSays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "devicemodel", "edgex", "testdata", "v3-deviceprofile-all.json"))
	must(t, err)
	profiles, err := edgex.Parse(text)
	must(t, err)
	k := newKeeper(t, nil)
	for i := range profiles {
		must(t, k.Put(Metadata, ProfileModel(&profiles[i], "edgex")))
	}
	described, err := k.cat.Exec("DESCRIBE STREAM Press_Line_Sensor")
	must(t, err)
	if !strings.Contains(described, "Temperature\tfloat\tCel, Bearing temperature") || !strings.Contains(described, "ORIGIN: edgex \"Press-Line-Sensor\" from core-metadata\n") {
		t.Errorf("described as\n%s", described)
	}
}

func TestAProfileMayHaveTenThousandResources(t *testing.T) {
	k := newKeeper(t, nil)
	for _, columns := range []int{10000, 9999} { // and lose one
		must(t, k.Replace(Metadata, EdgeX, many(0, 1, columns)))
		if d, ok := k.cat.Lookup("Profile_0000"); !ok || len(d.Cols) != columns {
			t.Fatalf("%v", ok)
		}
	}
	if o := k.cat.Details("Profile_0000"); fmt.Sprint(o.Changes.Removed) != "[Resource9999]" {
		t.Errorf("%+v", o.Changes)
	}
}

// many are some of the profiles of a large site.
func many(from, profiles, resources int) []Model {
	models := make([]Model, profiles)
	for i := range models {
		p := edgex.Profile{Name: fmt.Sprintf("Profile-%04d", from+i), Manufacturer: "ACME"}
		for j := range resources {
			p.DeviceResources = append(p.DeviceResources, edgex.Resource{Name: fmt.Sprintf("Resource%02d", j), Description: fmt.Sprintf("value %d", j),
				Properties: edgex.ResourceProperties{ValueType: []string{"Float32", "Int64", "Bool", "StringArray"}[j%4], ReadWrite: "R", Units: "unit"}})
		}
		models[i] = ProfileModel(&p, "edgex")
	}
	return models
}

// BenchmarkFiveThousandProfiles shows the time until 5,000 profiles of 50
// resources are streams on disk, the heap they take, and a list that says the
// same again.
func BenchmarkFiveThousandProfiles(b *testing.B) {
	for b.Loop() {
		db, err := kv.Open(filepath.Join(b.TempDir(), "db"), slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		k := reopen(b, db, nil)
		list := k.List(Metadata, EdgeX)
		for from := 0; from < 5000; from += pageSize {
			list.Add(many(from, pageSize, 50))
		}
		if err := list.Done(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
		b.ReportMetric(float64(m.Sys)/(1<<20), "sys-MiB")
		b.StartTimer()
		if n := len(k.cat.Definitions(false, "")); n != 5000 {
			b.Fatalf("%d streams", n)
		}
		db.Close()
	}
}
