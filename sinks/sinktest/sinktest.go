// Package sinktest is the exam that every sink passes: declaration, writing,
// a far side that is away or goes away, closing twice, giving up, and no
// goroutine left behind.
//
//	func TestExam(t *testing.T) {
//		b := startBroker(t)
//		sinktest.Run(t, sinktest.Exam{
//			Driver: "mqtt", Props: map[string]any{"server": b.URL, "topic": "out"},
//			Bad:    []sinktest.Refusal{{Props: map[string]any{"topic": "out"}, Want: "missing server property"}},
//			Received: b.Messages, Break: b.Stop, Mend: b.Start,
//		})
//	}
package sinktest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/clock"
	_ "github.com/edgesluice/sluice/sqlfn/format/all" // what outlets encode with
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Exam says what the sink under test is and how its far side is looked at.
type Exam struct {
	Driver string
	Props  map[string]any // with which it works
	Bad    []Refusal      // what it must refuse

	// Received returns the messages that the far side has, oldest first, as the
	// outlet encoded them: {"n":1}. nil: the far side cannot be seen.
	Received func() []string
	// Break takes the far side away, Mend brings it back at the same address with
	// what it had received. nil: it cannot be away.
	Break, Mend func()
	// Wait is how long anything may take; 0 is 15 seconds.
	Wait time.Duration
}

// Refusal is a set of properties and a part of the error they must give.
type Refusal struct {
	Props map[string]any
	Want  string
}

// Run runs the exam.
func Run(t *testing.T, e Exam) {
	if e.Wait == 0 {
		e.Wait = 15 * time.Second
	}
	t.Run("is declared in two languages", e.declared)
	t.Run("refuses bad properties", e.refuses)
	t.Run("closes twice, connected or not", e.closes)
	t.Run("writes in order", e.writes)
	t.Run("shows its link", e.links)
	if e.Break != nil {
		t.Run("delivers when the far side comes late", e.late)
		t.Run("delivers after the far side was away", e.away)
		t.Run("gives up in time", e.givesUp)
	}
}

func (e *Exam) declared(t *testing.T) {
	d, err := sinks.Lookup(e.Driver)
	if err != nil {
		t.Fatal(err)
	}
	if d.Doc.En == "" || d.Doc.Zh == "" {
		t.Error("Doc is not in both languages")
	}
	set := param.New(e.Driver)
	d.New().Params(set)
	for _, s := range set.Specs() {
		if !s.Ignored && (s.Hint.En == "" || s.Hint.Zh == "") {
			t.Errorf("property %s has no hint in both languages", s.Name)
		}
		secret := strings.Contains(strings.ToLower(s.Name), "password") || strings.Contains(strings.ToLower(s.Name), "token")
		if secret && !s.Secret && !s.Ignored {
			t.Errorf("property %s is not marked as a secret", s.Name)
		}
	}
}

func (e *Exam) refuses(t *testing.T) {
	unknown := maps.Clone(e.Props)
	if unknown == nil {
		unknown = map[string]any{}
	}
	unknown["sendSingel"] = true
	bad := append([]Refusal{{unknown, `did you mean "sendSingle"?`}}, e.Bad...)
	for _, b := range bad {
		_, err := sinks.NewOutlet(sinks.OutletConfig{Name: e.Driver, Props: b.Props, Rule: "exam"})
		if err == nil || !strings.Contains(err.Error(), b.Want) {
			t.Errorf("%v: got error %v, want %q", b.Props, err, b.Want)
		}
	}
}

func (e *Exam) closes(t *testing.T) {
	defer e.nothingLeft(t)()
	for _, connect := range []bool{false, true} {
		s := e.sink(t)
		if connect {
			ctx, cancel := context.WithTimeout(context.Background(), e.Wait)
			err := s.Connect(ctx, sinks.Env{Rule: "exam", DataDir: t.TempDir(), Log: quiet, Clock: clock.Wall, Status: deaf{}})
			cancel()
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("connected %v: %v", connect, err)
			}
		}
	}
}

// sink makes a bound sink without an outlet.
func (e *Exam) sink(t *testing.T) sinks.Sink {
	d, err := sinks.Lookup(e.Driver)
	if err != nil {
		t.Fatal(err)
	}
	s, set := d.New(), param.New(e.Driver)
	s.Params(set)
	set.AllowUnknown()
	if err := set.Bind(e.Props); err != nil {
		t.Fatal(err)
	}
	return s
}

func (e *Exam) writes(t *testing.T) {
	defer e.nothingLeft(t)()
	before := e.count()
	o := e.outlet(t)
	o.Start()
	want := e.send(t, o, before, 1, 100)
	e.arrives(t, o, before, want)
	e.close(t, o)
	if in, out := o.Stats().In.Load(), o.Stats().Out.Load(); in != 100 || out != 100 {
		t.Errorf("records_in %d, records_out %d", in, out)
	}
}

func (e *Exam) links(t *testing.T) {
	defer e.nothingLeft(t)()
	o := e.outlet(t)
	o.Start()
	e.until(t, "the link is up", func() bool { return o.Link().Status == 1 })
	e.close(t, o)
}

