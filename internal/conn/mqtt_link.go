package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffMax   = 3 * time.Second
	stableAfter  = 5 * time.Second  // a connection that lived so long was a good one
	fightWithin  = 15 * time.Second // shorter lives, again and again, look like a fight for the client id
	fightRounds  = 3
	refusedRetry = 5 * time.Second
	goodbye      = 250 * time.Millisecond
)

// phase is where a link stands.
type phase int

const (
	connecting phase = iota
	connected
	disconnected
)

type linkState struct {
	phase phase
	err   error
}

func (s linkState) same(t linkState) bool {
	return s.phase == t.phase && (s.err == nil) == (t.err == nil) && (s.err == nil || s.err.Error() == t.err.Error())
}

// mqttLink keeps one connection to a broker alive. It either publishes or
// subscribes, never both: a subscription that blocks stops the reading, and
// then the acknowledgements for publishing would not come through.
type mqttLink struct {
	cfg     MQTTConfig
	url     *url.URL
	tls     *tls.Config
	id      string
	log     *slog.Logger
	changed func() // told after every change of state

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	out    flights
	routes atomic.Pointer[routes]
	ask    chan struct{} // subscriptions have changed

	mu    sync.Mutex
	state linkState
	subs  routes
	gone  []string // filters to unsubscribe from
}

func (l *mqttLink) start() {
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.done, l.ask = make(chan struct{}), make(chan struct{}, 1)
	l.routes.Store(&routes{})
	l.out.init()
	go l.run()
}

// close says goodbye to the broker and waits until that is done.
func (l *mqttLink) close() {
	l.cancel()
	<-l.done
}

func (l *mqttLink) run() {
	defer close(l.done)
	wait, short := backoffFirst, 0
	for {
		began := time.Now()
		err := l.session()
		if l.ctx.Err() != nil {
			break
		}
		lived := time.Since(began)
		if lived >= stableAfter {
			wait = backoffFirst
		}
		if short = l.fights(short, lived, err); short >= fightRounds {
			err = fmt.Errorf("%w, %d times shortly after connecting: is client id %q used twice?", err, short, l.id)
		}
		l.log.Log(l.ctx, l.level(), "mqtt connection is down", "server", l.url.Redacted(), "clientId", l.id, "error", err)
		l.out.up(nil, downError(err))
		l.set(disconnected, err)
		select {
		case <-l.ctx.Done():
		case <-time.After(wait - rand.N(wait/4)):
		}
		wait = min(2*wait, backoffMax)
	}
	l.out.close(downError(net.ErrClosed))
}

// level keeps an outage from filling the log: its start is a warning, the
// attempts that follow are details.
func (l *mqttLink) level() slog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.phase == disconnected {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// fights counts how often in a row the broker ended a young connection, which
// is what happens to two clients with one id.
func (l *mqttLink) fights(short int, lived time.Duration, err error) int {
	kicked := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if kicked && errors.Is(err, errLost) && lived < fightWithin {
		return short + 1
	}
	return 0
}

// errLost marks the end of a connection that was established.
var errLost = errors.New("connection lost")

// session connects and stays until the connection ends.
func (l *mqttLink) session() error {
	opened := make(chan *mqttConn, 1)
	client := mqtt.NewClient(l.options(opened))
	token := client.Connect()
	select {
	case <-token.Done():
	case <-l.ctx.Done():
		go func() { // the attempt ends soon, now that ctx is over
			<-token.Done()
			l.drop(opened)
			client.Disconnect(0)
		}()
		l.drop(opened)
		return l.ctx.Err()
	}
	if err := token.Error(); err != nil {
		l.drop(opened)
		return plainError(err)
	}
	c := <-opened
	l.log.Info("mqtt connection is up", "server", l.url.Redacted(), "clientId", l.id)
	l.out.up(c, nil)
	l.renew()
	go l.subscribe(client, c)
	select {
	case <-c.dead:
		<-c.read // what came before the end is handed over first
	case <-l.ctx.Done():
		_ = c.out.flush()
		client.Disconnect(uint(goodbye.Milliseconds()))
	}
	c.fail(net.ErrClosed)
	return fmt.Errorf("%w: %w", errLost, c.err)
}

// drop closes a connection that is not wanted any more.
func (l *mqttLink) drop(opened chan *mqttConn) {
	select {
	case c := <-opened:
		c.fail(net.ErrClosed)
	default:
	}
}

func (l *mqttLink) options(opened chan *mqttConn) *mqtt.ClientOptions {
	o := mqtt.NewClientOptions()
	o.Servers = []*url.URL{l.url}
	o.SetClientID(l.id).SetUsername(l.cfg.Username).SetPassword(l.cfg.Password)
	o.SetProtocolVersion(4)
	if l.cfg.Version == "3.1" {
		o.SetProtocolVersion(3)
	}
	o.SetCleanSession(!l.cfg.PersistentSession)
	o.SetKeepAlive(l.cfg.KeepAlive)
	o.SetConnectTimeout(l.cfg.ConnectTimeout)
	o.SetAutoReconnect(false)
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
		raw, sock, err := dial(l.ctx, u, l.tls, l.cfg.ConnectTimeout)
		if err != nil {
			return nil, err
		}
		c := newMQTTConn(raw, sock, l)
		opened <- c
		return c, nil
	})
	return o
}

