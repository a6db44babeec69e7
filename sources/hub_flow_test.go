package sources

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

func TestAFullInboxOfAPrivateSourcePushesBack(t *testing.T) {
	h, f := startHub(t, HubConfig{Patience: time.Millisecond})
	in := NewInbox(2)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1"))
	f.sent(t, text("x=2"))
	f.send(t, text("x=3"))
	select {
	case <-f.answers:
		t.Fatal("deliver returned although the inbox is full")
	case <-time.After(20 * time.Millisecond): // long behind Patience
	}
	if got := show(in.Take()); got != "x=1; x=2" {
		t.Errorf("got %s", got)
	}
	if err := f.wait(t); err != nil {
		t.Fatal(err)
	}
	if got := show(in.Take()); got != "x=3" {
		t.Errorf("got %s", got)
	}
}

func TestASlowRuleOnASharedStreamLosesCountedAndTheOthersNothing(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	h, f := startHub(t, HubConfig{Shared: true, Clock: c})
	slow, quick := NewInbox(2), NewInbox(100)
	ts := attach(t, h, slow, 0, Want{Schema: cols("x")})
	tq := attach(t, h, quick, 0, Want{Schema: cols("x"), Lossless: true})
	f.sent(t, text("x=1"))
	f.sent(t, text("x=2"))
	f.send(t, text("x=3")) // waited for, then dropped
	eventually(t, "the quick rule is served first", func() bool { return quick.Len() == 3 })
	for done := false; !done; {
		select {
		case <-f.answers:
			done = true
		default:
			c.Set(c.Now().Add(100 * time.Millisecond))
		}
	}
	now := c.Now()
	if now.UnixMilli() < 1000 {
		t.Errorf("dropped after %d ms", now.UnixMilli())
	}
	f.sent(t, text("x=4")) // not waited for again
	if !c.Now().Equal(now) {
		t.Error("waited twice")
	}
	if got := show(slow.Take()); got != "x=1; x=2" {
		t.Errorf("slow rule: %s", got)
	}
	f.sent(t, text("x=5"))
	if got := show(slow.Take()); got != "x=5" {
		t.Errorf("slow rule afterwards: %s", got)
	}
	if got := show(quick.Take()); got != "x=1; x=2; x=3; x=4; x=5" {
		t.Errorf("quick rule: %s", got)
	}
	if ts.Dropped() != 2 || ts.Stats().Errors.Load() != 2 || tq.Dropped() != 0 {
		t.Errorf("dropped %d and %d, errors %d", ts.Dropped(), tq.Dropped(), ts.Stats().Errors.Load())
	}
	if e := ts.Stats().LastError(); e == nil || e.Text != "buffer full, drop 1 messages from demo" {
		t.Errorf("last error %v", e)
	}
}

func TestALosslessRuleHoldsUpASharedStream(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true, Patience: time.Millisecond})
	a, b := NewInbox(1), NewInbox(100)
	attach(t, h, a, 0, Want{Schema: cols("x"), Lossless: true})
	attach(t, h, b, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1"))
	for i := 2; i <= 50; i++ {
		f.send(t, text("x="+strconv.Itoa(i)))
		if got := show(a.Take()); got != "x="+strconv.Itoa(i-1) {
			t.Fatalf("got %s", got)
		}
		f.wait(t)
	}
	if b.Len() != 50 {
		t.Errorf("the other rule has %d", b.Len())
	}
}

