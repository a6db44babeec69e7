package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/edgesluice/sluice/sqlfn/clock"
	_ "github.com/edgesluice/sluice/sqlfn/format/all"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// fake is a sink that keeps what is written to it and fails when told to.
type fake struct {
	topic  param.Template
	fields []string

	mu      sync.Mutex
	got     []string
	tries   int
	flushes int
	closed  int
	fail    func(try int, text string) error // of a Write
	flush   func(flush int) error
	gate    chan bool // if set, a Write waits for it
	env     Env
}

func (f *fake) Params(p *param.Set) {
	p.Template(&f.topic, "topic", "", param.T("", ""))
}

func (f *fake) Connect(ctx context.Context, env Env) error {
	f.env = env
	return nil
}

func (f *fake) Write(ctx context.Context, p Payload) error {
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries++
	text := string(p.Data)
	if !f.topic.Static() {
		topic, err := f.topic.Eval(p.Value().Any())
		if err != nil {
			return err
		}
		text = topic + " " + text
	}
	if f.fail != nil {
		if err := f.fail(f.tries, text); err != nil {
			return err
		}
	}
	f.got = append(f.got, text)
	return nil
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func (f *fake) written() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// tuples is a fake that takes rows.
type tuples struct{ fake }

func (t *tuples) TakesRows() {}

func (t *tuples) Write(ctx context.Context, p Payload) error {
	if p.Data != nil {
		return errors.New("bytes for a sink that takes rows")
	}
	p.Data, _ = value.AppendJSON(nil, p.Value())
	return t.fake.Write(ctx, p)
}

// flushing is a fake that buffers.
type flushing struct{ fake }

func (f *flushing) Flush(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushes++
	if f.flush != nil {
		return f.flush(f.flushes)
	}
	return nil
}

// owner is a fake with a property that all sinks have.
type owner struct{ fake }

func (o *owner) Params(p *param.Set) {
	p.Strings(&o.fields, "fields", nil, param.T("", ""))
}

var newest sync.Map // driver -> Sink that was made last

func init() {
	for name, make := range map[string]func() Sink{
		"fake":     func() Sink { return &fake{} },
		"tuples":   func() Sink { return &tuples{} },
		"flushing": func() Sink { return &flushing{} },
		"owner":    func() Sink { return &owner{} },
		"async":    func() Sink { return &async{} },
		"bin":      func() Sink { return &bin{} },
		"away":     func() Sink { return &away{} },
	} {
		Register(&Driver{Name: name, New: func() Sink {
			s := make()
			newest.Store(name, s)
			return s
		}})
	}
}

// bin throws everything away.
type bin struct{ fake }

func (*bin) Discards() bool { return true }

func newOutlet[S Sink](t testing.TB, c clock.Clock, name string, props map[string]any) (*Outlet, S) {
	t.Helper()
	o, err := NewOutlet(OutletConfig{Name: name, Props: props, Rule: "r1", Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newest.Load(name)
	return o, s.(S)
}

// start runs an outlet for the time of a test, which must leave nothing behind.
func start(t testing.TB, o *Outlet) {
	t.Helper()
	before := runtime.NumGoroutine()
	o.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		o.Close(ctx)
		eventually(t, "the sink's goroutine ends", func() bool { return runtime.NumGoroutine() <= before })
	})
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 5 s: %s", what)
		}
	}
}

