// Package conn holds the network clients that sources and sinks share.
//
//	client, release, err := conn.MQTT(conn.MQTTConfig{Server: "tcp://127.0.0.1:1883"}, log)
//	if err != nil { ... }
//	defer release()
//	defer client.Watch(status)()
//	stop, err := client.Subscribe("devices/+/state", 1, func(m conn.MQTTMessage) bool { ...; return true })
//	err = client.Publish(ctx, "alerts", []byte(`{"a":1}`), 1, false)
//
// A broker that is away is no error: clients connect in the background, again
// and again, and tell their watchers how it goes.
package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrDown is what publishing returns while the connection is away.
var ErrDown error = errDown{}

type errDown struct{}

func (errDown) Error() string { return "not connected" }

// Retryable tells sinks that a later attempt may succeed.
func (errDown) Retryable() bool { return true }

// MQTTConfig says which broker to talk to and as whom.
type MQTTConfig struct {
	Server            string // tcp://host:1883; also ssl tls mqtts ws wss mqtt unix, or without scheme
	ClientID          string // "" makes a unique one, sluice-<random>
	Username          string
	Password          string
	Version           string // 3.1.1 (default) or 3.1
	TLS               TLS
	KeepAlive         time.Duration // 0: 30 s
	ConnectTimeout    time.Duration // 0: 5 s
	PersistentSession bool          // ask the broker to keep subscriptions and messages over a break; needs ClientID
	Name              string        // configurations with different names never share a connection
}

// Status is told how a connection goes; sources.Status and sinks.Status fit.
type Status interface {
	Connecting()
	Connected()
	Disconnected(err error)
}

// MQTTMessage is a received message. Payload is never written again.
type MQTTMessage struct {
	Topic     string
	Payload   []byte
	QoS       byte
	Retained  bool
	Duplicate bool
	ID        uint16 // packet identifier; 0 at qos 0

	link *mqttConn
	seq  uint64
}

// MQTTHandler takes the messages of one subscription, in order, one at a time.
// It may block: then the broker is not read from any more, and keep-alive goes
// on. It returns true when it is done with the message, which is then
// acknowledged to the broker; or false, then it calls Ack or Nack later, from
// any goroutine. Acknowledgements reach the broker in the order of arrival.
type MQTTHandler func(m MQTTMessage) (done bool)

// MQTTClient is a connection to a broker, shared by all who asked for the same
// MQTTConfig. Behind it are as many network connections as it takes: one to
// publish, and one or more for subscriptions, since a subscription may block
// and no two on one connection may overlap.
type MQTTClient struct {
	cfg  MQTTConfig
	url  *url.URL
	tls  *tls.Config
	log  *slog.Logger
	refs int // guarded by mqttClients.mu

	mu    sync.Mutex
	links []*mqttLink // links[0] is there from the start
	pub   *mqttLink

	watching sync.Mutex
	watchers map[*watcher]bool
}

type watcher struct {
	status Status
	told   linkState
}

// mqttClients are the clients in use and the client ids they have.
var mqttClients = struct {
	mu  sync.Mutex
	by  map[MQTTConfig]*MQTTClient
	ids map[string]bool // server and client id
}{by: map[MQTTConfig]*MQTTClient{}, ids: map[string]bool{}}

// MQTT returns the client for a configuration and a function that gives it
// back; the last one to do so closes it. It does not wait for the broker. An
// error means that the configuration cannot work.
func MQTT(cfg MQTTConfig, log *slog.Logger) (*MQTTClient, func(), error) {
	mqttClients.mu.Lock()
	defer mqttClients.mu.Unlock()
	c := mqttClients.by[cfg]
	if c == nil {
		var err error
		if c, err = newMQTTClient(cfg, log); err != nil {
			return nil, nil, err
		}
		mqttClients.by[cfg] = c
	}
	c.refs++
	return c, sync.OnceFunc(c.release), nil
}

func newMQTTClient(cfg MQTTConfig, log *slog.Logger) (*MQTTClient, error) {
	c := &MQTTClient{cfg: cfg, log: log, watchers: map[*watcher]bool{}}
	if cfg.Version != "" && cfg.Version != "3.1.1" && cfg.Version != "3.1" {
		return nil, fmt.Errorf("protocol version %q is not supported, use 3.1.1 or 3.1", cfg.Version)
	}
	if cfg.PersistentSession && cfg.ClientID == "" {
		return nil, errors.New("a persistent session needs a client id, by which the broker knows the client again")
	}
	if c.cfg.KeepAlive == 0 {
		c.cfg.KeepAlive = 30 * time.Second
	}
	if c.cfg.ConnectTimeout == 0 {
		c.cfg.ConnectTimeout = 5 * time.Second
	}
	var err error
	if c.url, err = parseServer(cfg.Server); err != nil {
		return nil, err
	}
	if c.tls, err = cfg.TLS.Config(); err != nil {
		return nil, err
	}
	if cfg.PersistentSession && mqttClients.ids[c.idKey(cfg.ClientID)] {
		return nil, fmt.Errorf("client id %q is in use already, a persistent session needs its own", cfg.ClientID)
	}
	c.link()
	return c, nil
}

