package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var start = time.UnixMilli(1700000000000)

// rig is a connected sink in a folder of its own.
type rig struct {
	t     testing.TB
	dir   string
	sink  *sink
	clock *clock.Virtual
}

func bind(props map[string]any) (*sink, error) {
	s := &sink{}
	p := param.New(`sink "file"`)
	s.Params(p)
	return s, p.Bind(props)
}

func newRig(t testing.TB, props map[string]any) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), clock: clock.NewVirtual(start)}
	r.connect(props)
	return r
}

// connect makes another sink in the same folder, as after a restart.
func (r *rig) connect(props map[string]any) {
	r.t.Helper()
	all := map[string]any{"path": "out.txt"}
	maps.Copy(all, props)
	var err error
	if r.sink, err = bind(all); err != nil {
		r.t.Fatal(err)
	}
	env := sinks.Env{Rule: "r", DataDir: r.dir, Log: slog.New(slog.DiscardHandler), Clock: r.clock, Status: exec.NewLink(r.clock)}
	if err := r.sink.Connect(context.Background(), env); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) write(records ...string) {
	r.t.Helper()
	for _, rec := range records {
		if err := r.sink.Write(context.Background(), sinks.Payload{Data: []byte(rec)}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.sink.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// want compares the files in the folder with what they should hold.
func (r *rig) want(files map[string]string) {
	r.t.Helper()
	got := map[string]string{}
	filepath.Walk(r.dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			b, _ := os.ReadFile(path)
			name, _ := filepath.Rel(r.dir, path)
			got[name] = string(b)
		}
		return err
	})
	if !maps.Equal(got, files) {
		r.t.Errorf("got files %q\nwant %q", got, files)
	}
}

func TestFileTypes(t *testing.T) {
	csv := map[string]any{"fileType": "csv", "format": "delimited", "hasHeader": true}
	for _, c := range []struct {
		name    string
		props   map[string]any
		records []string
		again   []string // written after a restart
		want    string
	}{
		{"lines", nil, []string{`{"a":1}`, `{"a":2}`}, []string{`{"a":3}`}, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}"},
		{"json", map[string]any{"fileType": "json"}, []string{`{"a":1}`, `[{"a":2}]`}, []string{`{"a":3}`}, `[{"a":1},[{"a":2}],{"a":3}]`},
		{"csv", csv, []string{"a,b\n1,2", "a,b\n3,4\n5,6", "a,b"}, []string{"a,b\n7,8", "a,c\n9,9"}, "a,b\n1,2\n3,4\n5,6\n7,8\na,c\n9,9"},
		{"csv without header", map[string]any{"fileType": "csv", "format": "delimited"}, []string{"1,2", "1,2"}, []string{"1,2"}, "1,2\n1,2\n1,2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.props)
			r.write(c.records...)
			r.close()
			r.connect(c.props)
			r.close() // nothing written
			r.connect(c.props)
			r.write(c.again...)
			r.close()
			r.want(map[string]string{"out.txt": c.want})
		})
	}
}

func TestAnArrayGoesOnFromAnyState(t *testing.T) {
	for before, want := range map[string]string{
		"[]":            `[{}]`,
		"[ ":            `[{}]`,
		"[1,2]\n":       `[1,2,{}]`,
		"[1,2":          `[1,2,{}]`, // the program was killed
		"[{\"a\":[1]}]": `[{"a":[1]},{}]`,
	} {
		r := newRig(t, map[string]any{"fileType": "json"})
		if err := os.WriteFile(filepath.Join(r.dir, "out.txt"), []byte(before), 0o644); err != nil {
			t.Fatal(err)
		}
		r.write("{}")
		r.close()
		r.want(map[string]string{"out.txt": want})
	}
}

