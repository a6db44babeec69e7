package autostream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// coreMetadata stands for the REST client: it answers with profiles as recorded
// from core-metadata.
type coreMetadata struct {
	mu       sync.Mutex
	profiles []edgex.Profile
	down     bool
	calls    int
}

func (c *coreMetadata) Profiles(_ context.Context, offset, limit int) ([]edgex.Profile, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.down {
		return nil, 0, errors.New("connection refused")
	}
	n := len(c.profiles)
	return c.profiles[min(offset, n):min(offset+limit, n)], n, nil
}

func (c *coreMetadata) set(change func(*coreMetadata)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// bus stands for the MessageBus.
type bus struct {
	conn.Bus
	mu     sync.Mutex
	filter string
	handle func(conn.BusMessage)
	status conn.Status
}

func (b *bus) Subscribe(filter string, handle func(conn.BusMessage)) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.filter, b.handle = filter, handle
	return func() {}, nil
}

func (b *bus) Watch(s conn.Status) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = s
	s.Connected()
	return func() {}
}

func recordedProfiles(t *testing.T) []edgex.Profile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "devicemodel", "edgex", "testdata", "v3-deviceprofile-all.json"))
	must(t, err)
	ps, err := edgex.Parse(text)
	must(t, err)
	return ps
}

// recordedEvents are the messages about a profile, in order.
func recordedEvents(t *testing.T, about string) (messages []conn.BusMessage) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "devicemodel", "edgex", "testdata", "v3-system-events.jsonl"))
	must(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m struct {
			Topic   string
			Payload json.RawMessage
		}
		must(t, json.Unmarshal(lines.Bytes(), &m))
		if strings.Contains(m.Topic, "/deviceprofile/") && strings.HasSuffix(m.Topic, "/"+about) {
			messages = append(messages, conn.BusMessage{Topic: m.Topic, Payload: bytes.Clone(m.Payload)})
		}
	}
	return messages
}

type linked struct {
	*keeper
	link   *Link
	client *coreMetadata
	bus    *bus
	clock  *clock.Virtual
}

func follow(t *testing.T, db *keeper) *linked {
	t.Helper()
	l := &linked{keeper: db, client: &coreMetadata{profiles: recordedProfiles(t)}, bus: &bus{}, clock: clock.NewVirtual(time.Unix(1700000000, 0))}
	l.link = &Link{Streams: db.Streams, Client: l.client, Bus: func() (conn.Bus, func(), error) { return l.bus, func() {}, nil },
		Prefix: "edgex", Clock: l.clock, Log: slog.New(slog.DiscardHandler), Every: 10 * time.Minute}
	return l
}

func (l *linked) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.link.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// until waits for a condition; the virtual clock moves on meanwhile.
func (l *linked) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.After(10 * time.Second); !ok(); {
		select {
		case <-deadline:
			t.Fatalf("%s: %+v, streams %s", what, l.link.State(), l.streams())
		case <-time.After(time.Millisecond):
			l.clock.Set(l.clock.Now().Add(100 * time.Millisecond))
		}
	}
}

func TestProfilesAreListedAndThenFollowed(t *testing.T) {
	l := follow(t, newKeeper(t, nil))
	l.run(t)
	l.until(t, "listed", func() bool { return l.link.State().State == Connected })
	if l.bus.filter != "edgex/system-events/core-metadata/#" {
		t.Errorf("filter %s", l.bus.filter)
	}
	if n := len(l.cat.Definitions(false, "")); n != len(l.client.profiles) {
		t.Errorf("%d streams of %d profiles", n, len(l.client.profiles))
	}
	l.Remove(Metadata, EdgeX, "Fixture-Profile")
	for i, m := range recordedEvents(t, "Fixture-Profile") {
		action := strings.Split(m.Topic, "/")[4]
		l.bus.handle(m)
		l.until(t, m.Topic, func() bool { return l.link.State().Events == i+1 })
		_, there := l.cat.Lookup("Fixture_Profile")
		if there != (action != "delete") {
			t.Errorf("after %s the stream is there: %v", action, there)
		}
	}
}

func TestCoreMetadataAwayLeavesTheStreams(t *testing.T) {
	first := follow(t, newKeeper(t, nil))
	first.run(t)
	first.until(t, "listed", func() bool { return first.link.State().State == Connected })
	want := first.streams()

	l := follow(t, reopen(t, first.db, func(c *Config) { c.Listed = true }))
	l.client.down = true
	l.run(t)
	l.until(t, "down", func() bool { return l.link.State().State == Disconnected })
	if got := l.streams(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if m := l.link.State().Message; m != "core-metadata: connection refused" {
		t.Errorf("message %q", m)
	}
	l.client.set(func(c *coreMetadata) { c.down, c.profiles = false, c.profiles[:2] })
	l.until(t, "up again", func() bool { return l.link.State().State == Connected && len(l.cat.Definitions(false, "")) == 2 })
}

func TestTheListIsReadAgainWhenTheBusIsBack(t *testing.T) {
	l := follow(t, newKeeper(t, nil))
	l.run(t)
	l.until(t, "listed", func() bool { return l.link.State().State == Connected })
	l.client.set(func(c *coreMetadata) { c.profiles = c.profiles[:1] })
	l.bus.status.Disconnected(errors.New("gone"))
	l.bus.status.Connected()
	l.until(t, "one stream", func() bool { return len(l.cat.Definitions(false, "")) == 1 })
}

func TestEventsThatSayNothingChangeNothing(t *testing.T) {
	l := follow(t, newKeeper(t, nil))
	l.run(t)
	l.until(t, "listed", func() bool { return l.link.State().State == Connected })
	want := l.streams()
	for _, payload := range []string{"", "{", `{"payload":7}`, `{"payload":{"type":"deviceservice","action":"add","details":{}}}`, `{"payload":{"type":"deviceprofile","action":"add","details":{}}}`} {
		l.bus.handle(conn.BusMessage{Topic: "edgex/system-events/core-metadata/x", Payload: []byte(payload)})
	}
	l.until(t, "read", func() bool { return l.link.State().Events == 5 })
	if got := l.streams(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A device of a profile that was never heard of: the list is read again.
	calls := l.client.calls
	l.bus.handle(conn.BusMessage{Payload: []byte(`{"payload":{"type":"device","action":"add","details":{"profileName":"nosuch"}}}`)})
	l.until(t, "listed again", func() bool {
		l.client.mu.Lock()
		defer l.client.mu.Unlock()
		return l.client.calls > calls
	})
}
