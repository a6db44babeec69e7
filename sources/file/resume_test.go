package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// After a restart the source goes on behind the last message that was
// processed, wherever that was.
func TestReadingResumesBehindAnyMessage(t *testing.T) {
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, c := range []struct {
		props map[string]any
		text  string
	}{
		{map[string]any{"fileType": "lines", "ignoreStartLines": 1, "ignoreEndLines": 1}, "x\n" + lines(9000, "{\"n\":\"%d\"}\n") + "y"},
		{map[string]any{"fileType": "csv", "hasHeader": true}, "n\n" + lines(9000, "%d\n")},
		{map[string]any{"fileType": "lines", "decompression": "gzip"}, lines(9000, "{\"n\":\"%d\"}\n")},
		{map[string]any{"fileType": "json"}, "[" + lines(8999, "{\"n\":\"%d\"},\n") + "{\"n\":\"8999\"}]"},
		{map[string]any{"fileType": "json", "sendInterval": "1ns"}, "[" + lines(20, "{\"n\":\"%d\"},\n") + "{\"n\":\"20\"}]"},
	} {
		r := newRig(t, c.props, quiet())
		r.write("in", compressed(t, c.props["decompression"], c.text))
		crash := errors.New("crash")
		runs := 0
		for ; ; runs++ {
			r.got = nil
			r.stop = func(n int) error {
				r.env.Resume = r.got[len(r.got)-1].Offset
				if n == 2 {
					return crash
				}
				return nil
			}
			err := r.run(t.Context())
			if err == nil {
				break
			}
			if !errors.Is(err, crash) {
				t.Fatal(err)
			}
		}
		if runs < 1 {
			t.Errorf("%v: never interrupted", c.props)
		}
		for i, got := range r.rows {
			if want := fmt.Sprintf(`{"n":"%d"}`, i); got != want {
				t.Fatalf("%v: row %d is %s", c.props, i, got)
			}
		}
		if len(r.rows) != 9000 && len(r.rows) != 21 {
			t.Errorf("%v: %d rows", c.props, len(r.rows))
		}
	}
}

func TestResumeInAFolderPassesOverWhatWasRead(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines"}, quiet())
	r.env.Datasource = ""
	for _, name := range []string{"a", "b", "c"} {
		r.write(name, `{"f":"`+name+`"}`)
	}
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.env.Resume, r.rows = r.got[1].Offset, nil
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(`{"f":"c"}`)
	r.write("b", `{}`) // replaced by a shorter one
	r.rows = nil
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(`{}`, `{"f":"c"}`)
	r.env.Resume = []byte("x")
	if err := r.run(t.Context()); err == nil {
		t.Error("a broken offset was taken")
	}
}

func TestASingleFileIsReadWhateverWasReadBefore(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines"}, quiet())
	r.env.Resume = []byte(`{"file":"old","offset":5}`)
	r.write("in", `{"a":1}`)
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(`{"a":1}`)
}

// waitFor polls until ok; the condition depends on another goroutine that
// waits at a virtual clock.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.After(5 * time.Second); !ok(); {
		select {
		case <-end:
			t.Fatal("waited too long for " + what)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestFilesAreReadAgainAfterTheInterval(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines", "interval": "10s", "sendInterval": 1000}, quiet())
	start := time.Unix(1000, 0)
	c := &stepClock{Virtual: clock.NewVirtual(start), asked: make(chan time.Duration)}
	r.env.Clock = c
	r.write("in", "{\"a\":1}\n{\"a\":2}\n")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.run(ctx) }()
	for i, want := range []time.Duration{1, 1, 10, 1, 1, 10} {
		if got := <-c.asked; got != want*time.Second {
			t.Errorf("pause %d is %v, want %ds", i, got, want)
		}
		if i < 5 {
			c.Set(c.Now().Add(want * time.Second))
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.want(`{"a":1}`, `{"a":2}`, `{"a":1}`, `{"a":2}`)
}

// stepClock tells what is waited for, once the timer is set.
type stepClock struct {
	*clock.Virtual
	asked chan time.Duration
}

func (c *stepClock) After(d time.Duration) (<-chan time.Time, func()) {
	tick, stop := c.Virtual.After(d)
	c.asked <- d
	return tick, stop
}

func TestReadFilesAreDisposedOfOnceTheirRowsAreSafe(t *testing.T) {
	for _, c := range []struct {
		name    string
		props   map[string]any
		outcome error
		there   bool // in its folder
		moved   bool
	}{
		{"kept", map[string]any{}, nil, true, false},
		{"deleted", map[string]any{"actionAfterRead": 1}, nil, false, false},
		{"moved", map[string]any{"actionAfterRead": 2, "moveTo": "old"}, nil, false, true},
		{"a lost row keeps it", map[string]any{"actionAfterRead": 1}, errors.New("lost"), true, false},
	} {
		c.props["fileType"] = "lines"
		c.props["path"] = "new"
		r := newRig(t, c.props, quiet())
		path := r.write("new/in", strings.Repeat("{\"a\":1}\n", 20000))
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(r.got) < 2 {
			t.Fatalf("only %d messages", len(r.got))
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: gone before its rows were safe", c.name)
		}
		for i, m := range r.got {
			if m.Ack == nil {
				continue
			}
			if i == len(r.got)-1 && !r.src.(*Source).fates.waits(path) {
				t.Errorf("%s: it would be read again", c.name)
			}
			if i > 0 {
				m.Ack(nil)
			} else {
				m.Ack(c.outcome)
			}
		}
		_, err := os.Stat(path)
		_, moved := os.Stat(filepath.Join(r.dir, "old", "in"))
		if (err == nil) != c.there || (moved == nil) != c.moved {
			t.Errorf("%s: in its folder: %v, moved: %v", c.name, err == nil, moved == nil)
		}
	}
}

func TestAFolderThatIsEmptiedIsWatched(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "json", "interval": 1000, "actionAfterRead": 1}, quiet())
	c := &stepClock{Virtual: clock.NewVirtual(time.Unix(0, 0)), asked: make(chan time.Duration)}
	r.env.Clock = c
	r.stop = func(n int) error {
		r.got[n-1].Ack(nil)
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.run(ctx) }()
	for i := range 3 {
		<-c.asked
		path := r.write("in", fmt.Sprintf(`{"a":%d}`, i))
		c.Set(c.Now().Add(time.Second))
		waitFor(t, "the file to be deleted", func() bool { _, err := os.Stat(path); return err != nil })
	}
	<-c.asked
	cancel()
	<-done
	r.want(`{"a":0}`, `{"a":1}`, `{"a":2}`)
}

func TestAStoppedSourceReturns(t *testing.T) {
	r := newRig(t, map[string]any{"fileType": "lines"}, quiet())
	r.write("in", strings.Repeat("{\"a\":1}\n", 50000))
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = func(int) error { cancel(); return nil }
	if err := r.run(ctx); !errors.Is(err, context.Canceled) || len(r.got) != 1 {
		t.Errorf("got %v after %d messages", err, len(r.got))
	}
}
