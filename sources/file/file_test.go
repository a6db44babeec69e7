package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// rig runs a file source and decodes what it delivers.
type rig struct {
	t      *testing.T
	dir    string
	src    sources.Source
	env    sources.Env
	dec    format.Decoder
	schema *row.Schema
	rows   []string // as JSON; the errors of a message, as "error: ...", before its rows
	got    []sources.Message
	lines  []int             // in each message
	stop   func(n int) error // called after each message with their number
}

func newRig(t *testing.T, props map[string]any, cfg format.Config) *rig {
	t.Helper()
	src, _, err := sources.Open("file", props)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), src: src, schema: cfg.Schema}
	if r.schema == nil {
		r.schema = &row.Schema{Open: true}
		cfg.Schema = r.schema
	}
	if r.dec, err = src.(sources.Decoding).Decoder(cfg); err != nil {
		t.Fatal(err)
	}
	if r.dec == nil {
		f, _ := format.Lookup("json")
		if r.dec, err = f.NewDecoder(cfg); err != nil {
			t.Fatal(err)
		}
	}
	r.env = sources.Env{Stream: "demo", Datasource: "in", DataDir: r.dir, Log: slog.New(slog.DiscardHandler),
		Clock: clock.Wall, Status: exec.NewLink(clock.Wall)}
	return r
}

func (r *rig) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rig) run(ctx context.Context) error {
	return r.src.Run(ctx, r.env, func(m sources.Message) error {
		batch := row.Batch{Schema: r.schema}
		fail := func(err error) { r.rows = append(r.rows, "error: "+err.Error()) }
		if m.Lines {
			format.DecodeLines(r.dec, m.Payload, &batch, fail)
		} else if err := r.dec.Decode(m.Payload, &batch); err != nil {
			fail(err)
		}
		for i := range batch.Rows {
			text, _ := value.AppendJSON(nil, row.Object(r.schema, &batch.Rows[i]))
			r.rows = append(r.rows, string(text))
		}
		r.got = append(r.got, m)
		r.lines = append(r.lines, bytes.Count(m.Payload, []byte("\n")))
		if r.stop != nil {
			return r.stop(len(r.got))
		}
		return nil
	})
}

func (r *rig) want(rows ...string) {
	r.t.Helper()
	if !slices.Equal(r.rows, rows) {
		r.t.Errorf("got rows\n%s\nwant\n%s", strings.Join(r.rows, "\n"), strings.Join(rows, "\n"))
	}
}

func quiet() format.Config { return format.Config{NoMeta: true} }