func (c *MQTTClient) release() {
	mqttClients.mu.Lock()
	c.refs--
	last := c.refs == 0
	if last {
		for cfg, d := range mqttClients.by {
			if d == c {
				delete(mqttClients.by, cfg)
			}
		}
	}
	mqttClients.mu.Unlock()
	if !last {
		return
	}
	c.mu.Lock()
	links := c.links
	c.links, c.pub = nil, nil
	c.mu.Unlock()
	for _, l := range links {
		c.closeLink(l)
	}
}

func (c *MQTTClient) closeLink(l *mqttLink) {
	l.close()
	mqttClients.mu.Lock()
	delete(mqttClients.ids, c.idKey(l.id))
	mqttClients.mu.Unlock()
}

func (c *MQTTClient) idKey(id string) string { return c.url.Host + " " + id }

// link opens one more connection. mqttClients.mu and c.mu are held, or nobody
// knows c yet.
func (c *MQTTClient) link() *mqttLink {
	l := &mqttLink{cfg: c.cfg, url: c.url, tls: c.tls, log: c.log, changed: c.tell, id: c.cfg.ClientID}
	if l.id == "" {
		l.id = fmt.Sprintf("sluice-%016x", rand.Uint64())
	}
	for n := 2; mqttClients.ids[c.idKey(l.id)]; n++ {
		l.id = fmt.Sprintf("%s-%d", c.cfg.ClientID, n)
	}
	mqttClients.ids[c.idKey(l.id)] = true
	c.links = append(c.links, l)
	l.start()
	return l
}

// Watch tells s the present state and every change, until the returned
// function is called. s must not call back.
func (c *MQTTClient) Watch(s Status) (stop func()) {
	w := &watcher{status: s, told: linkState{phase: -1}}
	c.watching.Lock()
	c.watchers[w] = true
	c.watching.Unlock()
	c.tell()
	return func() {
		c.watching.Lock()
		defer c.watching.Unlock()
		delete(c.watchers, w)
	}
}

// tell passes the state of the worst connection on to the watchers.
func (c *MQTTClient) tell() {
	c.watching.Lock()
	defer c.watching.Unlock()
	worst := c.state()
	for w := range c.watchers {
		if w.told.same(worst) {
			continue
		}
		w.told = worst
		switch worst.phase {
		case connecting:
			w.status.Connecting()
		case connected:
			w.status.Connected()
		default:
			w.status.Disconnected(worst.err)
		}
	}
}

func (c *MQTTClient) state() linkState {
	worst := linkState{phase: connected}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.links {
		l.mu.Lock()
		if l.state.phase == disconnected || l.state.phase == connecting && worst.phase == connected {
			worst = l.state
		}
		l.mu.Unlock()
	}
	return worst
}

// Subscribe hands messages that match the filter to handle until the returned
// function is called, which must not be done by handle. It does not wait for
// the broker; the subscription is made again after every reconnect.
// Subscriptions of one client may overlap: each one gets each of its messages
// once.
func (c *MQTTClient) Subscribe(filter string, qos byte, handle MQTTHandler) (stop func(), err error) {
	s := &subscription{filter: TopicFilter(filter), qos: qos, handle: handle}
	if err := s.filter.Valid(); err != nil {
		return nil, err
	}
	if qos > 2 {
		return nil, fmt.Errorf("invalid qos value %d, the value could be only int 0 or 1 or 2", qos)
	}
	mqttClients.mu.Lock()
	c.mu.Lock()
	l := c.room(s.filter)
	if l == nil {
		l = c.link()
	}
	l.add(s)
	c.mu.Unlock()
	mqttClients.mu.Unlock()
	c.tell()
	return sync.OnceFunc(func() { c.unsubscribe(l, s) }), nil
}

// room finds a connection that publishes nothing and subscribes to nothing
// that overlaps.
func (c *MQTTClient) room(f TopicFilter) *mqttLink {
	for _, l := range c.links {
		if l != c.pub && !slices.ContainsFunc(l.filters(), f.Overlaps) {
			return l
		}
	}
	return nil
}

func (c *MQTTClient) unsubscribe(l *mqttLink, s *subscription) {
	l.remove(s)
	c.mu.Lock()
	i := slices.Index(c.links, l)
	extra := i > 0 && len(l.filters()) == 0
	if extra {
		c.links = slices.Delete(slices.Clone(c.links), i, i+1)
	}
	c.mu.Unlock()
	if extra {
		c.closeLink(l)
	}
}

