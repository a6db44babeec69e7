package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// database is a server with a table of devices.
type database struct {
	url    string
	server *testserver.Server
}

func postgres(t *testing.T) database {
	s := testserver.Postgres(t)
	d := database{fmt.Sprintf("postgres://plant:secret@%s/postgres?sslmode=disable", s.Addr), s}
	d.exec(t, `CREATE TABLE devices (id BIGINT, name TEXT, max NUMERIC(6,2), "on" BOOLEAN, made TIMESTAMP, raw BYTEA, "odd "" name" INT)`,
		`INSERT INTO devices VALUES (1, 'press', 10.50, true, '2024-01-02 03:04:05', '\x0102', 7), (2, 'mill', null, false, null, null, null), (2, 'drill', 3, true, null, null, null)`)
	return d
}

func mariadb(t *testing.T) database {
	s := testserver.MariaDB(t)
	d := database{fmt.Sprintf("mysql://plant:secret@%s/plant", s.Addr), s}
	d.exec(t, "CREATE TABLE devices (id BIGINT, name TEXT, max DECIMAL(6,2), `on` BOOLEAN, made DATETIME, raw BLOB, `odd \" name` INT)",
		`INSERT INTO devices VALUES (1, 'press', 10.50, true, '2024-01-02 03:04:05', x'0102', 7), (2, 'mill', null, false, null, null, null), (2, 'drill', 3, true, null, null, null)`)
	return d
}

