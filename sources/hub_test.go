package sources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// fake is a source that delivers what the test sends to it, and the decoder of
// its payloads: a=1 b=2 is one row, ; begins another one.
type fake struct {
	in       chan Message
	answers  chan error // of deliver
	runs     atomic.Int64
	resume   atomic.Value
	decodes  atomic.Int64
	decoders atomic.Int64
}

func newFake() *fake { return &fake{in: make(chan Message), answers: make(chan error, 4096)} }

func (f *fake) Params(*param.Set) {}

func (f *fake) Run(ctx context.Context, env Env, deliver func(Message) error) error {
	f.runs.Add(1)
	f.resume.Store(string(env.Resume))
	env.Status.Connected()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-f.in:
			switch {
			case !ok:
				return nil
			case string(m.Payload) == "break":
				return errors.New("link broken")
			case string(m.Payload) == "panic":
				panic("driver bug")
			}
			f.answers <- deliver(m)
		}
	}
}

func (f *fake) Decoder(cfg format.Config) (format.Decoder, error) {
	f.decoders.Add(1)
	return fakeDecoder{f, cfg.Schema}, nil
}

type fakeDecoder struct {
	f *fake
	s *row.Schema
}

func (d fakeDecoder) Decode(p []byte, into *row.Batch) error {
	d.f.decodes.Add(1)
	if bytes.Contains(p, []byte("crash")) {
		panic("decoder bug")
	}
	for doc := range strings.SplitSeq(string(p), ";") {
		r := row.Row{Cols: make([]value.Value, len(d.s.Cols))}
		for kv := range strings.FieldsSeq(doc) {
			k, v, ok := strings.Cut(kv, "=")
			n, err := strconv.Atoi(v)
			if !ok || err != nil {
				return fmt.Errorf("%q is not key=number", kv)
			}
			if i := d.s.Slot(k); i >= 0 {
				r.Cols[i] = value.OfInt(int64(n))
			}
		}
		into.Rows = append(into.Rows, r)
	}
	return nil
}

func (f *fake) send(t *testing.T, m Message) {
	t.Helper()
	select {
	case f.in <- m:
	case <-time.After(5 * time.Second):
		t.Fatal("the source is not reading")
	}
}

// sent sends a message and waits until it was handed out.
func (f *fake) sent(t *testing.T, m Message) {
	t.Helper()
	f.send(t, m)
	if err := f.wait(t); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.answers:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("deliver does not return")
		return nil
	}
}

func text(s string) Message { return Message{Payload: []byte(s)} }

func cols(names ...string) *row.Schema {
	s := &row.Schema{}
	for _, n := range names {
		s.Cols = append(s.Cols, value.Field{Name: n})
	}
	return s
}

func startHub(t *testing.T, cfg HubConfig) (*Hub, *fake) {
	t.Helper()
	f := newFake()
	cfg.Source = f
	if cfg.Stream == "" {
		cfg.Stream = "demo"
	}
	h, err := NewHub(cfg)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	h.Start()
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
		eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
	})
	return h, f
}

func attach(t *testing.T, h *Hub, in *Inbox, input int, w Want) *Tap {
	t.Helper()
	tap, err := h.Attach(in, input, w)
	if err != nil {
		t.Fatal(err)
	}
	return tap
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 5 s: %s", what)
		}
	}
}

