package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// go-redis writes to standard error what it returns as errors as well.
func init() { redis.SetLogger(noLog{}) }

type noLog struct{}

func (noLog) Printf(context.Context, string, ...any) {}

// RedisConfig says which Redis server to talk to and as whom.
type RedisConfig struct {
	Address        string // host:port
	Username       string
	Password       string
	DB             int
	UseTLS         bool
	TLS            TLS
	ConnectTimeout time.Duration // 0: 5 s
}

// RedisClient is a pool of connections to a Redis server, shared by all who
// asked for the same RedisConfig.
type RedisClient struct {
	rdb    *redis.Client
	log    *slog.Logger
	ctx    context.Context
	broken chan struct{} // wakes keep

	mu       sync.Mutex
	watchers map[*redisWatcher]bool
	waiting  int   // subscriptions that the server does not have yet: without them all is not well
	state    error // nil: the last thing that happened went well
	known    bool  // whether anything happened yet
}

type redisWatcher struct{ s Status }

// redisClients are the open clients.
var redisClients = struct {
	sync.Mutex
	open map[RedisConfig]*sharedRedis
}{open: map[RedisConfig]*sharedRedis{}}

type sharedRedis struct {
	*RedisClient
	users int
	stop  context.CancelFunc
}

// Redis returns the client for a configuration and a function that gives it
// back; the last one to do so closes it. It does not wait for the server.
func Redis(cfg RedisConfig, log *slog.Logger) (*RedisClient, func(), error) {
	redisClients.Lock()
	defer redisClients.Unlock()
	shared := redisClients.open[cfg]
	if shared == nil {
		opts, err := cfg.options()
		if err != nil {
			return nil, nil, err
		}
		ctx, stop := context.WithCancel(context.Background())
		shared = &sharedRedis{stop: stop, RedisClient: &RedisClient{
			rdb: redis.NewClient(opts), log: log.With("redis", cfg.Address), ctx: ctx,
			broken: make(chan struct{}, 1), watchers: map[*redisWatcher]bool{},
		}}
		go shared.keep()
		redisClients.open[cfg] = shared
	}
	shared.users++
	return shared.RedisClient, sync.OnceFunc(func() { giveBackRedis(cfg, shared) }), nil
}

func giveBackRedis(cfg RedisConfig, shared *sharedRedis) {
	redisClients.Lock()
	defer redisClients.Unlock()
	if shared.users--; shared.users > 0 {
		return
	}
	delete(redisClients.open, cfg)
	shared.stop()
	shared.rdb.Close()
}

func (cfg RedisConfig) options() (*redis.Options, error) {
	timeout := cfg.ConnectTimeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	opts := &redis.Options{
		Addr: cfg.Address, Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		DialTimeout: timeout, MaxRetries: -1, DialerRetries: 1, Protocol: 2, DisableIdentity: true,
	}
	if cfg.UseTLS {
		t, err := cfg.TLS.Config()
		if err != nil {
			return nil, err
		}
		if t.ServerName, _, err = net.SplitHostPort(cfg.Address); err != nil {
			return nil, fmt.Errorf("redis address %q: %w", cfg.Address, err)
		}
		opts.TLSConfig = t
	}
	return opts, nil
}

// Client gives direct access to commands.
func (c *RedisClient) Client() *redis.Client { return c.rdb }

// Watch tells s the present state and every change, until the returned
// function is called.
func (c *RedisClient) Watch(s Status) (stop func()) {
	w := &redisWatcher{s}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers[w] = true
	switch {
	case !c.known:
		s.Connecting()
	case c.state != nil:
		s.Disconnected(c.state)
	default:
		s.Connected()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, w)
	}
}

// note tells the watchers how the last exchange with the server went.
func (c *RedisClient) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.waiting > 0 {
		return
	}
	if c.known && (err == nil) == (c.state == nil) {
		c.state = err
		return
	}
	c.known, c.state = true, err
	if err != nil {
		c.log.Warn("redis connection lost", "error", err)
		select {
		case c.broken <- struct{}{}:
		default:
		}
	} else {
		c.log.Info("redis connected")
	}
	for w := range c.watchers {
		if err != nil {
			w.s.Disconnected(err)
		} else {
			w.s.Connected()
		}
	}
}