// batch makes rows out of JSON objects; keys that begin with _ ride in Rest.
func batch(t testing.TB, rows ...string) row.Batch {
	t.Helper()
	b := row.Batch{Schema: &row.Schema{Open: true}}
	for _, text := range rows {
		v, err := value.ParseJSON([]byte(text), value.JSONOptions{IntWhole: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range v.Members() {
			if b.Schema.Slot(m.Name) < 0 && !strings.HasPrefix(m.Name, "_") {
				b.Schema.Cols = append(b.Schema.Cols, value.Field{Name: m.Name})
			}
		}
		b.Rows = append(b.Rows, row.FromObject(b.Schema, v))
	}
	return b
}

func window(b row.Batch) row.Batch {
	b.Span = row.Span{Start: 1, End: 2, Set: true}
	return b
}

func send(t testing.TB, o *Outlet, b row.Batch) {
	t.Helper()
	if err := o.Send(context.Background(), b, nil); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, o *Outlet) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := o.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestResultsAreShapedAndEncoded(t *testing.T) {
	one, two := `{"a":1,"b":"x","_c":true}`, `{"a":2,"_d":null}`
	for _, c := range []struct {
		name  string
		props string
		rows  []string
		win   bool
		want  []string
	}{
		{"a row is a list of one", `{}`, []string{one, two}, false, []string{`[{"_c":true,"a":1,"b":"x"}]`, `[{"_d":null,"a":2}]`}},
		{"a window is one list", `{}`, []string{one, two}, true, []string{`[{"_c":true,"a":1,"b":"x"},{"_d":null,"a":2}]`}},
		{"sendSingle", `{"sendSingle":true}`, []string{one, two}, true, []string{`{"_c":true,"a":1,"b":"x"}`, `{"_d":null,"a":2}`}},
		{"empty window", `{}`, nil, true, []string{`[]`}},
		{"omitIfEmpty leaves out an empty window", `{"omitIfEmpty":true}`, nil, true, nil},
		{"omitIfEmpty leaves out empty rows", `{"omitIfEmpty":true}`, []string{`{}`, `{"a":1}`}, true, []string{`[{"a":1}]`}},
		{"omitIfEmpty and sendSingle", `{"omitIfEmpty":true,"sendSingle":true}`, []string{`{}`, `{"a":1}`}, true, []string{`{"a":1}`}},
		{"omitIfEmpty behind excludeFields", `{"omitIfEmpty":true,"sendSingle":true,"excludeFields":["a"]}`, []string{`{"b":1,"a":1}`, `{"a":1}`}, true, []string{`{"b":1}`}},
		{"fields, missing ones null", `{"fields":["b","_c","z"],"sendSingle":true}`, []string{one, two}, true, []string{`{"_c":true,"b":"x","z":null}`, `{"_c":null,"b":null,"z":null}`}},
		{"excludeFields", `{"excludeFields":["b","_c"],"sendSingle":true}`, []string{one, two}, true, []string{`{"a":1}`, `{"_d":null,"a":2}`}},
		{"dataField of an object", `{"dataField":"o","sendSingle":true}`, []string{`{"o":{"x":1}}`}, false, []string{`{"x":1}`}},
		{"dataField of an array", `{"dataField":"o","sendSingle":true}`, []string{`{"o":[{"x":1},{"x":2}]}`}, false, []string{`[{"x":1},{"x":2}]`}},
		{"dataField by its old name, of a list", `{"tableDataField":"_o"}`, []string{`{"_o":[{"x":1}]}`, `{"_o":{"x":2}}`}, true, []string{`[{"x":1},{"x":2}]`}},
		{"dataField, then fields", `{"dataField":"o","fields":["x"],"sendSingle":true}`, []string{`{"o":{"x":1,"y":2}}`}, false, []string{`{"x":1}`}},
		{"dataTemplate is sent as it is", `{"dataTemplate":"a is {{.a}} <b>","sendSingle":true}`, []string{one}, false, []string{`a is 1 <b>`}},
		{"dataTemplate over a list", `{"dataTemplate":"{{range .}}{{.a}};{{end}}"}`, []string{one, two}, true, []string{`1;2;`}},
		{"dataTemplate with a key that is missing", `{"dataTemplate":"{{.zz}}","sendSingle":true}`, []string{one}, false, []string{`<no value>`}},
		{"dataTemplate, then fields", `{"dataTemplate":"{\"x\":{{.a}},\"y\":2}","fields":["x"],"sendSingle":true}`, []string{one}, false, []string{`{"x":1}`}},
		{"dataTemplate, then another format", `{"dataTemplate":"{\"x\":{{.a}},\"y\":2}","format":"delimited","sendSingle":true}`, []string{one}, false, []string{`1,2`}},
		{"delimited in the order of fields", `{"format":"delimited","delimiter":";","fields":["b","a"],"sendSingle":true}`, []string{one}, false, []string{`x;1`}},
		{"properties of old releases", `{"runAsync":true,"retryInterval":0,"retryCount":3,"cacheLength":1,"cacheSaveInterval":1,"concurrency":1,"sendSingle":true}`, []string{`{"a":1}`}, false, []string{`{"a":1}`}},
		{"a template sees the row as the rule made it", `{"topic":"t/{{.b}}","excludeFields":["b","_c"],"sendSingle":true}`, []string{one}, false, []string{`t/x {"a":1}`}},
		{"a template over a list", `{"topic":"t/{{(index . 0).a}}"}`, []string{two}, false, []string{`t/2 [{"_d":null,"a":2}]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			props, err := value.ParseJSON([]byte(c.props), value.JSONOptions{})
			if err != nil {
				t.Fatal(err)
			}
			o, s := newOutlet[*fake](t, nil, "fake", props.Any().(map[string]any))
			start(t, o)
			b := batch(t, c.rows...)
			b.Span.Set = c.win
			send(t, o, b)
			flush(t, o)
			if got := s.written(); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if in := o.Stats().In.Load(); in != int64(len(c.want)) {
				t.Errorf("records_in %d", in)
			}
		})
	}
}

func TestSinksOfRowsGetRows(t *testing.T) {
	o, s := newOutlet[*tuples](t, nil, "tuples", map[string]any{"fields": []any{"b"}})
	start(t, o)
	b := window(batch(t, `{"a":1,"b":1}`, `{"a":2,"b":2}`))
	send(t, o, b)
	clear(b.Rows) // they belong to the rule again
	o.SendError(context.Background(), errors.New("no luck"))
	flush(t, o)
	if got, want := s.written(), []string{`[{"b":1},{"b":2}]`, `[{"error":"no luck"}]`}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if n := len(o.Steps()); n != 1 {
		t.Errorf("%d steps", n)
	}
}

func TestErrorsAreSentAsPlainText(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"dataTemplate": "x", "sendSingle": true})
	start(t, o)
	if err := o.SendError(context.Background(), errors.New("run Where error: bad")); err != nil {
		t.Fatal(err)
	}
	flush(t, o)
	if got := s.written(); len(got) != 1 || got[0] != "run Where error: bad" {
		t.Errorf("got %q", got)
	}
}

func TestBadPropertiesAreRefusedAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		props map[string]any
		want  string
	}{
		{"fake", map[string]any{"sendSingle": "true"}, `fail to parse sink configuration: read properties map[sendSingle:true] fail with error: 'sendSingle' expected type 'bool', got unconvertible type 'string', value: 'true'`},
		{"fake", map[string]any{"omitIfEmpty": 1.0}, `fail to parse sink configuration: read properties map[omitIfEmpty:1] fail with error: 'omitIfEmpty' expected type 'bool', got unconvertible type 'float64', value: '1'`},
		{"fake", map[string]any{"dataTemplate": true}, `fail to parse sink configuration: read properties map[dataTemplate:true] fail with error: 'dataTemplate' expected type 'string', got unconvertible type 'bool', value: 'true'`},
		{"fake", map[string]any{"batchSize": -1}, `fail to parse sink configuration: invalid batchSize -1`},
		{"fake", map[string]any{"format": "nosuch"}, `format type nosuch not supported`},
		{"fake", map[string]any{"fields": []any{"a"}, "excludeFields": []any{"b"}}, `field and excludeFields cannot both be set`},
		{"fake", map[string]any{"dataTemplate": "{{bad .}}"}, `template: sink:1: function "bad" not defined`},
		{"fake", map[string]any{"topic": "{{.a"}, `unclosed action`},
		{"fake", map[string]any{"sendSingel": true}, `sink "fake" has no property "sendSingel", did you mean "sendSingle"?`},
		{"fake", map[string]any{"topik": "a"}, `sink "fake" has no property "topik", did you mean "topic"?`},
		{"fake", map[string]any{"compression": "rar"}, `invalid compression rar: the value could be only`},
		{"fak", nil, `sink fak is not defined, did you mean "fake"?`},
	} {
		_, err := NewOutlet(OutletConfig{Name: c.name, Props: c.props})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v\nwant %s", c.props, err, c.want)
		}
	}
}

func TestADriverMayTakeOverACommonProperty(t *testing.T) {
	o, s := newOutlet[*owner](t, nil, "owner", map[string]any{"fields": []any{"a"}, "sendSingle": true})
	start(t, o)
	send(t, o, batch(t, `{"a":1,"b":2}`))
	flush(t, o)
	if got := s.written(); len(got) != 1 || got[0] != `{"a":1,"b":2}` || !slices.Equal(s.fields, []string{"a"}) {
		t.Errorf("got %q, fields %v", got, s.fields)
	}
}

func TestResultsThatCannotBeShapedAreCounted(t *testing.T) {
	for _, c := range []struct {
		props map[string]any
		row   string
		want  string
	}{
		{map[string]any{"dataField": "o"}, `{"a":1}`, `dataField o: the result has no such column`},
		{map[string]any{"dataField": "a"}, `{"a":1}`, `dataField a: neither an object nor an array of objects: int64(1)`},
		{map[string]any{"dataField": "a"}, `{"a":[1]}`, `dataField a: element 0 is not an object`},
		{map[string]any{"dataTemplate": "{{.a}}", "fields": []any{"a"}, "sendSingle": true}, `{"a":"x"}`, `dataTemplate: its output is not JSON`},
		{map[string]any{"dataTemplate": "{{index . 3}}"}, `{"a":"x"}`, `error calling index`},
		{map[string]any{"format": "binary"}, `{"a":1}`, `field self not exist`},
	} {
		o, s := newOutlet[*fake](t, nil, "fake", c.props)
		start(t, o)
		told := make(chan error, 1)
		if err := o.Send(context.Background(), batch(t, c.row), func(err error) { told <- err }); err != nil {
			t.Fatal(err)
		}
		if err := <-told; err != nil {
			t.Error(err)
		}
		failures := o.Steps()[0].Stats.Errors.Load() + o.Steps()[1].Stats.Errors.Load()
		last := o.Steps()[0].Stats.LastError()
		if last == nil {
			last = o.Steps()[1].Stats.LastError()
		}
		if failures != 1 || last == nil || !strings.Contains(last.Text, c.want) || len(s.written()) != 0 {
			t.Errorf("%v: %d failures, %v, wrote %q", c.props, failures, last, s.written())
		}
	}
}

func TestMessagesAreCompressed(t *testing.T) {
	for method, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip":  func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zlib":  func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"flate": func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
		"zstd":  func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"compression": method, "sendSingle": true})
		start(t, o)
		send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
		flush(t, o)
		var got []string
		for _, p := range s.written() {
			r, err := open(strings.NewReader(p))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(text))
		}
		if !slices.Equal(got, []string{`{"a":1}`, `{"a":2}`}) {
			t.Errorf("%s: %q", method, got)
		}
	}
}

func TestRowsAreJoinedByNumberAndTime(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	for _, single := range []bool{true, false} {
		o, s := newOutlet[*fake](t, c, "fake", map[string]any{"sendSingle": single, "batchSize": 3, "lingerInterval": 100, "bufferLength": 1})
		start(t, o)
		send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
		send(t, o, batch(t, `{"b":3}`, `{"a":4}`)) // other columns
		eventually(t, "a full message goes out", func() bool { return len(s.written()) == 1 })
		eventually(t, "a lone row goes out in time", func() bool {
			c.Set(c.Now().Add(10 * time.Millisecond))
			return len(s.written()) == 2
		})
		send(t, o, batch(t, `{"a":5}`))
		o.SendError(context.Background(), errors.New("oops")) // does not wait, nor overtake
		send(t, o, batch(t, `{"a":6}`))
		flush(t, o)
		want := []string{`[{"a":1},{"a":2},{"b":3}]`, `[{"a":4}]`, `[{"a":5}]`, `oops`, `[{"a":6}]`}
		if got := s.written(); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		send(t, o, batch(t, `{"a":7}`))
		if err := o.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := s.written(); got[len(got)-1] != `[{"a":7}]` {
			t.Errorf("Close leaves a row behind: %q", got)
		}
	}
}

// advance moves a virtual clock until cond holds.
func advance(t testing.TB, c *clock.Virtual, what string, cond func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		c.Set(c.Now().Add(10 * time.Millisecond))
		return cond()
	})
}

func numbers(from, to int) (rows []string, want []string) {
	for i := from; i <= to; i++ {
		rows = append(rows, fmt.Sprintf(`{"a":%d}`, i))
	}
	return rows, rows
}

func TestWhatCannotBeDeliveredNowIsDeliveredLaterInOrder(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	for _, name := range []string{"fake", "flushing"} {
		t.Run(name, func(t *testing.T) {
			o, _ := newOutlet[Sink](t, c, name, map[string]any{"sendSingle": true})
			sink, _ := newest.Load(name)
			f, ok := sink.(*fake)
			if !ok {
				f = &sink.(*flushing).fake
			}
			f.fail = func(try int, text string) error {
				if try > 5 && try < 20 {
					return Retryable(errors.New("away"))
				}
				return nil
			}
			start(t, o)
			rows, want := numbers(1, 50)
			send(t, o, batch(t, rows...))
			advance(t, c, "all is delivered", func() bool { return o.Stats().Out.Load() == 50 })
			got := f.written()
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			if o.Stats().In.Load() != 50 || o.Stats().Errors.Load() != 14 || o.Stats().Buffered.Load() != 0 {
				t.Errorf("in %d, errors %d, buffered %d", o.Stats().In.Load(), o.Stats().Errors.Load(), o.Stats().Buffered.Load())
			}
			if l := o.Link(); l.Status != 1 || l.LastMessage != "away" {
				t.Errorf("link %+v", l)
			}
		})
	}
}

func TestAFlushThatFailsWritesAgain(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	o, s := newOutlet[*flushing](t, c, "flushing", map[string]any{"sendSingle": true})
	s.fake.flush = func(n int) error {
		if n == 1 {
			return Retryable(errors.New("disk full"))
		}
		return nil
	}
	start(t, o)
	send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
	advance(t, c, "all is delivered", func() bool { return o.Stats().Out.Load() == 2 })
	if got := s.written(); len(got) != 4 || got[3] != `{"a":2}` {
		t.Errorf("got %q", got)
	}
}

func TestRefusedMessagesAreDroppedAndCounted(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"sendSingle": true})
	s.fail = func(_ int, text string) error {
		switch text {
		case `{"a":2}`:
			return errors.New("bad request")
		case `{"a":3}`:
			panic("driver bug")
		}
		return nil
	}
	start(t, o)
	var told []error
	if err := o.Send(context.Background(), batch(t, `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":4}`), func(err error) { told = append(told, err) }); err != nil {
		t.Fatal(err)
	}
	flush(t, o)
	if got := s.written(); !slices.Equal(got, []string{`{"a":1}`, `{"a":4}`}) {
		t.Errorf("got %q", got)
	}
	st := o.Stats()
	if st.In.Load() != 4 || st.Out.Load() != 2 || st.Errors.Load() != 2 || st.LastError().Text != "sink fake panicked: driver bug" {
		t.Errorf("in %d out %d errors %d %v", st.In.Load(), st.Out.Load(), st.Errors.Load(), st.LastError())
	}
	if len(told) != 1 || told[0] != nil {
		t.Errorf("told %v", told)
	}
}

func TestAFullQueueHoldsUpTheRule(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"sendSingle": true, "bufferLength": 2})
	s.gate = make(chan bool)
	start(t, o)
	send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	var told error
	if err := o.Send(ctx, batch(t, `{"a":3}`), func(err error) { told = err }); !errors.Is(err, context.DeadlineExceeded) || told != err {
		t.Fatalf("Send returned %v and told %v", err, told)
	}
	if n := o.Stats().Buffered.Load(); n != 2 {
		t.Errorf("buffered %d", n)
	}
	sent := make(chan error)
	go func() { sent <- o.Send(context.Background(), batch(t, `{"a":4}`), nil) }()
	s.gate <- true
	s.gate <- true
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	close(s.gate)
	flush(t, o)
	if got := s.written(); !slices.Equal(got, []string{`{"a":1}`, `{"a":2}`, `{"a":4}`}) {
		t.Errorf("got %q", got)
	}
}

func TestCloseDrainsUntilItsDeadline(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"sendSingle": true})
	s.gate = make(chan bool, 2)
	start(t, o)
	told := make(chan error, 1)
	rows, _ := numbers(1, 10)
	if err := o.Send(context.Background(), batch(t, rows...), func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	s.gate <- true
	s.gate <- true
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	err := o.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "messages were not delivered") {
		t.Errorf("Close: %v", err)
	}
	if err := <-told; err == nil {
		t.Error("told that all is well")
	}
	if s.closed != 1 {
		t.Errorf("closed %d times", s.closed)
	}
	if err := o.Send(context.Background(), batch(t, `{}`), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	o.Close(context.Background())
}

func TestCloseDeliversWhatIsQueued(t *testing.T) {
	for _, name := range []string{"fake", "flushing", "async"} {
		o, _ := newOutlet[Sink](t, nil, name, map[string]any{"sendSingle": true})
		start(t, o)
		rows, _ := numbers(1, 700)
		send(t, o, batch(t, rows...))
		if err := o.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := o.Stats().Out.Load(); n != 700 {
			t.Errorf("%s: %d delivered", name, n)
		}
	}
}

func TestAnOutletThatNeverConnectsCloses(t *testing.T) {
	o, err := NewOutlet(OutletConfig{Name: "away"})
	if err != nil {
		t.Fatal(err)
	}
	start(t, o)
	eventually(t, "status", func() bool { return o.Link().Status == -1 })
	if l := o.Link(); l.LastMessage != "nobody there" || l.LastTry == 0 {
		t.Errorf("%+v", l)
	}
	if err := o.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

type away struct{ fake }

func (*away) Connect(context.Context, Env) error { return errors.New("nobody there") }

func TestAnOutletThatThrowsAwayOnlyCounts(t *testing.T) {
	o, s := newOutlet[*bin](t, nil, "bin", nil)
	start(t, o)
	told := 0
	b := batch(t, `{"a":1}`, `{"a":2}`)
	for range 3 {
		if err := o.Send(context.Background(), b, func(error) { told++ }); err != nil {
			t.Fatal(err)
		}
	}
	send(t, o, window(b))
	if n := o.Stats().In.Load(); n != 7 || told != 3 || s.tries != 0 {
		t.Errorf("in %d, told %d, tries %d", n, told, s.tries)
	}
	if err := o.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLostOrDisorderedUnderLoad(t *testing.T) {
	for _, name := range []string{"fake", "flushing", "async"} {
		t.Run(name, func(t *testing.T) {
			o, _ := newOutlet[Sink](t, nil, name, map[string]any{"sendSingle": true, "bufferLength": 50})
			start(t, o)
			const n = 5000
			next := 0
			for next < n {
				var rows []string
				for range 1 + next%7 {
					rows = append(rows, `{"a":`+strconv.Itoa(next)+`}`)
					next++
				}
				send(t, o, batch(t, rows...))
			}
			flush(t, o)
			sink, _ := newest.Load(name)
			for i, text := range sink.(interface{ written() []string }).written() {
				if text != `{"a":`+strconv.Itoa(i)+`}` {
					t.Fatalf("message %d is %s", i, text)
				}
			}
			if got := o.Stats().Out.Load(); got != int64(next) {
				t.Errorf("%d of %d", got, next)
			}
		})
	}
}

func TestEncodingReusesNoBytesThatWereHandedOut(t *testing.T) {
	o, s := newOutlet[*fake](t, nil, "fake", map[string]any{"sendSingle": true})
	s.gate = make(chan bool)
	start(t, o)
	var want []string
	for i := range 400 {
		text := fmt.Sprintf(`{"a":"%s"}`, bytes.Repeat([]byte{byte('a' + i%26)}, i))
		want = append(want, text)
		send(t, o, batch(t, text))
	}
	close(s.gate)
	flush(t, o)
	if !slices.Equal(s.written(), want) {
		t.Error("payloads overlap")
	}
}