// exec runs statements; the server may need a moment until it knows its users.
func (d database) exec(t *testing.T, statements ...string) {
	t.Helper()
	p := place{url: d.url}
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	defer p.db.Close()
	poll, deadline := time.NewTicker(20*time.Millisecond), time.After(20*time.Second)
	defer poll.Stop()
	for err := p.db.Ping(); err != nil; err = p.db.Ping() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
	for _, s := range statements {
		if _, err := p.db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func eachDatabase(t *testing.T, run func(t *testing.T, d database)) {
	t.Run("postgres", func(t *testing.T) { run(t, postgres(t)) })
	t.Run("mariadb", func(t *testing.T) { run(t, mariadb(t)) })
}

func column(name string, k value.Kind) value.Field {
	return value.Field{Name: name, Type: value.Type{Kind: k}}
}

func TestRowsAreFoundByTheirKeys(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		l, err := sources.OpenTable(t.Context(), sources.TableConfig{
			Name: "dev", Driver: "sql", Datasource: "devices", Props: map[string]any{"dburl": d.url, "lookupTimeout": "10s"}, Log: slog.New(slog.DiscardHandler), Clock: clock.Wall,
			Declared: &row.Schema{Cols: []value.Field{column("id", value.Int), column("name", value.String), column("max", value.Float), column("on", value.Bool), column("made", value.Time), column("raw", value.Bytes), column(`odd " name`, value.Int)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ask := func(q sources.Query) string {
			rows, err := l.Lookup(t.Context(), q)
			if err != nil {
				return "error: " + err.Error()
			}
			b, err := value.AppendJSON(nil, value.OfArray(rows))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		id := []string{"id"}
		for _, c := range []struct {
			q    sources.Query
			want string
		}{
			{sources.Query{Keys: id, Values: []value.Value{value.OfFloat(1)}}, `[{"id":1,"made":"2024-01-02T03:04:05Z","max":10.5,"name":"press","odd \" name":7,"on":true,"raw":"AQI="}]`},
			{sources.Query{Keys: id, Values: []value.Value{value.OfInt(2)}, Fields: []string{"name", "max", "on"}}, `[{"max":null,"name":"mill","on":false},{"max":3,"name":"drill","on":true}]`},
			{sources.Query{Keys: []string{"id", "name"}, Values: []value.Value{value.OfInt(2), value.OfString("drill")}, Fields: []string{"name"}}, `[{"name":"drill"}]`},
			{sources.Query{Keys: id, Values: []value.Value{value.OfInt(9)}}, `[]`},
			{sources.Query{Keys: []string{"name"}, Values: []value.Value{value.OfString(`' OR 1=1 --`)}}, `[]`},
			{sources.Query{Keys: []string{`odd " name`}, Values: []value.Value{value.OfInt(7)}, Fields: []string{"id"}}, `[{"id":1}]`},
		} {
			if got := ask(c.q); got != c.want {
				t.Errorf("%v = %v: got %s, want %s", c.q.Keys, c.q.Values, got, c.want)
			}
		}
		if got := ask(sources.Query{Keys: []string{"nope"}, Values: []value.Value{value.OfInt(1)}}); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, "nope") {
			t.Errorf("a column that is not there: %s", got)
		}
		d.server.Stop()
		if got := ask(sources.Query{Keys: id, Values: []value.Value{value.OfInt(1)}}); !strings.HasPrefix(got, "error: ") || strings.Contains(got, "secret") {
			t.Errorf("server away: %s", got)
		}
		d.server.Start()
		deadline := time.Now().Add(20 * time.Second)
		for got := ""; !strings.Contains(got, "press"); got = ask(sources.Query{Keys: id, Values: []value.Value{value.OfInt(1)}}) {
			if time.Now().After(deadline) {
				t.Fatalf("server back: %s", got)
			}
		}
	})
}

// hurried is a clock that moves on as soon as somebody waits.
type hurried struct{ *clock.Virtual }

func (h hurried) After(d time.Duration) (<-chan time.Time, func()) {
	h.Set(h.Now().Add(d))
	return h.Virtual.After(0)
}

// pull runs a source until it has delivered n rows; at is called behind row.
func pull(t *testing.T, props map[string]any, resume []byte, n int, behind func(int)) (got []string, offset []byte) {
	t.Helper()
	src, _, err := sources.Open("sql", props)
	if err != nil {
		t.Fatal(err)
	}
	c := hurried{clock.NewVirtual(time.UnixMilli(0))}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = src.Run(ctx, sources.Env{Clock: c, Status: exec.NewLink(c), Resume: resume}, func(m sources.Message) error {
		name, _ := m.Batch.Rows[0].Rest.Lookup("name")
		got, offset = append(got, name.String()), m.Offset
		if behind != nil {
			behind(len(got))
		}
		if len(got) == n {
			return context.Canceled
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return got, offset
}

func TestAStreamGoesOnBehindItsIndex(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		d.exec(t, "CREATE TABLE log (id BIGINT, at TIMESTAMP NULL, name VARCHAR(10))",
			"INSERT INTO log VALUES (1, '2024-01-01 00:00:01', 'a'), (2, '2024-01-01 00:00:02', 'b'), (3, '2024-01-01 00:00:03.5', 'c')")
		more := func(n int) {
			if n == 3 {
				d.exec(t, "INSERT INTO log VALUES (4, '2024-01-01 00:00:04', 'd')")
			}
		}
		byID := map[string]any{"dburl": d.url, "internalSqlQueryCfg": map[string]any{"table": "log", "limit": 2, "indexField": "id", "indexValue": 0, "indexFieldType": "bigint"}}
		got, offset := pull(t, byID, nil, 4, more)
		if fmt.Sprint(got) != "[a b c d]" || string(offset) != `{"index":4}` {
			t.Errorf("got %v, offset %s", got, offset)
		}
		if got, _ := pull(t, byID, []byte(`{"index":2}`), 2, nil); fmt.Sprint(got) != "[c d]" {
			t.Errorf("resumed: got %v", got)
		}
		byTime := map[string]any{"dburl": d.url, "internalSqlQueryCfg": map[string]any{
			"table": "log", "indexField": "at", "indexValue": "2024-01-01 00:00:02", "indexFieldType": "DATETIME", "dateTimeFormat": "yyyy-MM-dd HH:mm:ss"}}
		if got, offset := pull(t, byTime, nil, 2, nil); fmt.Sprint(got) != "[c d]" || !strings.Contains(string(offset), "2024-01-01T00:00:04") {
			t.Errorf("by time: got %v, %s", got, offset)
		}
		byText := map[string]any{"dburl": d.url, "templateSqlQueryCfg": map[string]any{
			"TemplateSql": "SELECT * FROM log WHERE id > {{.id}} ORDER BY id", "indexField": "id", "indexValue": 1}}
		if got, _ := pull(t, byText, nil, 3, nil); fmt.Sprint(got) != "[b c d]" {
			t.Errorf("by template: got %v", got)
		}
	})
}

func TestWrongPropertiesAreRefusedWithoutTheirSecrets(t *testing.T) {
	for _, c := range []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{}, "dburl"},
		{map[string]any{"url": "mongo://u:topsecret@h/d"}, "scheme mongo is not one of postgres, mysql"},
		{map[string]any{"url": "://u:topsecret@h"}, "write scheme://user:password@host:port/database"},
		{map[string]any{"url": "mysql://u@h/d", "internalSqlQueryCfg": map[string]any{"tabel": "x"}}, `did you mean "table"?`},
		{map[string]any{"url": "mysql://u@h/d", "internalSqlQueryCfg": map[string]any{}, "templateSqlQueryCfg": map[string]any{}}, "exclude each other"},
		{map[string]any{"url": "mysql://u@h/d", "templateSqlQueryCfg": map[string]any{"TemplateSql": "{{"}}, "TemplateSql"},
	} {
		_, _, err := sources.Open("sql", c.props)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v: got %v, want %s", c.props, err, c.want)
		}
	}
}