// publisher returns the connection for publishing.
func (c *MQTTClient) publisher() *mqttLink {
	c.mu.Lock()
	l := c.pub
	c.mu.Unlock()
	if l != nil {
		return l
	}
	mqttClients.mu.Lock()
	defer mqttClients.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pub == nil && len(c.links) > 0 {
		c.pub = c.links[0]
		if len(c.pub.filters()) > 0 {
			c.pub = c.link()
		}
	}
	return c.pub
}

// Publish sends a message and waits until the broker has it (qos 1, 2) or
// until it is handed to the network (qos 0). ErrDown: there is no connection.
func (c *MQTTClient) Publish(ctx context.Context, topic string, payload []byte, qos byte, retained bool) error {
	done := make(chan error, 1)
	if err := c.Queue(ctx, topic, payload, qos, retained, func(err error) { done <- err }); err != nil {
		return err
	}
	c.Flush()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// PublishAsync takes a message and calls done once, from another goroutine or
// before it returns: when the broker has the message (qos 1, 2) or when it is
// handed to the network (qos 0). done must not block. Messages reach the
// broker in the order of the calls.
//
// It blocks while too many messages are under way. When it returns an error
// done is not called. Messages at qos 1 and 2 that are under way while the
// connection breaks are sent again after the reconnect, so that at qos 2 one
// may arrive twice. The payload must not be written until done was called.
func (c *MQTTClient) PublishAsync(ctx context.Context, topic string, payload []byte, qos byte, retained bool, done func(error)) error {
	to, err := c.send(ctx, flight{topic: topic, payload: payload, qos: qos, retained: retained, done: done})
	if to != nil {
		to.wake()
	}
	return err
}

// Queue is PublishAsync for those who call Flush behind the last message at
// hand: until then messages gather, and go out with fewer system calls.
func (c *MQTTClient) Queue(ctx context.Context, topic string, payload []byte, qos byte, retained bool, done func(error)) error {
	_, err := c.send(ctx, flight{topic: topic, payload: payload, qos: qos, retained: retained, done: done})
	return err
}

func (c *MQTTClient) send(ctx context.Context, f flight) (*mqttConn, error) {
	if f.qos > 2 {
		return nil, fmt.Errorf("invalid qos value %d, the value could be only int 0 or 1 or 2", f.qos)
	}
	if f.topic == "" || len(f.topic) > 65535 || strings.ContainsAny(f.topic, "+#\x00") {
		return nil, fmt.Errorf("topic %q must have 1 to 65535 bytes and no + or #", f.topic)
	}
	if len(f.payload) > maxPayload {
		return nil, fmt.Errorf("payload has %d bytes, MQTT takes %d at most", len(f.payload), maxPayload)
	}
	l := c.publisher()
	if l == nil {
		return nil, downError(net.ErrClosed)
	}
	return l.out.send(ctx, f)
}

// Flush sends what Queue has gathered. Errors go to those who queued.
func (c *MQTTClient) Flush() {
	if l := c.publisher(); l != nil {
		_ = l.out.flush()
	}
}

// Drain waits until the broker has all messages queued so far.
func (c *MQTTClient) Drain(ctx context.Context) error {
	l := c.publisher()
	if l == nil {
		return downError(net.ErrClosed)
	}
	return l.out.drained(ctx)
}

// maxPayload leaves room for the longest topic.
const maxPayload = 268435455 - 65535 - 4

// Ping waits until the client is connected; when ctx ends first it returns why
// it is not.
func (c *MQTTClient) Ping(ctx context.Context) error {
	p := make(pinger, 1)
	defer c.Watch(p)()
	last := ErrDown
	for {
		select {
		case s := <-p:
			if s.phase == connected {
				return nil
			}
			if s.err != nil {
				last = s.err
			}
		case <-ctx.Done():
			return last
		}
	}
}

// pinger keeps the newest state.
type pinger chan linkState

func (p pinger) put(s linkState) {
	select {
	case <-p:
	default:
	}
	p <- s
}

func (p pinger) Connecting()            { p.put(linkState{phase: connecting}) }
func (p pinger) Connected()             { p.put(linkState{phase: connected}) }
func (p pinger) Disconnected(err error) { p.put(linkState{disconnected, err}) }

// Ack tells the broker that the message is safe.
func (m MQTTMessage) Ack() {
	if m.QoS > 0 {
		m.link.settle(m.seq, true)
	}
}

// Nack gives the message up without telling the broker, which then sends it
// again in a later session of a PersistentSession.
func (m MQTTMessage) Nack() {
	if m.QoS > 0 {
		m.link.settle(m.seq, false)
	}
}

// Settle acknowledges the message if err is nil, and gives it up if not. It is
// nil at qos 0, when there is nothing to settle.
func (m MQTTMessage) Settle() func(err error) {
	if m.QoS == 0 {
		return nil
	}
	return func(err error) {
		if err == nil {
			m.Ack()
		} else {
			m.Nack()
		}
	}
}