func TestFlushMakesResultsVisible(t *testing.T) {
	for _, how := range []string{"", "gzip", "zstd"} {
		r := newRig(t, map[string]any{"compression": how})
		r.write("a", "b")
		r.want(map[string]string{"out.txt": ""})
		for range 2 {
			if err := r.sink.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		b, _ := os.ReadFile(filepath.Join(r.dir, "out.txt"))
		if got := inflate(t, how, b); got != "a\nb" {
			t.Errorf("%q: got %q", how, got)
		}
		r.close()
	}
}

// inflate reads as much as there is.
func inflate(t *testing.T, how string, b []byte) string {
	t.Helper()
	var in io.Reader = bytes.NewReader(b)
	var err error
	switch how {
	case "gzip":
		in, err = gzip.NewReader(in)
	case "zstd":
		in, err = zstd.NewReader(in)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, _ := io.ReadAll(in)
	return string(got)
}

func TestCompressedFilesGoOn(t *testing.T) {
	for _, how := range []string{"gzip", "zstd"} {
		r := newRig(t, map[string]any{"compression": how})
		r.write("a", "b")
		r.close()
		r.connect(map[string]any{"compression": how})
		r.write("c")
		r.close()
		b, _ := os.ReadFile(filepath.Join(r.dir, "out.txt"))
		if got := inflate(t, how, b); got != "a\nb\nc" {
			t.Errorf("%s: got %q", how, got)
		}
		r.connect(map[string]any{"compression": how, "fileType": "json"})
		if err := r.sink.Write(t.Context(), sinks.Payload{Data: []byte("{}")}); err == nil || !strings.Contains(err.Error(), "set rollingNamePattern") {
			t.Errorf("%s: got %v", how, err)
		}
	}
}

func TestRolling(t *testing.T) {
	for _, c := range []struct {
		name  string
		props map[string]any
		step  time.Duration // between two records
		want  map[string]string
	}{
		{"by count", map[string]any{"rollingCount": 2, "rollingNamePattern": "prefix", "fileType": "json"}, time.Second,
			map[string]string{"1700000000000-out.txt": "[r0,r1]", "1700000002000-out.txt": "[r2,r3]", "1700000004000-out.txt": "[r4]"}},
		{"by size", map[string]any{"rollingSize": 6, "rollingCount": 0, "rollingNamePattern": "suffix"}, time.Second,
			map[string]string{"out-1700000000000.txt": "r0\nr1\nr2", "out-1700000003000.txt": "r3\nr4"}},
		{"by time", map[string]any{"rollingInterval": "2s", "checkInterval": "1h", "rollingNamePattern": "suffix"}, time.Second,
			map[string]string{"out-1700000000000.txt": "r0\nr1\nr2", "out-1700000003000.txt": "r3\nr4"}},
		{"within a millisecond", map[string]any{"rollingCount": 2, "rollingNamePattern": "prefix"}, 0,
			map[string]string{"1700000000000-out.txt": "r0\nr1", "1700000000001-out.txt": "r2\nr3", "1700000000002-out.txt": "r4"}},
		{"without a stamp nothing is overwritten", map[string]any{"rollingCount": 2, "rollingNamePattern": "none", "fileType": "json"}, 0,
			map[string]string{"out.txt": "[r0,r1,r2,r3,r4]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.props)
			for i := range 5 {
				r.write(fmt.Sprintf("r%d", i))
				r.clock.Set(r.clock.Now().Add(c.step))
			}
			r.close()
			r.want(c.want)
		})
	}
}

func TestAnIdleFileIsRolledWhenItsTimeIsOver(t *testing.T) {
	r := newRig(t, map[string]any{"rollingInterval": "10s", "checkInterval": "1s", "fileType": "json", "rollingNamePattern": "prefix"})
	r.write("1")
	path := filepath.Join(r.dir, "1700000000000-out.txt")
	deadline := time.After(5 * time.Second)
	for {
		r.clock.Set(r.clock.Now().Add(time.Second))
		if b, _ := os.ReadFile(path); string(b) == "[1]" {
			break
		}
		select {
		case <-deadline:
			t.Fatal("the file was not completed")
		case <-time.After(time.Millisecond):
		}
	}
	if age := r.clock.Now().Sub(start); age < 10*time.Second {
		t.Errorf("it was completed after %v", age)
	}
	r.write("2")
	r.close()
	if files, _ := filepath.Glob(filepath.Join(r.dir, "*-out.txt")); len(files) != 2 {
		t.Errorf("files: %v", files)
	}
}

func TestThePathMayDependOnTheRow(t *testing.T) {
	r := newRig(t, map[string]any{"path": "{{.dev}}/{{.n}}.txt"})
	s := &row.Schema{Cols: []value.Field{{Name: "dev"}, {Name: "n"}}}
	want := map[string]string{}
	for round := range 2 {
		for i := range maxOpen + 20 { // more than are held open
			rows := []row.Row{{Cols: []value.Value{value.OfString("d"), value.OfInt(int64(i))}}}
			p := sinks.Payload{Data: fmt.Appendf(nil, "%d.%d", round, i), Schema: s, Rows: rows, Single: true}
			if err := r.sink.Write(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			want[fmt.Sprintf("d/%d.txt", i)] = fmt.Sprintf("0.%d\n1.%d", i, i)
			if n := len(r.sink.files); n > maxOpen {
				t.Fatalf("%d files are open", n)
			}
		}
	}
	r.close()
	r.want(want)
	p := sinks.Payload{Data: []byte("x"), Schema: s, Rows: make([]row.Row, 2)}
	if err := r.sink.Write(t.Context(), p); err == nil || sinks.IsRetryable(err) {
		t.Errorf("a path that cannot be made out gave %v", err)
	}
}

// The outlet writes again what was not flushed.
func TestAFullDiskNeitherLosesNorDoubles(t *testing.T) {
	for _, kind := range []string{"lines", "json"} {
		r := newRig(t, map[string]any{"fileType": kind})
		r.write("a", "b")
		if err := r.sink.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		o := r.sink.last
		good := o.file
		o.file = full
		record := strings.Repeat("x", 10000)
		for taken := 0; ; taken++ {
			err := r.sink.Write(t.Context(), sinks.Payload{Data: []byte(record)})
			if err != nil {
				if !sinks.IsRetryable(err) || !strings.HasPrefix(err.Error(), "file sink: write /dev/full") {
					t.Fatalf("got %v", err)
				}
				break
			}
			if taken > 100 {
				t.Fatal("the full disk was not noticed")
			}
		}
		if err := r.sink.Flush(t.Context()); !sinks.IsRetryable(err) {
			t.Fatalf("flush: %v", err)
		}
		o.file = good // space again
		r.write(record, record)
		r.close()
		want := map[string]string{"lines": "a\nb\n" + record + "\n" + record, "json": "[a,b," + record + "," + record + "]"}
		r.want(map[string]string{"out.txt": want[kind]})
	}
}

func TestAFailureTakesBackWhatWentToOtherFiles(t *testing.T) {
	r := newRig(t, map[string]any{"path": "{{.n}}.txt", "fileType": "json"})
	s := &row.Schema{Cols: []value.Field{{Name: "n"}}}
	write := func(n int64, rec string) {
		t.Helper()
		p := sinks.Payload{Data: []byte(rec), Schema: s, Rows: []row.Row{{Cols: []value.Value{value.OfInt(n)}}}, Single: true}
		if err := r.sink.Write(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	write(1, "a")
	if err := r.sink.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(1, "b")
	write(2, "c")
	broken := r.sink.last
	path := broken.file.Name()
	broken.file = full
	if err := r.sink.Flush(t.Context()); err == nil {
		t.Fatal("the full disk was not noticed")
	}
	broken.file, err = os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	write(1, "b")
	write(2, "c")
	r.close()
	r.want(map[string]string{"1.txt": "[a,b]", "2.txt": "[c]"})
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	r := newRig(t, map[string]any{"path": "a/b"})
	if err := os.WriteFile(filepath.Join(r.dir, "a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.sink.Write(t.Context(), sinks.Payload{Data: []byte("x")}); !sinks.IsRetryable(err) {
		t.Errorf("write: %v", err)
	}
	if err := r.sink.Ping(t.Context(), r.sink.env); err == nil {
		t.Error("ping found nothing wrong")
	}
	os.Remove(filepath.Join(r.dir, "a"))
	if err := r.sink.Ping(t.Context(), r.sink.env); err != nil {
		t.Errorf("ping: %v", err)
	}
	r.write("x")
	r.close()
	r.want(map[string]string{"a/b": "x"})
	r.close() // once more does no harm
}

func TestPropertiesAreChecked(t *testing.T) {
	for want, props := range map[string]map[string]any{
		"rollingNamePattern must be one of prefix, suffix or none": {"rollingNamePattern": "middle"},
		"fileType must be one of json, csv or lines":               {"fileType": "xml"},
		"fileType csv needs format delimited":                      {"fileType": "csv"},
		"path must be set":                                         {"path": ""},
		"must not be negative":                                     {"rollingCount": -1},
		"must be greater than 0":                                   {"rollingCount": 0},
		"checkInterval must be greater":                            {"checkInterval": 0},
		"the value could be only":                                  {"compression": "rar"},
		"unclosed action":                                          {"path": "{{.a"},
	} {
		if _, err := bind(props); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", props, err, want)
		}
	}
	s, err := bind(map[string]any{"interval": 500})
	if err != nil || s.path.Text != "cache" || s.fileType != "lines" || s.rollingCount != 1000000 || s.checkInterval != 5*time.Minute {
		t.Errorf("defaults: %+v, %v", s, err)
	}
}

func TestTheDriverIsRegistered(t *testing.T) {
	d, err := sinks.Lookup("file")
	if err != nil {
		t.Fatal(err)
	}
	s := d.New()
	if _, ok := s.(sinks.Flusher); !ok {
		t.Error("it cannot be flushed")
	}
	if !slices.Contains(sinks.Names(), "file") {
		t.Error("it is not listed")
	}
}

func TestResultsOfARuleReachTheFile(t *testing.T) {
	s := &row.Schema{Cols: []value.Field{{Name: "b"}, {Name: "a"}}}
	rows := []row.Row{
		{Cols: []value.Value{value.OfString("x"), value.OfInt(1)}},
		{Cols: []value.Value{value.OfString("x"), value.OfInt(1)}},
		{Cols: []value.Value{value.OfString("<"), value.OfFloat(2.5)}},
	}
	for _, c := range []struct {
		props map[string]any
		want  string
	}{
		{map[string]any{"fileType": "csv", "format": "delimited", "hasHeader": true, "delimiter": ";"}, "a;b\n1;x\n1;x\n2.5;<"},
		{map[string]any{"fileType": "csv", "format": "delimited", "hasHeader": true, "sendSingle": true, "fields": []any{"b", "a"}}, "b,a\nx,1\nx,1\n<,2.5"},
		{map[string]any{"sendSingle": true}, "{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"b\":\"\\u003c\"}"},
		{map[string]any{"fileType": "json"}, `[[{"a":1,"b":"x"}],[{"a":1,"b":"x"}],[{"a":2.5,"b":"\u003c"}]]`},
		{map[string]any{"sendSingle": true, "dataTemplate": "{{.a}}"}, "1\n1\n2.5"},
	} {
		dir := t.TempDir()
		c.props["path"] = "sub/out"
		out, err := sinks.NewOutlet(sinks.OutletConfig{Name: "file", Props: c.props, Rule: "r", DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		out.Start()
		if err := out.Send(t.Context(), row.Batch{Schema: s, Rows: rows}, nil); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "sub/out"))
		if err != nil || string(got) != c.want {
			t.Errorf("%v: got %s, %v; want %s", c.props, got, err, c.want)
		}
	}
}

func BenchmarkWriteSingle(b *testing.B) {
	r := newRig(b, map[string]any{"rollingCount": 1000000000})
	p := sinks.Payload{Data: []byte(`{"deviceId":"dev_042","humidity":55,"temperature":23.57}`), Single: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.sink.Write(context.Background(), p); err != nil {
			b.Fatal(err)
		}
	}
	r.close()
}
