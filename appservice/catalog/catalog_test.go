package catalog

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func open(t *testing.T, db kv.DB, cfg Config) *Catalog {
	t.Helper()
	cfg.DB, cfg.Log = db, slog.New(slog.DiscardHandler)
	c, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func empty(t *testing.T) *Catalog { return open(t, kv.NewMemory(), Config{}) }

func exec(t *testing.T, c *Catalog, sql string) string {
	t.Helper()
	text, err := c.Exec(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestStatementsAnswerInKuipersWords(t *testing.T) {
	c := empty(t)
	dashes := strings.Repeat("-", 80)
	for _, step := range []struct{ sql, want string }{
		{`SHOW STREAMS`, "No stream definitions are found."},
		{`show tables`, "No table definitions are found."},
		{`CREATE STREAM demo (a BIGINT, g ARRAY(BIGINT), h STRUCT(x BIGINT, y ARRAY(STRUCT(z STRING)))) WITH (DATASOURCE="in/x", FORMAT="json", CONF_KEY="ck", SHARED="true")`, "Stream demo is created."},
		{`CREATE STREAM s1 () WITH (FORMAT="JSON", TYPE="edgex");`, "Stream s1 is created."},
		{`CREATE TABLE t1 (a BIGINT) WITH (DATASOURCE="t.json")`, "Table t1 is created."},
		{`SHOW STREAMS`, "demo\ns1"},
		{`SHOW TABLES`, "t1"},
		{`DESCRIBE STREAM demo`, "Fields\n" + dashes + "\na\tbigint\ng\tarray(bigint)\nh\tstruct(x bigint, y array(struct(z string)))\n\n" +
			"CONF_KEY: ck\nDATASOURCE: in/x\nFORMAT: json\nSHARED: true\n\n"},
		{`EXPLAIN STREAM demo`, "TO BE SUPPORTED"},
		{`DROP STREAM s1`, "Stream s1 is dropped."},
		{`DROP TABLE t1`, "Table t1 is dropped."},
		{`SHOW STREAMS`, "demo"},
	} {
		if got := exec(t, c, step.sql); got != step.want {
			t.Errorf("%s\ngot  %q\nwant %q", step.sql, got, step.want)
		}
	}
}

func TestStatementsFailInKuipersWords(t *testing.T) {
	c := empty(t)
	exec(t, c, `CREATE STREAM demo () WITH (DATASOURCE="x")`)
	exec(t, c, `CREATE TABLE t1 () WITH (DATASOURCE="x")`)
	for _, test := range []struct{ sql, want string }{
		{`CREATE STREAM demo () WITH (DATASOURCE="y")`, "Create stream fails: Item demo already exists."},
		{`CREATE TABLE demo () WITH (DATASOURCE="y")`, "Create table fails: Item demo already exists."},
		{`DESCRIBE STREAM nosuch`, "Describe stream fails, nosuch is not found."},
		{`DESCRIBE STREAM t1`, "Describe stream fails, stream t1 is not found."},
		{`DROP STREAM nosuch`, "Drop stream fails: stream nosuch is not found."},
		{`DROP TABLE demo`, "Drop table fails: table demo is not found."},
		{`EXPLAIN STREAM nosuch`, "Explain stream fails, nosuch is not found."},
		{`select * from demo`, "Invalid stream statement: select * from demo"},
		{`CREATE STREAM x () WITH (DATASOURCE="y", FORMAT="jsn")`, `option 'format=jsn' is invalid`},
		{`CREATE STREAM x () WITH (DATASOURCE="y", SHARED="maybe")`, `option SHARED must be TRUE or FALSE`},
		{`CREATE STREAM x () WITH (DATASOURCE="y", EXTRA="{")`, `option 'extra' is not a JSON object`},
		{`CREATE TABLE x () WITH (DATASOURCE="y", TYPE="memory", KIND="lookup")`, `Option "key" is required for memory lookup table.`},
		{"CREATE STREAM `x y` () WITH (DATASOURCE=\"y\")", "id 'x y' contains invalid characters: only alphanumeric, hyphens and underscores are allowed"},
	} {
		if _, err := c.Exec(test.sql); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s\ngot  %v\nwant %s", test.sql, err, test.want)
		}
	}
}

func TestASyntaxErrorKnowsItsPlace(t *testing.T) {
	_, err := empty(t).Exec("CREATE STREAM demo")
	if diag.CodeOf(err) != diag.Parse {
		t.Fatalf("code %d of %v", diag.CodeOf(err), err)
	}
	if line, col, ok := err.(*diag.Error).Position(); !ok || line != 1 || col < 15 {
		t.Errorf("line %d, column %d, %v", line, col, ok)
	}
}

func TestDescriptionsHaveKuipersShape(t *testing.T) {
	c := empty(t)
	exec(t, c, `CREATE STREAM demo (a BIGINT, g ARRAY(BIGINT), h STRUCT(x BIGINT)) WITH (DATASOURCE="in/demo", KEY="a", FORMAT="json", TYPE="mqtt", STRICT_VALIDATION="true", TIMESTAMP="d", RETAIN_SIZE="3", SHARED="TRUE")`)
	exec(t, c, `CREATE STREAM bare () WITH (TYPE="edgex", SHARED="false", CONF_KEY="")`)
	exec(t, c, `CREATE TABLE tab (a BIGINT) WITH (KIND="scan")`)
	for _, test := range []struct {
		name  string
		table bool
		want  string
	}{
		{"demo", false, `{"Name":"demo","StreamFields":[{"FieldType":"bigint","Name":"a"},{"FieldType":{"Type":"array","ElementType":"bigint"},"Name":"g"},{"FieldType":{"Type":"struct","Fields":[{"FieldType":"bigint","Name":"x"}]},"Name":"h"}],"Options":{"datasource":"in/demo","key":"a","format":"json","type":"mqtt","strictValidation":true,"timestamp":"d","retainSize":3,"shared":true},"StreamType":0,"Statement":null}`},
		{"bare", false, `{"Name":"bare","StreamFields":null,"Options":{"format":"json","type":"edgex"},"StreamType":0,"Statement":null}`},
		{"tab", true, `{"Name":"tab","StreamFields":[{"FieldType":"bigint","Name":"a"}],"Options":{"format":"json","kind":"scan"},"StreamType":1,"Statement":null}`},
	} {
		d, err := c.Describe(test.name, test.table)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(d); string(got) != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
	fields, err := c.Schema("demo", false)
	got, _ := json.Marshal(fields)
	want := `{"a":{"type":"bigint","index":0},"g":{"type":"array","items":{"type":"bigint","index":0},"index":0},"h":{"type":"struct","properties":{"x":{"type":"bigint","index":0}},"index":0}}`
	if err != nil || string(got) != want {
		t.Errorf("schema\ngot  %s, %v\nwant %s", got, err, want)
	}
	if fields, err := c.Schema("bare", false); fields != nil || err != nil {
		t.Errorf("schema of a schemaless stream: %v, %v", fields, err)
	}
}

func TestReplace(t *testing.T) {
	c := empty(t)
	exec(t, c, `CREATE STREAM demo () WITH (DATASOURCE="x", VERSION="2")`)
	exec(t, c, `CREATE TABLE tab () WITH (DATASOURCE="x")`)
	for _, test := range []struct{ name, sql, want, err string }{
		{"demo", `CREATE STREAM demo () WITH (DATASOURCE="y", VERSION="1")`, "", "Replace demo fails: source demo already exists with version (2), new version (1) is lower"},
		{"demo", `CREATE STREAM demo () WITH (DATASOURCE="z", VERSION="3")`, "Stream demo is replaced.", ""},
		{"demo", `CREATE STREAM other () WITH (DATASOURCE="z")`, "", "Replace demo fails: the sql statement must update the demo source."},
		{"demo", `SELECT * FROM demo`, "", "Invalid stream statement: SELECT * FROM demo"},
		{"tab", `CREATE STREAM tab () WITH (DATASOURCE="z")`, "", "Replace tab fails: tab is a table"},
		{"fresh", `CREATE STREAM fresh () WITH (DATASOURCE="z")`, "Stream fresh is replaced.", ""},
	} {
		got, err := c.Replace(test.name, false, test.sql)
		if text := errText(err); got != test.want || text != test.err {
			t.Errorf("%s: got %q, %q, want %q, %q", test.sql, got, text, test.want, test.err)
		}
	}
	if d, _ := c.Lookup("demo"); d.Options.Datasource != "z" {
		t.Errorf("demo reads %q", d.Options.Datasource)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestDefinitionsSurviveARestartUnlessTheyAreTemporary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := kv.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, db, Config{})
	exec(t, c, `CREATE STREAM demo (a BIGINT) WITH (DATASOURCE="x")`)
	exec(t, c, `CREATE STREAM gone (a BIGINT) WITH (DATASOURCE="x")`)
	exec(t, c, `CREATE STREAM temporary () WITH (DATASOURCE="x", TEMP="true")`)
	exec(t, c, `DROP STREAM gone`)
	if err := c.PutConfKey(Sources, "MQTT", "ck/1", map[string]any{"server": "tcp://b:1883"}); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateConnection(Connection{ID: "mc1", Type: "mqtt", Props: map[string]any{"server": "x"}}); err != nil {
		t.Fatal(err)
	}
	db.Put(kv.Streams, "broken", []byte("CREATE STREEM broken"))
	db.Close()

	if db, err = kv.Open(path, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c = open(t, db, Config{})
	if got := exec(t, c, "SHOW STREAMS"); got != "demo" {
		t.Errorf("streams %q", got)
	}
	if got := c.ConfKeys(Sources, "mqtt")["ck/1"]["server"]; got != "tcp://b:1883" {
		t.Errorf("conf key %v", got)
	}
	if conn, err := c.Connection("mc1"); err != nil || conn.Props["server"] != "x" {
		t.Errorf("connection %v, %v", conn, err)
	}
}

func TestConfKeys(t *testing.T) {
	c := open(t, kv.NewMemory(), Config{
		Defaults: func(typ string) map[string]any {
			if typ == "mqtt" {
				return map[string]any{"qos": 1}
			}
			return nil
		},
		Sections: func(kind Kind, typ string) map[string]map[string]any {
			if kind == Sources && typ == "mqtt" {
				return map[string]map[string]any{"file1": {"server": "from file"}}
			}
			return nil
		},
	})
	if got := c.ConfKeys(Sources, "nosuch"); len(got) != 0 || got == nil {
		t.Errorf("conf keys of an unknown type: %v", got)
	}
	if err := c.DeleteConfKey(Sources, "mqtt", "file1"); diag.CodeOf(err) != diag.ConfKey {
		t.Errorf("deleting a conf key of a file: %v", err)
	}
	c.PutConfKey(Sources, "mqtt", "mine", map[string]any{"server": "a", "qos": 2})
	c.PutConfKey(Sources, "mqtt", "mine", map[string]any{"server": "b"})
	want := map[string]map[string]any{"default": {"qos": 1}, "file1": {"server": "from file"}, "mine": {"server": "b"}}
	if got := c.ConfKeys(Sources, "mqtt"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := c.StoredConfKeys(Sources); len(got) != 1 || len(got["mqtt"]) != 1 {
		t.Errorf("stored: %v", got)
	}
	for range 2 { // the second fails and must not spoil later changes
		c.DeleteConfKey(Sources, "mqtt", "mine")
	}
	if err := c.PutConfKey(Sources, "mqtt", "mine", map[string]any{"server": "c"}); err != nil {
		t.Error(err)
	}
}

func TestConnections(t *testing.T) {
	c := empty(t)
	if err := c.CreateConnection(Connection{}); errText(err) != "id cannot be empty" {
		t.Errorf("no id: %v", err)
	}
	c.CreateConnection(Connection{ID: "mc1", Type: "nosuchtype"})
	for want, err := range map[string]error{
		"create connection failed: connection mc1 already been created": c.CreateConnection(Connection{ID: "mc1"}),
		"update connection failed: connection mc9 not existed":          c.UpdateConnection(Connection{ID: "mc9"}),
	} {
		if errText(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := c.Connection("nosuch"); !strings.HasPrefix(errText(err), "connection nosuch not existed") {
		t.Errorf("unknown connection: %v", err)
	}
	c.UpdateConnection(Connection{ID: "mc1", Type: "mqtt"})
	if got := c.Connections(); len(got) != 1 || got[0].Type != "mqtt" {
		t.Errorf("connections %v", got)
	}
	for range 2 { // dropping a missing one is fine
		if err := c.DropConnection("mc1"); err != nil {
			t.Error(err)
		}
	}
	if got := c.Connections(); got == nil || len(got) != 0 {
		t.Errorf("connections %v", got)
	}
}

func TestConcurrentChangesOfStreamsAndConfKeys(t *testing.T) {
	c := empty(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := "s" + string(rune('a'+i))
			for range 20 {
				if _, err := c.Exec("CREATE STREAM " + name + ` () WITH (DATASOURCE="x")`); err != nil {
					t.Error(err)
				}
				c.PutConfKey(Sources, "mqtt", name, map[string]any{"qos": 1})
				c.ConfKeys(Sources, "mqtt")
				c.Definitions(false, "")
				if err := c.Drop(name, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if ds := c.Definitions(false, ""); len(ds) != 0 {
		t.Errorf("%d streams are left", len(ds))
	}
}
