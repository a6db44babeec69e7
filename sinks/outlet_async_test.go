package sinks

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// async is a fake whose writes are told by a goroutine of its own, in order.
type async struct {
	fake
	once    sync.Once
	under   chan func()
	ended   chan struct{}
	answer  func(n int) error // of the nth asynchronous write
	refuse  func(n int) error // WriteAsync itself
	n       int
	handing int
}

func (a *async) Connect(ctx context.Context, env Env) error {
	a.under, a.ended = make(chan func(), 16), make(chan struct{})
	go func() {
		defer close(a.ended)
		for f := range a.under {
			f()
		}
	}()
	return a.fake.Connect(ctx, env)
}

func (a *async) Close() error {
	a.once.Do(func() { close(a.under); <-a.ended })
	return a.fake.Close()
}

func (a *async) WriteAsync(ctx context.Context, p Payload, done func(error)) error {
	a.handing++
	if a.refuse != nil {
		if err := a.refuse(a.handing); err != nil {
			return err
		}
	}
	a.under <- func() {
		a.mu.Lock()
		a.n++
		var err error
		if a.answer != nil {
			err = a.answer(a.n)
		}
		if err == nil {
			a.got = append(a.got, string(p.Data))
		}
		a.mu.Unlock()
		done(err)
	}
	return nil
}

func TestAsynchronousWritesThatFailAreRepeated(t *testing.T) {
	away := Retryable(errors.New("away"))
	for _, c := range []struct {
		name   string
		answer func(n int) error
		refuse func(n int) error
		lost   string
	}{
		{name: "all well"},
		{name: "one fails", answer: func(n int) error {
			if n == 7 {
				return away
			}
			return nil
		}},
		{name: "a run of failures", answer: func(n int) error {
			if n >= 7 && n < 30 {
				return away
			}
			return nil
		}},
		{name: "every other one fails", answer: func(n int) error {
			if n%2 == 0 && n < 60 {
				return away
			}
			return nil
		}},
		{name: "one is refused for good", lost: `{"a":7}`, answer: func(n int) error {
			if n == 7 {
				return errors.New("too large")
			}
			return nil
		}},
		{name: "the driver does not take it", refuse: func(n int) error {
			if n == 9 || n == 11 {
				return away
			}
			return nil
		}},
		{name: "the driver does not take it for good", lost: `{"a":9}`, refuse: func(n int) error {
			if n == 9 {
				return errors.New("too large")
			}
			return nil
		}},
		{name: "a panic", lost: `{"a":9}`, refuse: func(n int) error {
			if n == 9 {
				panic("driver bug")
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clk := clock.NewVirtual(time.UnixMilli(0))
			o, s := newOutlet[*async](t, clk, "async", map[string]any{"sendSingle": true, "bufferLength": 30})
			s.answer, s.refuse = c.answer, c.refuse
			start(t, o)
			rows, want := numbers(1, 50)
			want = slices.DeleteFunc(slices.Clone(want), func(s string) bool { return s == c.lost })
			told := make(chan error, 50)
			go func() {
				for i := range rows {
					o.Send(context.Background(), batch(t, rows[i]), func(err error) { told <- err })
				}
			}()
			advance(t, clk, "all is told", func() bool { return len(told) == 50 })
			for range 50 {
				if err := <-told; err != nil {
					t.Error(err)
				}
			}
			got := s.written()
			slices.SortFunc(got, func(a, b string) int {
				if len(a) != len(b) {
					return len(a) - len(b)
				}
				return compare(a, b)
			})
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			if in, out := o.Stats().In.Load(), o.Stats().Out.Load(); in != 50 || out != int64(len(want)) || o.Stats().Buffered.Load() != 0 {
				t.Errorf("in %d out %d buffered %d", in, out, o.Stats().Buffered.Load())
			}
			flush(t, o)
		})
	}
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func TestAFlushWaitsForWritesUnderWay(t *testing.T) {
	o, s := newOutlet[*async](t, nil, "async", map[string]any{"sendSingle": true})
	hold := make(chan bool)
	s.answer = func(int) error { <-hold; return nil }
	start(t, o)
	send(t, o, batch(t, `{"a":1}`, `{"a":2}`))
	flushed := make(chan error, 1)
	go func() { flushed <- o.Flush(context.Background()) }()
	hold <- true
	select {
	case <-flushed:
		t.Fatal("flushed with a message under way")
	case <-time.After(10 * time.Millisecond):
	}
	hold <- true
	if err := <-flushed; err != nil {
		t.Fatal(err)
	}
}
