// Package sourcetest is the exam that every source passes: declaration,
// delivery in order, rules that are behind, a far side that is away or goes
// away, giving up, running again, and no goroutine left behind.
//
//	func TestExam(t *testing.T) {
//		b := startBroker(t)
//		sourcetest.Run(t, sourcetest.Exam{
//			Driver: "mqtt", Props: map[string]any{"server": b.URL}, Datasource: "in",
//			Feed:   func(text string) error { return b.Publish("in", text) },
//			Break:  b.Stop, Mend: b.Start,
//		})
//	}
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	_ "github.com/edgesluice/sluice/sqlfn/format/all" // what hubs decode with
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Exam says what the source under test is and how its far side is fed.
type Exam struct {
	Driver     string
	Props      map[string]any // with which it works
	Datasource string
	Format     string    // of the stream; "" is json
	Bad        []Refusal // what it must refuse

	// Feed makes the far side send one event, {"n":1}. It fails while the source
	// is not (yet) listening, and is then called again.
	Feed func(text string) error
	// Break takes the far side away, Mend brings it back at the same address.
	// nil: it cannot be away.
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
	t.Run("delivers in order", e.delivers)
	t.Run("runs again", e.delivers)
	t.Run("waits for rules that are behind", e.waits)
	t.Run("ends when delivering is over", e.ends)
	if e.Break != nil {
		t.Run("finds a far side that comes late", e.late)
		t.Run("comes back after the far side was away", e.away)
	}
}

func (e *Exam) declared(t *testing.T) {
	d, err := sources.Lookup(e.Driver)
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
	unknown["decompresion"] = "gzip"
	for _, b := range append([]Refusal{{unknown, `did you mean "decompression"?`}}, e.Bad...) {
		_, _, err := sources.Open(e.Driver, b.Props)
		if err == nil || !strings.Contains(err.Error(), b.Want) {
			t.Errorf("%v: got error %v, want %q", b.Props, err, b.Want)
		}
	}
}

// pupil is a hub over the source and one rule's inbox.
type pupil struct {
	e   *Exam
	hub *sources.Hub
	in  *sources.Inbox
	tap *sources.Tap
	got []int64
}

