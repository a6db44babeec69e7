package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/testserver"
)

// linkLog records what a Status was told.
type linkLog chan string

func (l linkLog) Connecting()            { l <- "connecting" }
func (l linkLog) Connected()             { l <- "connected" }
func (l linkLog) Disconnected(err error) { l <- "disconnected" }

func (l linkLog) wait(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case got := <-l:
			if got == want {
				return
			}
		case <-deadline:
			t.Fatalf("the link was never %s", want)
		}
	}
}

func redisOn(t *testing.T, s *testserver.Server) *RedisClient {
	t.Helper()
	c, release, err := Redis(RedisConfig{Address: s.Addr}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return c
}

func receive[T any](t *testing.T, ch <-chan T) (x T) {
	t.Helper()
	select {
	case x = <-ch:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came in 10 s")
	}
	return x
}

func TestRedisMessagesComeInOrder(t *testing.T) {
	c := redisOn(t, testserver.Redis(t))
	links := make(linkLog, 16)
	defer c.Watch(links)()
	got := make(chan string, 2000)
	defer c.Subscribe("a.*", func(m RedisMessage) { got <- m.Channel + " " + string(m.Payload) })()
	links.wait(t, "connected")
	for i := range 1000 {
		if err := c.Publish(t.Context(), fmt.Sprint("a.", i%3), []byte(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		if m, want := receive(t, got), fmt.Sprintf("a.%d %d", i%3, i); m != want {
			t.Fatalf("got %s, want %s", m, want)
		}
	}
}

func TestRedisSubscriptionComesBackWithTheServer(t *testing.T) {
	server := testserver.Redis(t)
	c := redisOn(t, server)
	links := make(linkLog, 64)
	defer c.Watch(links)()
	got := make(chan string, 16)
	defer c.Subscribe("a", func(m RedisMessage) { got <- string(m.Payload) })()
	links.wait(t, "connected")
	server.Stop()
	links.wait(t, "disconnected")
	if err := c.Publish(t.Context(), "a", nil); !errors.Is(err, ErrDown) {
		t.Errorf("publishing without a server: %v", err)
	}
	server.Start()
	links.wait(t, "connected")
	deadline := time.Now().Add(5 * time.Second)
	for len(got) == 0 && time.Now().Before(deadline) { // the publisher may be back before the subscription
		c.Publish(t.Context(), "a", []byte("again"))
		time.Sleep(10 * time.Millisecond)
	}
	if m := receive(t, got); m != "again" {
		t.Errorf("got %q", m)
	}
}

func TestRedisServerMayBeAwayAtStart(t *testing.T) {
	server := testserver.Redis(t)
	server.Stop()
	c := redisOn(t, server)
	links := make(linkLog, 64)
	defer c.Watch(links)()
	got := make(chan string, 16)
	defer c.Subscribe("a", func(m RedisMessage) { got <- string(m.Payload) })()
	links.wait(t, "disconnected")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.Ping(ctx); err == nil {
		t.Error("ping went well without a server")
	}
	server.Start()
	links.wait(t, "connected")
}

func TestRedisClientsAreSharedUntilTheLastIsGivenBack(t *testing.T) {
	server := testserver.Redis(t, "--requirepass", "secret")
	log := slog.New(slog.DiscardHandler)
	cfg := RedisConfig{Address: server.Addr, Password: "secret"}
	a, releaseA, err := Redis(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	b, releaseB, _ := Redis(cfg, log)
	if a != b {
		t.Error("two clients for one configuration")
	}
	releaseA()
	releaseA()
	if err := b.Ping(t.Context()); err != nil {
		t.Errorf("after the first was given back: %v", err)
	}
	releaseB()
	if err := b.Ping(t.Context()); err == nil {
		t.Error("the client lives on after the last was given back")
	}
	wrong, release, _ := Redis(RedisConfig{Address: server.Addr, Password: "wrong"}, log)
	defer release()
	if err := wrong.Ping(t.Context()); err == nil {
		t.Error("a wrong password went well")
	}
}

func TestRedisSubscriptionEndsWhenToldWhileTheHandlerIsBusy(t *testing.T) {
	c := redisOn(t, testserver.Redis(t))
	links := make(linkLog, 16)
	defer c.Watch(links)()
	calls := 0
	entered, leave := make(chan bool), make(chan bool)
	stop := c.Subscribe("a", func(RedisMessage) {
		calls++
		entered <- true
		<-leave
	})
	links.wait(t, "connected")
	for range 5 {
		c.Publish(t.Context(), "a", nil)
	}
	receive(t, entered)
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()
	for c.rdb.PubSubNumPat(t.Context()).Val() != 0 { // the connection is cut at once
		time.Sleep(time.Millisecond)
	}
	close(leave)
	receive(t, stopped)
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
