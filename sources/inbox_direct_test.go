package sources

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// still returns a clock that stands, so that a hub never looks busy.
func still() *clock.Virtual { return clock.NewVirtual(time.UnixMilli(1e12)) }

func TestAnIdleRuleIsRunByTheHub(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true, Clock: still()})
	in := NewInbox(10)
	tap := attach(t, h, in, 5, Want{Schema: cols("x")})
	var got []string
	in.Direct(func(d *Delivery) bool {
		got = append(got, show([]Delivery{*d})+" "+strconv.Itoa(d.Input)+" "+string(d.Offset))
		d.Done(nil)
		return true
	})
	acked := 0
	f.sent(t, Message{Payload: []byte("x=1"), Offset: []byte("o1"), Ack: func(err error) {
		if err == nil {
			acked++
		}
	}})
	f.sent(t, text("x=2"))
	if strings.Join(got, ",") != "x=1 5 o1,x=2 5 " || acked != 1 || in.Len() != 0 {
		t.Errorf("got %q, acked %d, %d queued", got, acked, in.Len())
	}
	if n := tap.Stats().In.Load(); n != 2 {
		t.Errorf("counted %d", n)
	}
	in.Direct(nil)
	f.sent(t, text("x=3"))
	if len(got) != 2 || in.Len() != 1 {
		t.Errorf("run after it was ended: %q", got)
	}
}

func TestARuleThatIsNotIdleIsNotRunByTheHub(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(in *Inbox, f *fake)
		taken   string
	}{
		{"at work", func(in *Inbox, _ *fake) { in.Enter() }, "x=9"},
		{"behind", func(in *Inbox, f *fake) {
			in.Enter()
			f.in <- text("x=8")
			<-f.answers
			in.Leave()
		}, "x=8; x=9"},
		{"unwilling", func(in *Inbox, _ *fake) { in.Direct(func(*Delivery) bool { return false }) }, "x=9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, f := startHub(t, HubConfig{Shared: true, Clock: still()})
			in := NewInbox(100)
			attach(t, h, in, 0, Want{Schema: cols("x")})
			in.Direct(func(*Delivery) bool { t.Error("run"); return true })
			c.prepare(in, f)
			f.sent(t, text("x=9"))
			if got := show(take(t, in)); got != c.taken {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestMoreThanAFewRowsAreLeftToTheRule(t *testing.T) {
	h, f := startHub(t, HubConfig{Shared: true, Clock: still()})
	in := NewInbox(1000)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	in.Direct(func(*Delivery) bool { t.Error("run"); return true })
	f.sent(t, text(strings.Repeat("x=1;", copyRows)+"x=1"))
	if in.Len() != copyRows+1 {
		t.Errorf("%d rows queued", in.Len())
	}
}

func TestABusyHubQueues(t *testing.T) {
	begin := time.UnixMilli(0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range []struct {
		name         string
		every, spent int // ms
		want         bool
	}{
		{"idle", 10, 1, true},
		{"less than half busy", 10, 4, true},
		{"busy", 10, 8, false},
		{"kept off its core once", 100, 20, true},
	} {
		th := throttle{}
		now := 0
		closed := false
		for range 20 {
			if !th.open(at(now)) {
				closed = true
				break
			}
			th.spent(at(now), at(now+c.spent))
			now += c.every
		}
		if closed == c.want {
			t.Errorf("%s: closed %v", c.name, closed)
		}
		if closed && !th.open(at(now+int(throttlePause/time.Millisecond))) {
			t.Errorf("%s: does not open again", c.name)
		}
	}
}

// The hub and the rule's own goroutine take turns: no row is lost, doubled,
// disordered or run by both at once.
func TestHubAndRuleTakeTurns(t *testing.T) {
	h, f := startHub(t, HubConfig{})
	in := NewInbox(20)
	attach(t, h, in, 0, Want{Schema: cols("x")})
	next, busy, byHub := 0, false, 0
	work := func(d *Delivery) {
		if busy {
			t.Error("two at once")
		}
		busy = true
		for _, r := range d.Batch.Rows {
			if x := int(r.Cols[0].Int()); x != next {
				t.Errorf("got %d, expected %d", x, next)
			}
			next++
		}
		if next%97 == 0 {
			runtime.Gosched()
		}
		d.Done(nil)
		busy = false
	}
	in.Direct(func(d *Delivery) bool {
		if next%5 == 0 { // now and then it is unwilling
			return false
		}
		byHub++
		work(d)
		return true
	})
	var acked atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-in.Ready():
			}
			in.Enter()
			for _, d := range in.Take() {
				work(&d)
			}
			in.Leave()
		}
	})
	const n = 5000
	for i := range n {
		f.send(t, Message{Payload: []byte("x=" + strconv.Itoa(i)), Ack: func(err error) {
			if err != nil && !errors.Is(err, ErrDetached) {
				t.Error(err)
			}
			acked.Add(1)
		}})
		if err := f.wait(t); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all is done", func() bool { return acked.Load() == n })
	close(stop)
	wg.Wait()
	if next != n || byHub == 0 {
		t.Errorf("%d rows, %d by the hub", next, byHub)
	}
}