func TestFilesAreReadByType(t *testing.T) {
	intText := &row.Schema{Cols: []value.Field{{Name: "id", Type: value.Type{Kind: value.Int}}, {Name: "name", Type: value.Type{Kind: value.String}}}}
	for _, c := range []struct {
		name  string
		props map[string]any
		cfg   format.Config
		text  string
		want  []string
	}{
		{"lines", map[string]any{"fileType": "lines"}, quiet(), "{\"a\":1}\n{\"a\":2}\r\n\n{\"a\":3}", []string{`{"a":1}`, `{"a":2}`, `{"a":3}`}},
		{"a garbage line loses itself", map[string]any{"fileType": "lines"}, quiet(), "{\"a\":1}\n{\"a\"\n{\"a\":3}\n",
			[]string{`error: cannot parse JSON: unexpected end at byte 4`, `{"a":1}`, `{"a":3}`}},
		{"no lines", map[string]any{"fileType": "lines"}, quiet(), "", nil},
		{"lines to ignore", map[string]any{"fileType": "lines", "ignoreStartLines": 1, "ignoreEndLines": 2}, quiet(),
			"# begin\n{\"a\":1}\n{\"a\":2}\n# x\n# end", []string{`{"a":1}`, `{"a":2}`}},
		{"more lines to ignore than there are", map[string]any{"fileType": "lines", "ignoreStartLines": 3}, quiet(), "x\ny", nil},
		{"json is the default", nil, quiet(), `[{"a":1}, {"a":2} ]`, []string{`{"a":1}`, `{"a":2}`}},
		{"one object over many lines", map[string]any{"fileType": "json"}, quiet(), "{\n \"a\": {\n  \"b\": \"x\"\n }\n}\n", []string{`{"a":{"b":"x"}}`}},
		{"several documents", map[string]any{"fileType": "json"}, quiet(), "{\"a\":1}\n[]\n[{\"a\":2}]", []string{`{"a":1}`, `{"a":2}`}},
		{"json that ends too early", map[string]any{"fileType": "json"}, quiet(), `[{"a":1},{"a":`, []string{`{"a":1}`, `error: cannot parse JSON: unexpected ',' at byte 0`}},
		{"json without its bracket", map[string]any{"fileType": "json"}, quiet(), "[{\"a\":1}\n", []string{`{"a":1}`, `error: cannot parse JSON: unexpected end at byte 1`}},
		{"json of another shape", map[string]any{"fileType": "json"}, quiet(), `[1,{"a":1}]`,
			[]string{`error: cannot parse JSON: expected an object or an array of objects, found number`, `{"a":1}`}},
		{"csv with a header", map[string]any{"fileType": "csv", "hasHeader": true}, quiet(), "id,name\n1,\"a, \"\"b\"\"\nc\"\n2,d\n",
			[]string{`{"id":"1","name":"a, \"b\"\nc"}`, `{"id":"2","name":"d"}`}},
		{"csv with columns", map[string]any{"fileType": "csv", "columns": []any{"x", "y"}}, quiet(), "1,2\n3,4", []string{`{"x":"1","y":"2"}`, `{"x":"3","y":"4"}`}},
		{"csv whose header is not taken", map[string]any{"fileType": "csv", "hasHeader": true, "columns": "x,y"}, quiet(), "a,b\n1,2\n", []string{`{"x":"1","y":"2"}`}},
		{"csv by the declared columns", map[string]any{"fileType": "csv"}, format.Config{Schema: intText, Declared: intText, Delimiter: ";", NoMeta: true},
			"1;a\nx;b\n3;c", []string{`error: id: cannot convert "x" to bigint: invalid syntax`, `{"id":1,"name":"a"}`, `{"id":3,"name":"c"}`}},
		{"csv without names", map[string]any{"fileType": "csv", "ignoreStartLines": 1, "ignoreEndLines": 1}, quiet(), "x\n1,2\n3,4\n", []string{`{"col0":"1","col1":"2"}`}},
		{"raw", map[string]any{"fileType": "raw"}, quiet(), "{\"a\":\n1}", []string{`{"a":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.props, c.cfg)
			r.write("in", c.text)
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.want(c.want...)
			if n := len(r.rows); n > 2 && len(r.got) != 1 {
				t.Errorf("%d rows came in %d messages", n, len(r.got))
			}
		})
	}
}

func TestLargeFilesComeInBlocks(t *testing.T) {
	for _, props := range []map[string]any{
		{"fileType": "lines"},
		{"fileType": "lines", "ignoreEndLines": 3},
		{"fileType": "csv", "hasHeader": true, "decompression": "gzip"},
		{"fileType": "json", "decompression": "zstd"},
	} {
		const rows = 20000
		r := newRig(t, props, quiet())
		var text bytes.Buffer
		kind := props["fileType"]
		if kind == "csv" {
			text.WriteString("n,pad\n")
		}
		for i := range rows {
			pad := strings.Repeat("x", i*i%300)
			switch kind {
			case "csv":
				fmt.Fprintf(&text, "%d,\"%s\n\"\n", i, pad)
			default:
				fmt.Fprintf(&text, "{\"n\":\"%d\",\"pad\":\"%s\\n\"}\n", i, pad)
			}
		}
		if props["ignoreEndLines"] != nil {
			text.WriteString("1\n2\n3\n")
		}
		r.write("in", compressed(t, props["decompression"], text.String()))
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(r.rows) != rows {
			t.Fatalf("%v: %d rows", props, len(r.rows))
		}
		for i, got := range r.rows {
			if want := fmt.Sprintf(`{"n":"%d","pad":"%s\n"}`, i, strings.Repeat("x", i*i%300)); got != want {
				t.Fatalf("%v: row %d is %s", props, i, got)
			}
		}
		if n := len(r.got); n < 10 || n > rows/100 {
			t.Errorf("%v: %d messages", props, n)
		}
		for i, m := range r.got {
			if r.lines[i] > 3000 || len(m.Payload) > maxBlock+10 {
				t.Errorf("%v: a block of %d lines and %d bytes", props, r.lines[i], len(m.Payload))
			}
		}
	}
}

func compressed(t *testing.T, how any, text string) string {
	t.Helper()
	var b bytes.Buffer
	switch how {
	case "gzip":
		z := gzip.NewWriter(&b)
		fmt.Fprint(z, text)
		z.Close()
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(z, text)
		z.Close()
	default:
		return text
	}
	return b.String()
}

func TestALineMayBeLongerThanABlock(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines"}, quiet())
	long := strings.Repeat("x", 3*maxBlock)
	r.write("in", `{"a":"`+long+`"}`+"\n"+`{"a":"y"}`)
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(`{"a":"`+long+`"}`, `{"a":"y"}`)
}

func TestWhoeverAsksForMetaGetsFileAndLine(t *testing.T) {
	for kind, text := range map[string]string{
		"lines": "skip\n{\"a\":1}\n\n{\"a\":2}\n",
		"json":  "\n[{\"a\":1},\n\n {\"a\":\n2}]",
		"csv":   "skip\na\n1\n2",
	} {
		props := map[string]any{"fileType": kind}
		if kind != "json" {
			props["ignoreStartLines"] = 1
		}
		if kind == "csv" {
			props["hasHeader"] = true
		}
		r := newRig(t, props, format.Config{})
		path := r.write("in", text)
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var lines []int64
		for _, m := range r.got {
			if f := m.Meta.Key("file"); f.Str() != path {
				t.Errorf("%s: file is %s", kind, f)
			}
			lines = append(lines, m.Meta.Key("lineNo").Int())
		}
		want := map[string][]int64{"lines": {2, 4}, "json": {2, 4}, "csv": {3, 4}}[kind]
		if !slices.Equal(lines, want) || len(r.rows) != 2 {
			t.Errorf("%s: lines %v of rows %v, want %v", kind, lines, r.rows, want)
		}
	}
}

func TestFoldersAreReadInTheOrderOfNames(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines", "path": "sub"}, quiet())
	r.env.Datasource = ""
	r.write("sub/b", `{"a":2}`)
	r.write("sub/a", `{"a":1}`)
	r.write("sub/.hidden", `{"a":0}`)
	r.write("sub/deeper/c", `{"a":3}`)
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(`{"a":1}`, `{"a":2}`)
	if got := r.got[1].Meta.Key("file").Str(); got != filepath.Join(r.dir, "sub/b") {
		t.Errorf("file is %s", got)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ name, path, datasource string }{
		{"the data folder is the default", "", "x/in.json"},
		{"Kuiper's default is the data folder", "data", "x/in.json"},
		{"a folder in Kuiper's default", "data/x", "in.json"},
		{"a folder in the data folder", "x", "in.json"},
		{"an absolute folder", "DIR/x", "in.json"},
		{"an absolute file", "", "DIR/x/in.json"},
		{"a leading slash below a folder", "x", "/in.json"},
	} {
		r := newRig(t, map[string]any{}, quiet())
		r.src.(*Source).path = strings.Replace(c.path, "DIR", r.dir, 1)
		r.env.Datasource = strings.Replace(c.datasource, "DIR", r.dir, 1)
		r.write("x/in.json", `{"a":1}`)
		if err := r.run(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r.want(`{"a":1}`)
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	r := newRig(t, nil, quiet())
	err := r.run(t.Context())
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "file source: stat ") {
		t.Errorf("got %v", err)
	}
	if err := r.src.(sources.Pinger).Ping(t.Context(), r.env); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ping: %v", err)
	}
	r.write("in", "{}")
	if err := r.src.(sources.Pinger).Ping(t.Context(), r.env); err != nil {
		t.Errorf("ping: %v", err)
	}
}

func TestBrokenCompressionIsAnError(t *testing.T) {
	for how, want := range map[string]string{"gzip": "gzip: invalid header", "zstd": "magic number mismatch"} {
		r := newRig(t, map[string]any{"fileType": "lines", "decompression": how}, quiet())
		r.write("in", "not compressed at all, but long enough for a header")
		if err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", how, err)
		}
	}
}

func TestPropertiesAreChecked(t *testing.T) {
	for want, props := range map[string]map[string]any{
		"the value could be only json or csv or lines or raw": {"fileType": "xml"},
		"missing moveTo property":                             {"actionAfterRead": 2},
		"the value could be only 0 or 1 or 2":                 {"actionAfterRead": 3},
		"the value must be at least 0":                        {"ignoreStartLines": -1},
		`has no property "fileTyp"`:                           {"fileTyp": "json"},
	} {
		if _, _, err := sources.Open("file", props); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", props, err)
		}
	}
}