func TestAcknowledgedWhenEveryRuleIsThrough(t *testing.T) {
	gone := errors.New("stopping")
	for _, c := range []struct {
		name  string
		rules int
		play  func(ds []Delivery, taps []*Tap)
		want  error
	}{
		{"one rule", 1, func(ds []Delivery, _ []*Tap) { ds[0].Done(nil) }, nil},
		{"one rule that fails", 1, func(ds []Delivery, _ []*Tap) { ds[0].Done(gone) }, gone},
		{"all of three", 3, func(ds []Delivery, _ []*Tap) { ds[2].Done(nil); ds[0].Done(nil); ds[1].Done(nil) }, nil},
		{"one of three fails", 3, func(ds []Delivery, _ []*Tap) { ds[2].Done(nil); ds[0].Done(gone); ds[1].Done(nil) }, gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, f := startHub(t, HubConfig{Shared: true})
			var ds []Delivery
			var ins []*Inbox
			var taps []*Tap
			for range c.rules {
				in := NewInbox(10)
				ins, taps = append(ins, in), append(taps, attach(t, h, in, 0, Want{Schema: cols("x")}))
			}
			var acks []error
			f.sent(t, Message{Payload: []byte("x=1"), Ack: func(err error) { acks = append(acks, err) }})
			for _, in := range ins {
				ds = append(ds, take(t, in)[0])
			}
			if len(acks) != 0 {
				t.Fatal("acknowledged early")
			}
			c.play(ds, taps)
			if len(acks) != 1 || acks[0] != c.want {
				t.Errorf("acks %v, want %v", acks, c.want)
			}
		})
	}
}

func TestARuleThatLeavesOwesNothing(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b := NewInbox(10), NewInbox(10)
	ta := attach(t, h, a, 0, Want{Schema: cols("x")})
	tb := attach(t, h, b, 0, Want{Schema: cols("x")})
	var acks []error
	m := Message{Payload: []byte("x=1"), Ack: func(err error) { acks = append(acks, err) }}
	f.sent(t, m)
	ta.Detach()
	ta.Detach()
	if len(acks) != 0 {
		t.Fatal("acknowledged although a rule still has it")
	}
	take(t, b)[0].Done(nil)
	if len(acks) != 1 || acks[0] != nil {
		t.Fatalf("acks %v", acks)
	}
	f.sent(t, m) // only b
	if a.Len() != 0 {
		t.Error("a detached inbox was filled")
	}
	tb.Detach()
	f.sent(t, m) // nobody
	if len(acks) != 3 || acks[1] != ErrDetached || acks[2] != ErrDetached {
		t.Errorf("acks %v: a message nobody took must not count as delivered", acks)
	}
}

func TestDetachFreesAHubThatWaitsForRoom(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b := NewInbox(1), NewInbox(10)
	ta := attach(t, h, a, 0, Want{Schema: cols("x"), Lossless: true})
	attach(t, h, b, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1"))
	f.send(t, text("x=2"))
	eventually(t, "the hub waits", func() bool { return b.Len() == 2 })
	ta.Detach()
	if err := f.wait(t); err != nil {
		t.Fatal(err)
	}
	f.sent(t, text("x=3"))
	if b.Len() != 3 {
		t.Errorf("the other rule has %d", b.Len())
	}
}

func TestCloseFreesADeliverThatWaitsForRoom(t *testing.T) {
	h, f := startHub(t, HubConfig{})
	in := NewInbox(1)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1"))
	acks := make(chan error, 1)
	f.send(t, Message{Payload: []byte("x=2"), Ack: func(err error) { acks <- err }})
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := f.wait(t); !errors.Is(err, context.Canceled) {
		t.Errorf("deliver returned %v", err)
	}
	if err := <-acks; err != ErrDetached {
		t.Errorf("ack %v", err)
	}
	if _, err := h.Attach(in, 0, Want{}); err == nil {
		t.Error("a closed hub took a rule")
	}
}

func TestAnExhaustedSourceEndsEveryRuleLateOnesToo(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true})
	a, b, late := NewInbox(1), NewInbox(10), NewInbox(10)
	attach(t, h, a, 3, Want{Schema: cols("x")})
	attach(t, h, b, 0, Want{Schema: cols("x")})
	f.sent(t, text("x=1"))
	close(f.in)
	eventually(t, "the end is told", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.queue) == 2 })
	ds := take(t, a)
	if show(ds) != "x=1; end" || ds[1].Input != 3 {
		t.Errorf("got %s", show(ds))
	}
	attach(t, h, late, 0, Want{})
	if got := show(take(t, late)); got != "end" {
		t.Errorf("late rule: %s", got)
	}
}