// keep asks the server for an answer until there is one, at first and whenever
// it was lost: a client that only publishes would not notice its return.
func (c *RedisClient) keep() {
	for pause := firstPause; c.ctx.Err() == nil; {
		var wait <-chan time.Time
		lost := c.broken
		if c.Ping(c.ctx) == nil {
			pause = firstPause
		} else {
			lost, wait = nil, time.After(pause)
			pause = min(2*pause, lastPause)
		}
		select {
		case <-wait:
		case <-lost:
		case <-c.ctx.Done():
		}
	}
}

// Ping asks the server for an answer.
func (c *RedisClient) Ping(ctx context.Context) error {
	err := c.rdb.Ping(ctx).Err()
	if ctx.Err() == nil || err == nil {
		c.note(err)
	}
	return err
}

// RedisMessage is a message of a channel. Payload is never written again.
type RedisMessage struct {
	Channel string
	Payload []byte
}

// Subscribe hands the messages of all channels that match the glob pattern to
// handle, in order, one at a time, until the returned function is called;
// after that handle is not called any more. Messages that are published while
// the connection is away are lost: Redis does not keep them.
func (c *RedisClient) Subscribe(pattern string, handle func(RedisMessage)) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx)
	done := make(chan struct{})
	c.wait(1)
	go func() {
		defer close(done)
		c.subscribed(ctx, pattern, handle)
	}()
	return func() {
		cancel()
		<-done
	}
}

// subscribed keeps a subscription until ctx ends. One waits for it when it is
// called, and no more when it returns.
func (c *RedisClient) subscribed(ctx context.Context, pattern string, handle func(RedisMessage)) {
	waiting := 1
	defer func() { c.wait(-waiting) }()
	there := func() {
		c.wait(-waiting)
		waiting = 0
		c.note(nil)
	}
	for pause := firstPause; ctx.Err() == nil; {
		began := time.Now()
		err := c.receive(ctx, pattern, handle, there)
		if ctx.Err() != nil {
			return
		}
		c.wait(1 - waiting)
		waiting = 1
		c.note(err)
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, lastPause)
	}
}

// Pauses between attempts: short enough that a server that is back is found
// within seconds.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
	idlePing   = 10 * time.Second // a silent connection is tested
)

// receive reads one connection until it breaks; it calls there when the server
// has the subscription.
func (c *RedisClient) receive(ctx context.Context, pattern string, handle func(RedisMessage), there func()) error {
	sub := c.rdb.PSubscribe(ctx, pattern)
	defer context.AfterFunc(ctx, func() { sub.Close() })()
	defer sub.Close()
	for silent := 0; ; {
		m, err := sub.ReceiveTimeout(ctx, idlePing)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout() && silent == 0:
			silent++
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		silent = 0
		switch m := m.(type) {
		case *redis.Subscription:
			there()
		case *redis.Message:
			handle(RedisMessage{Channel: m.Channel, Payload: unsafe.Slice(unsafe.StringData(m.Payload), len(m.Payload))})
		}
	}
}

func (c *RedisClient) wait(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting += n
}

// Publish sends a message to a channel.
func (c *RedisClient) Publish(ctx context.Context, channel string, payload []byte) error {
	err := c.rdb.Publish(ctx, channel, payload).Err()
	if err == nil {
		c.note(nil)
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused redis.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("redis refused the message: %w", err)
	}
	c.note(err)
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// redisBus is a bus on Redis pub/sub, with EdgeX's mapping of topics: a level
// ends with a dot instead of a slash, both wildcards become an asterisk.
type redisBus struct{ *RedisClient }

func (b *redisBus) Subscribe(filter string, handle func(BusMessage)) (func(), error) {
	return b.RedisClient.Subscribe(redisPattern(filter), func(m RedisMessage) {
		handle(BusMessage{Topic: strings.ReplaceAll(m.Channel, ".", "/"), Payload: m.Payload})
	}), nil
}

func (b *redisBus) Publish(ctx context.Context, topic string, payload []byte) error {
	return b.RedisClient.Publish(ctx, redisChannel(topic), payload)
}

func (b *redisBus) PublishAsync(ctx context.Context, topic string, payload []byte, done func(error)) error {
	done(b.Publish(ctx, topic, payload))
	return nil
}

// Flush and Drain have nothing to do: PublishAsync does not gather.
func (b *redisBus) Flush()                      {}
func (b *redisBus) Drain(context.Context) error { return nil }

func redisChannel(topic string) string { return strings.ReplaceAll(topic, "/", ".") }

var redisPatterns = strings.NewReplacer("/", ".", "#", "*", "+", "*", "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, `\`, `\\`)

func redisPattern(filter string) string { return redisPatterns.Replace(filter) }