func (l *mqttLink) set(p phase, err error) {
	l.mu.Lock()
	l.state = linkState{p, err}
	l.mu.Unlock()
	l.changed()
}

// add starts a subscription; the caller reports the change of state.
func (l *mqttLink) add(s *subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subs = append(slices.Clone(l.subs), s)
	rs := l.subs
	l.routes.Store(&rs)
	if l.state.phase == connected {
		l.state.phase = connecting // until the broker has granted it
	}
	l.hurry()
}

// remove ends a subscription. Its handler does not run any more afterwards.
func (l *mqttLink) remove(s *subscription) {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	l.mu.Lock()
	l.subs = slices.DeleteFunc(slices.Clone(l.subs), func(t *subscription) bool { return t == s })
	rs := l.subs
	l.routes.Store(&rs)
	if s.granted && !l.cfg.PersistentSession {
		l.gone = append(l.gone, string(s.filter))
	}
	l.mu.Unlock()
	l.hurry()
}

func (l *mqttLink) filters() []TopicFilter {
	l.mu.Lock()
	defer l.mu.Unlock()
	fs := make([]TopicFilter, len(l.subs))
	for i, s := range l.subs {
		fs[i] = s.filter
	}
	return fs
}

func (l *mqttLink) hurry() {
	select {
	case l.ask <- struct{}{}:
	default:
	}
}

// renew forgets what an earlier connection had been granted.
func (l *mqttLink) renew() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = nil
	for _, s := range l.subs {
		s.granted = false
	}
}

// subscribe keeps the broker informed of what is subscribed to, for the life
// of one connection.
func (l *mqttLink) subscribe(client mqtt.Client, c *mqttConn) {
	for {
		refused, err := l.request(client, c)
		switch {
		case err != nil:
			c.fail(err)
			return
		case refused != nil:
			l.log.Warn("mqtt subscription is refused", "server", l.url.Redacted(), "clientId", l.id, "error", refused)
			l.set(disconnected, refused)
		}
		var again <-chan time.Time
		if refused != nil {
			again = time.After(refusedRetry)
		}
		select {
		case <-l.ask:
		case <-again:
		case <-c.dead:
			return
		}
	}
}

// request sends UNSUBSCRIBE and SUBSCRIBE for what has changed and waits for
// the answer. refused says which filter the broker does not allow.
func (l *mqttLink) request(client mqtt.Client, c *mqttConn) (refused, err error) {
	l.mu.Lock()
	gone, want := l.gone, map[string]byte{}
	l.gone = nil
	for _, s := range l.subs {
		if !s.granted {
			want[string(s.filter)] = s.qos
		}
	}
	l.mu.Unlock()
	if len(gone) > 0 {
		client.Unsubscribe(gone...)
	}
	if len(want) == 0 {
		l.set(connected, nil)
		return nil, nil
	}
	token := client.SubscribeMultiple(want, nil).(*mqtt.SubscribeToken)
	select {
	case <-token.Done():
	case <-c.dead:
		return nil, c.err
	}
	if err := token.Error(); err != nil {
		return nil, err
	}
	if refused = l.grant(token.Result()); refused == nil {
		l.complete()
	}
	return refused, nil
}

// grant notes the broker's answer.
func (l *mqttLink) grant(codes map[string]byte) (refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.subs {
		switch code, ok := codes[string(s.filter)]; {
		case ok && code > 2:
			refused = fmt.Errorf("the broker refuses the subscription to %q", string(s.filter))
		case ok:
			s.granted = true
		}
	}
	return refused
}

// complete tells that the link is up, unless another subscription has been
// added meanwhile.
func (l *mqttLink) complete() {
	l.mu.Lock()
	all := !slices.ContainsFunc(l.subs, func(s *subscription) bool { return !s.granted })
	if all {
		l.state = linkState{phase: connected}
	}
	l.mu.Unlock()
	if all {
		l.changed()
	}
}

// downError marks an error as one that a later attempt may not meet.
func downError(err error) error {
	if err == nil || errors.Is(err, ErrDown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// plainError takes away what paho puts in front of the cause.
func plainError(err error) error {
	for e := err; e != nil; {
		if multi, ok := e.(interface{ Unwrap() []error }); ok && len(multi.Unwrap()) > 1 {
			return multi.Unwrap()[1]
		}
		e = errors.Unwrap(e)
	}
	return err
}