func TestAFailedSourceIsRunAgainFromWhereItWas(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	h, f := startHub(t, HubConfig{Clock: c, Resume: []byte("7")})
	in := NewInbox(10)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	f.sent(t, Message{Payload: []byte("x=1"), Offset: []byte("8")})
	if f.resume.Load() != "7" || h.Link().Status != 1 {
		t.Errorf("resumed from %v, status %d", f.resume.Load(), h.Link().Status)
	}
	if got := string(take(t, in)[0].Offset); got != "8" {
		t.Errorf("delivery has offset %q", got)
	}
	for i, end := range []string{"break", "panic"} {
		f.send(t, text(end))
		eventually(t, "the failure shows", func() bool { return h.Link().Status == -1 })
		if h.Link().LastMessage != []string{"link broken", "source panicked: driver bug"}[i] {
			t.Errorf("message %q", h.Link().LastMessage)
		}
		eventually(t, "the source runs again", func() bool {
			c.Set(c.Now().Add(10 * time.Millisecond))
			return f.runs.Load() == int64(i+2)
		})
	}
	f.sent(t, text("x=2"))
	if f.resume.Load() != "8" || h.Link().Status != 1 {
		t.Errorf("resumed from %v, status %d", f.resume.Load(), h.Link().Status)
	}
}

func TestPausesGrowToTenSecondsWhileASourceFails(t *testing.T) {
	c := clock.NewVirtual(time.UnixMilli(0))
	h, f := startHub(t, HubConfig{Clock: c})
	_ = h
	var pauses []time.Duration
	last := c.Now()
	for i := range 10 {
		f.send(t, text("break"))
		eventually(t, "another run", func() bool {
			if f.runs.Load() == int64(i+2) {
				return true
			}
			if c.Waiting() > 0 { // else the hub is not asleep yet
				c.Set(c.Now().Add(10 * time.Millisecond))
			}
			return false
		})
		pauses = append(pauses, c.Now().Sub(last))
		last = c.Now()
	}
	if first := pauses[0]; first < 50*time.Millisecond || first > 5*time.Second {
		t.Errorf("pauses %v", pauses)
	}
	if end := pauses[9]; end < 5*time.Second {
		t.Errorf("pauses %v", pauses)
	}
}

func TestWakeLetsARuleWaitOnOneChannel(t *testing.T) {
	in := NewInbox(1)
	in.Wake()
	in.Wake()
	<-in.Ready()
	if ds := in.Take(); len(ds) != 0 {
		t.Errorf("%d deliveries out of nothing", len(ds))
	}
}

func TestRulesComeAndGoUnderLoad(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true, Patience: time.Microsecond})
	const messages, rules = 3000, 8
	var acked atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range rules {
		in := NewInbox(1 + i*5)
		tap := attach(t, h, in, 0, Want{Schema: cols("x"), Lossless: i%2 == 0})
		wg.Go(func() {
			next, missed := 0, false
			for {
				select {
				case <-stop:
					return
				case <-in.Ready():
				}
				for _, d := range in.Take() {
					for _, r := range d.Batch.Rows {
						x := int(r.Cols[0].Int())
						if x < next || (x > next && i%2 == 0) {
							t.Errorf("rule %d: got %d, expected %d", i, x, next)
						}
						missed = missed || x > next
						next = x + 1
					}
					d.Done(nil)
				}
				if missed && tap.Dropped() == 0 {
					t.Errorf("rule %d: missed rows are not counted", i)
				}
			}
		})
	}
	wg.Go(func() { // churn
		for range 200 {
			in := NewInbox(1)
			tap, err := h.Attach(in, 0, Want{Schema: cols("x", "y")})
			if err != nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
			tap.Detach()
		}
	})
	for i := range messages {
		f.send(t, Message{Payload: []byte("x=" + strconv.Itoa(i)), Ack: func(error) { acked.Add(1) }})
		if err := f.wait(t); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "every message is acknowledged once", func() bool { return acked.Load() == messages })
	close(stop)
	wg.Wait()
}