// take waits for deliveries.
func take(t *testing.T, in *Inbox) []Delivery {
	t.Helper()
	for {
		select {
		case <-in.Ready():
			if ds := in.Take(); len(ds) > 0 {
				return ds
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing arrives")
		}
	}
}

// show is the rows of deliveries as text: a=1 b=2; a=3.
func show(ds []Delivery) string {
	var out []string
	for _, d := range ds {
		switch {
		case d.Err != nil:
			out = append(out, "error: "+d.Err.Error())
		case d.End:
			out = append(out, "end")
		}
		for i := range d.Batch.Rows {
			var cells []string
			for _, m := range row.Object(d.Batch.Schema, &d.Batch.Rows[i]).Members() {
				cells = append(cells, m.Name+"="+m.Val.String())
			}
			out = append(out, strings.Join(cells, " "))
		}
	}
	return strings.Join(out, "; ")
}

func TestEveryRuleGetsTheColumnsOfAllRulesInStableSlots(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b := NewInbox(10), NewInbox(10)
	attach(t, h, a, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1 y=2 z=3"))
	if got := show(take(t, a)); got != "x=1" {
		t.Errorf("first rule alone: %s", got)
	}
	attach(t, h, b, 7, Want{Schema: cols("y", "x")})
	f.sent(t, text("x=4 y=5 z=6"))
	da, db := take(t, a), take(t, b)
	if show(da) != "x=4 y=5" || show(db) != "x=4 y=5" {
		t.Errorf("got %s and %s", show(da), show(db))
	}
	if s := da[0].Batch.Schema; s.Slot("x") != 0 || s.Slot("y") != 1 || s != db[0].Batch.Schema {
		t.Errorf("schema %v", s.Names())
	}
	if da[0].Input != 0 || db[0].Input != 7 {
		t.Errorf("inputs %d and %d", da[0].Input, db[0].Input)
	}
	if n := f.decodes.Load(); n != 2 {
		t.Errorf("2 messages were decoded %d times", n)
	}
	if n := f.decoders.Load(); n != 3 {
		t.Errorf("%d decoders for 3 schemas (none, x, x y)", n)
	}
}

func TestRowsThatArriveTogetherAreTakenTogether(t *testing.T) {
	h, f := startHub(t, HubConfig{})
	in := NewInbox(1000)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	var want []string
	for i := range 300 {
		f.sent(t, text(fmt.Sprintf("x=%d", i)))
		want = append(want, fmt.Sprintf("x=%d", i))
	}
	ds := in.Take()
	if got := show(ds); got != strings.Join(want, "; ") {
		t.Errorf("got %s", got)
	}
	if len(ds) != 3 { // 8 in the inbox itself, 256 and the rest in chunks
		t.Errorf("300 rows came as %d deliveries", len(ds))
	}
	if in.Len() != 0 || in.Take() != nil && len(in.Take()) != 0 {
		t.Error("taken twice")
	}
}

func TestALargeMessageIsSharedInPartsAndItsMemoryReused(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b := NewInbox(5000), NewInbox(5000)
	attach(t, h, a, 0, Want{Schema: cols("x")})
	attach(t, h, b, 0, Want{Schema: cols("x")})
	for round := range 20 {
		var doc []string
		for i := range 2500 {
			doc = append(doc, fmt.Sprintf("x=%d", round*10000+i))
		}
		f.sent(t, text(strings.Join(doc, ";")))
		da, db := take(t, a), take(t, b)
		if len(da) != 3 || len(da[0].Batch.Rows) != 1024 {
			t.Fatalf("%d deliveries, the first of %d rows", len(da), len(da[0].Batch.Rows))
		}
		want := strings.Join(doc, "; ")
		if show(da) != want || show(db) != want {
			t.Fatalf("round %d: wrong rows", round)
		}
	}
}

func TestLinesLoseOnlyTheBadOnes(t *testing.T) {
	h, f := startHub(t, HubConfig{})
	in := NewInbox(100)
	tap := attach(t, h, in, 0, Want{Schema: cols("x"), Errors: true})
	f.sent(t, Message{Payload: []byte("x=1\nrubbish\n\nx=2\n"), Lines: true})
	if got := show(take(t, in)); got != `error: "rubbish" is not key=number; x=1; x=2` {
		t.Errorf("got %s", got)
	}
	if n := tap.Stats().Errors.Load(); n != 1 {
		t.Errorf("%d errors", n)
	}
	if s := h.Stats(); s.In.Load() != 3 || s.Out.Load() != 2 || s.Errors.Load() != 1 {
		t.Errorf("in %d out %d errors %d", s.In.Load(), s.Out.Load(), s.Errors.Load())
	}
}

func TestErrorsAreCountedForAllAndDeliveredToThoseWhoAsk(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b := NewInbox(10), NewInbox(10)
	ta := attach(t, h, a, 0, Want{Schema: cols("x"), Errors: true})
	tb := attach(t, h, b, 0, Want{Schema: cols("x")})
	acked := 0
	f.sent(t, Message{Payload: []byte("bad"), Ack: func(err error) {
		if err == nil {
			acked++
		}
	}})
	f.sent(t, text("crash"))
	if got := show(take(t, a)); got != `error: "bad" is not key=number; error: decoder panicked: decoder bug` {
		t.Errorf("got %s", got)
	}
	if b.Len() != 0 || ta.Stats().Errors.Load() != 2 || tb.Stats().Errors.Load() != 2 {
		t.Errorf("%d waiting, errors %d and %d", b.Len(), ta.Stats().Errors.Load(), tb.Stats().Errors.Load())
	}
	if acked != 1 {
		t.Error("a message that can never be decoded must be acknowledged")
	}
}

func TestTimeAndMetaComeFromTheMessageOrTheClock(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(5000))
	h, f := startHub(t, HubConfig{Clock: c, Shared: true})
	in := NewInbox(10)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	meta := row.ObjectMeta{Obj: value.From(map[string]any{"topic": "t"})}
	f.sent(t, Message{Payload: []byte("x=1"), Meta: meta})
	r := take(t, in)[0].Batch.Rows[0]
	if r.TS != 5000 || r.Meta != nil {
		t.Errorf("TS %d, meta %v", r.TS, r.Meta)
	}
	attach(t, h, NewInbox(10), 0, Want{Meta: true})
	f.sent(t, Message{Payload: []byte("x=1"), Meta: meta, TS: 77})
	r = take(t, in)[0].Batch.Rows[0]
	if r.TS != 77 || r.Meta == nil || r.Meta.Key("topic").Str() != "t" {
		t.Errorf("TS %d, meta %v", r.TS, r.Meta)
	}
}

func TestRowsOfASourceAreMappedByName(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	in := NewInbox(10)
	attach(t, h, in, 0, Want{Schema: cols("b", "a")})
	b := &row.Batch{Schema: cols("a", "c"), Rows: []row.Row{{
		Cols: []value.Value{value.OfInt(1), value.OfInt(3)},
		Rest: value.From(map[string]any{"b": 2, "d": 4, "a": 9}), TS: 42}}}
	f.sent(t, Message{Batch: b, TS: 50})
	ds := take(t, in)
	if got := show(ds); got != "a=1 b=2" || ds[0].Batch.Rows[0].TS != 42 {
		t.Errorf("got %s at %d", got, ds[0].Batch.Rows[0].TS)
	}
	attach(t, h, NewInbox(10), 0, Want{Schema: &row.Schema{Open: true}})
	f.sent(t, Message{Batch: b})
	if got := show(take(t, in)); got != "a=1 b=2 c=3 d=4" {
		t.Errorf("open: %s", got)
	}
}

// Rules come and go, are quick and slow, while two goroutines deliver: what a
// rule is given is in order and complete, and what it missed is counted.
func TestAPropertyOfAllSourcesIsBoundAndAnUnknownOneRefused(t *testing.T) {
	_, c, err := Open("hubtest", map[string]any{"useInt64ForWholeNumber": true, "decompression": "gzip"})
	if err != nil || !c.IntWhole || c.inflate == nil {
		t.Errorf("%+v, %v", c, err)
	}
	_, _, err = Open("hubtest", map[string]any{"decompresion": "gzip"})
	if err == nil || err.Error() != `source "hubtest" has no property "decompresion", did you mean "decompression"?` {
		t.Error(err)
	}
	if _, _, err = Open("hubtestt", nil); err == nil || !strings.Contains(err.Error(), `did you mean "hubtest"?`) {
		t.Error(err)
	}
}

func init() { Register(&Driver{Name: "hubtest", New: func() Source { return newFake() }}) }

var quiet = slog.New(slog.DiscardHandler)