func (e *Exam) pupil(t *testing.T, inbox int) *pupil {
	src, common, err := sources.Open(e.Driver, e.Props)
	if err != nil {
		t.Fatal(err)
	}
	p := &pupil{e: e, in: sources.NewInbox(inbox)}
	p.hub, err = sources.NewHub(sources.HubConfig{
		Stream: "exam", Datasource: e.Datasource, Format: e.Format, Source: src, Payload: common, DataDir: t.TempDir(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.tap, err = p.hub.Attach(p.in, 0, sources.Want{Schema: &row.Schema{Cols: []value.Field{{Name: "n", Type: value.Type{Kind: value.Int}}}}})
	if err != nil {
		t.Fatal(err)
	}
	p.hub.Start()
	return p
}

// take waits for what has arrived and settles it.
func (p *pupil) take() {
	for _, d := range p.in.Take() {
		for i := range d.Batch.Rows {
			v := d.Batch.Rows[i].Col(d.Batch.Schema.Slot("n"))
			n, _ := v.AsInt()
			p.got = append(p.got, n)
		}
		d.Done(nil)
	}
}

func (p *pupil) close(t *testing.T) {
	t.Helper()
	p.tap.Detach()
	ctx, cancel := context.WithTimeout(context.Background(), p.e.Wait)
	defer cancel()
	if err := p.hub.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// feed sends events while take runs, each until the far side has it.
func (p *pupil) feed(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		fed := make(chan error, 1)
		var last error
		p.e.until(t, fmt.Sprintf("event %d is fed", i), func() bool {
			go func() { fed <- p.e.Feed(fmt.Sprintf(`{"n":%d}`, i)) }()
			for {
				p.take()
				select {
				case last = <-fed:
					return last == nil
				case <-p.in.Ready():
				}
			}
		})
	}
}

// has waits for the numbers; those before first may be missing. Repetitions
// are allowed, losses and disorder are not.
func (p *pupil) has(t *testing.T, first, last int) {
	t.Helper()
	p.e.until(t, fmt.Sprintf("events %d to %d arrive", first, last), func() bool {
		p.take()
		return slices.Contains(p.got, int64(last))
	})
	next := int64(first)
	for _, n := range p.got {
		switch {
		case n == next:
			next++
		case n > next:
			t.Fatalf("event %d is missing: %v", next, p.got)
		}
	}
}

func (e *Exam) delivers(t *testing.T) {
	defer e.nothingLeft(t)()
	p := e.pupil(t, 1000)
	e.until(t, "the link is up", func() bool { return p.hub.Link().Status == 1 })
	e.settle(t, p)
	p.feed(t, 1, 50)
	p.has(t, 1, 50)
	p.close(t)
}

// settle feeds probes until one arrives: the far side may take a while to know
// of the source.
func (e *Exam) settle(t *testing.T, p *pupil) {
	t.Helper()
	probe := int64(-1000000)
	for !slices.ContainsFunc(p.got, func(n int64) bool { return n < 0 }) {
		probe++
		p.feed(t, int(probe), int(probe))
		tick, stop := clock.Wall.After(20 * time.Millisecond)
		select {
		case <-p.in.Ready():
		case <-tick:
		}
		stop()
		p.take()
	}
	p.got = nil
}

func (e *Exam) waits(t *testing.T) {
	defer e.nothingLeft(t)()
	p := e.pupil(t, 1)
	e.settle(t, p)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 1; i <= 20; i++ {
			if err := e.Feed(fmt.Sprintf(`{"n":%d}`, i)); err != nil {
				t.Error(err)
			}
		}
	})
	p.has(t, 1, 20)
	wg.Wait()
	p.close(t)
}

func (e *Exam) ends(t *testing.T) {
	defer e.nothingLeft(t)()
	src, _, err := sources.Open(e.Driver, e.Props)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	over := errors.New("over")
	go func() {
		ended <- src.Run(ctx, sources.Env{
			Stream: "exam", Datasource: e.Datasource, DataDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Clock: clock.Wall, Status: deaf{},
		}, func(m sources.Message) error {
			if m.Ack != nil {
				m.Ack(over)
			}
			cancel()
			return ctx.Err()
		})
	}()
	_ = e.Feed(`{"n":1}`)
	tick, stop := clock.Wall.After(100 * time.Millisecond)
	defer stop()
	select {
	case <-tick:
		cancel()
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("Run says that the source is exhausted")
		}
	case <-time.After(e.Wait):
		t.Fatal("Run does not return")
	}
}

func (e *Exam) late(t *testing.T) {
	defer e.nothingLeft(t)()
	e.Break()
	p := e.pupil(t, 1000)
	e.until(t, "the status says that the far side is away", func() bool { return p.hub.Link().Status == -1 })
	if p.hub.Link().LastMessage == "" {
		t.Error("the status does not say why")
	}
	e.Mend()
	e.until(t, "the link is up", func() bool { return p.hub.Link().Status == 1 })
	e.settle(t, p)
	p.feed(t, 1, 5)
	p.has(t, 1, 5)
	p.close(t)
}

func (e *Exam) away(t *testing.T) {
	defer e.nothingLeft(t)()
	p := e.pupil(t, 1000)
	e.settle(t, p)
	p.feed(t, 1, 5)
	p.has(t, 1, 5)
	e.Break()
	e.until(t, "the status says that the far side is away", func() bool { return p.hub.Link().Status == -1 })
	e.Mend()
	e.until(t, "the link is up", func() bool { return p.hub.Link().Status == 1 })
	e.settle(t, p)
	p.feed(t, 6, 10)
	p.has(t, 6, 10)
	p.close(t)
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

// deaf is a Status nobody reads.
type deaf struct{}

func (deaf) Connecting()        {}
func (deaf) Connected()         {}
func (deaf) Disconnected(error) {}
