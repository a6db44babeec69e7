package sinks

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