func (e *Exam) late(t *testing.T) {
	defer e.nothingLeft(t)()
	before := e.count()
	e.Break()
	o := e.outlet(t)
	o.Start()
	want := e.send(t, o, before, 1, 20)
	e.until(t, "the status says that the far side is away", func() bool { return o.Link().Status == -1 })
	if o.Link().LastMessage == "" {
		t.Error("the status does not say why")
	}
	e.Mend()
	e.arrives(t, o, before, want)
	e.until(t, "the link is up", func() bool { return o.Link().Status == 1 })
	e.close(t, o)
}

func (e *Exam) away(t *testing.T) {
	defer e.nothingLeft(t)()
	before := e.count()
	o := e.outlet(t)
	o.Start()
	want := e.send(t, o, before, 1, 10)
	e.arrives(t, o, before, want)
	e.Break()
	want = append(want, e.send(t, o, before, 11, 30)...)
	e.until(t, "the status says that the far side is away", func() bool { return o.Link().Status == -1 })
	e.Mend()
	e.arrives(t, o, before, want)
	e.close(t, o)
}

func (e *Exam) givesUp(t *testing.T) {
	defer e.nothingLeft(t)()
	e.Break()
	defer e.Mend()
	o := e.outlet(t)
	o.Start()
	e.send(t, o, 0, 1, 3)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- o.Close(ctx) }()
	select {
	case err := <-closed:
		if err == nil {
			t.Error("Close says that all was delivered")
		}
	case <-time.After(e.Wait):
		t.Fatal("Close does not return")
	}
}

func (e *Exam) outlet(t *testing.T) *sinks.Outlet {
	props := maps.Clone(e.Props)
	if props == nil {
		props = map[string]any{}
	}
	props["sendSingle"] = true
	o, err := sinks.NewOutlet(sinks.OutletConfig{Name: e.Driver, Props: props, Rule: "exam", QoS: 1, DataDir: t.TempDir(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

var schema = &row.Schema{Cols: []value.Field{{Name: "n", Type: value.Type{Kind: value.Int}}}}

// send sends rows and returns them as text. Each exam has numbers of its own.
func (e *Exam) send(t *testing.T, o *sinks.Outlet, series, from, to int) (want []string) {
	for i := from; i <= to; i++ {
		n := int64(series*1000 + i)
		b := row.Batch{Schema: schema, Rows: []row.Row{{Cols: []value.Value{value.OfInt(n)}, TS: n}}}
		ctx, cancel := context.WithTimeout(context.Background(), e.Wait)
		err := o.Send(ctx, b, nil)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf(`{"n":%d}`, n))
	}
	return want
}

func (e *Exam) count() int {
	if e.Received == nil {
		return 0
	}
	return len(e.Received())
}

// arrives waits until the far side has the messages behind the first ones that
// it had before. Repetitions are allowed, losses and disorder are not.
func (e *Exam) arrives(t *testing.T, o *sinks.Outlet, before int, want []string) {
	t.Helper()
	if e.Received == nil {
		ctx, cancel := context.WithTimeout(context.Background(), e.Wait)
		defer cancel()
		if err := o.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		return
	}
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("got  %q\nwant %q", got, want)
		}
	}()
	e.until(t, fmt.Sprint(len(want), " messages arrive in order"), func() bool {
		got = firsts(e.Received()[before:])
		return slices.Equal(got, want)
	})
}

// firsts leaves out what was there before.
func firsts(all []string) (got []string) {
	seen := map[string]bool{}
	for _, m := range all {
		if !seen[m] {
			got = append(got, m)
		}
		seen[m] = true
	}
	return got
}

func (e *Exam) close(t *testing.T, o *sinks.Outlet) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), e.Wait)
	defer cancel()
	if err := o.Close(ctx); err != nil {
		t.Error(err)
	}
}

func (e *Exam) until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	end, stop := clock.Wall.After(e.Wait)
	defer stop()
	for !cond() {
		tick, drop := clock.Wall.After(2 * time.Millisecond)
		select {
		case <-end:
			drop()
			t.Fatalf("not in %v: %s", e.Wait, what)
		case <-tick:
		}
	}
}

// nothingLeft returns a function that fails the test if more goroutines run
// than before.
func (e *Exam) nothingLeft(t *testing.T) func() {
	before := runtime.NumGoroutine()
	return func() {
		if t.Failed() {
			return
		}
		end, stop := clock.Wall.After(e.Wait)
		defer stop()
		for runtime.NumGoroutine() > before {
			tick, drop := clock.Wall.After(2 * time.Millisecond)
			select {
			case <-end:
				drop()
				buf := make([]byte, 1<<20)
				t.Fatalf("%d goroutines before, %d now:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
			case <-tick:
			}
		}
	}
}

var quiet = slog.New(slog.DiscardHandler)

// deaf is a Status nobody reads.
type deaf struct{}

func (deaf) Connecting()        {}
func (deaf) Connected()         {}
func (deaf) Disconnected(error) {}
