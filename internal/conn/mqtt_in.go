package conn

import (
	"sync"
	"sync/atomic"
	"time"
)

// subscription is one topic filter and who gets its messages.
type subscription struct {
	filter  TopicFilter
	qos     byte
	handle  MQTTHandler
	granted bool // by the broker on the present connection; guarded by mqttLink.mu

	mu   sync.Mutex // held while handle runs
	over bool
}

// routes are the subscriptions of a link. They never overlap, so that a topic
// belongs to one at most.
type routes []*subscription

func (rs routes) find(topic string) *subscription {
	for _, s := range rs {
		if s.filter.Match(topic) {
			return s
		}
	}
	return nil
}

// router remembers where topics go. Only the reader uses it.
type router struct {
	of    *routes // what was remembered is about these
	topic string  // the last one
	sub   *subscription
	known map[string]routed
}

type routed struct {
	topic string
	sub   *subscription
}

const routerTopics = 4096

// route returns the topic as a string, the same memory again and again where
// possible, and its subscription, nil if there is none.
func (r *router) route(rs *atomic.Pointer[routes], topic []byte) (string, *subscription) {
	now := rs.Load()
	if r.of != now {
		*r = router{of: now, known: map[string]routed{}}
	}
	if string(topic) == r.topic && r.topic != "" {
		return r.topic, r.sub
	}
	k, ok := r.known[string(topic)]
	if !ok {
		k.topic = string(topic)
		k.sub = now.find(k.topic)
		if len(r.known) >= routerTopics {
			clear(r.known)
		}
		r.known[k.topic] = k
	}
	r.topic, r.sub = k.topic, k.sub
	return k.topic, k.sub
}

// incoming reads the rest of a PUBLISH packet of n bytes and hands it over.
func (c *mqttConn) incoming(first byte, n int) error {
	m := MQTTMessage{QoS: first >> 1 & 3, Retained: first&1 != 0, Duplicate: first&8 != 0, link: c}
	size, err := c.uint16()
	if err != nil {
		return err
	}
	n -= 2 + int(size)
	if m.QoS > 0 {
		n -= 2
	}
	if n < 0 || m.QoS > 2 || size == 0 {
		return errMalformed
	}
	topic, err := c.in.Peek(int(size))
	if err != nil {
		return err
	}
	var sub *subscription
	m.Topic, sub = c.route.route(&c.link.routes, topic)
	if _, err := c.in.Discard(int(size)); err != nil {
		return err
	}
	if m.QoS > 0 {
		if m.ID, err = c.uint16(); err != nil {
			return err
		}
		m.seq = c.expect(m.QoS, m.ID)
	}
	if m.Payload, err = c.bytes(n); err != nil {
		return err
	}
	if c.deliver(sub, m) && m.QoS > 0 {
		c.settle(m.seq, true)
	}
	return nil
}

// deliver returns true if the message needs no further care.
func (c *mqttConn) deliver(sub *subscription, m MQTTMessage) bool {
	c.blocked.Store(true)
	defer c.blocked.Store(false)
	if sub == nil {
		if !c.link.cfg.PersistentSession || m.QoS == 0 {
			return true // it was under way when its subscription ended
		}
		var over bool
		if sub, over = c.awaitSubscriber(m.Topic); sub == nil {
			return !over
		}
	}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.over {
		return true
	}
	return sub.handle(m)
}

// How long a message of a persistent session waits for its subscription.
const (
	subscriberWait = 10 * time.Second
	subscriberLook = 5 * time.Millisecond
)

// awaitSubscriber waits for the subscription of a message that the broker has
// kept: it may send it before the stream has subscribed, and while a rule starts
// again. over is true if the connection ended meanwhile, and the message comes
// again. A topic that nobody wants any more is waited for once.
func (c *mqttConn) awaitSubscriber(topic string) (sub *subscription, over bool) {
	if c.unwanted[topic] && c.unwantedIn == c.link.routes.Load() {
		return nil, false
	}
	late := time.NewTimer(subscriberWait)
	defer late.Stop()
	look := time.NewTicker(subscriberLook)
	defer look.Stop()
	for {
		if sub := c.link.routes.Load().find(topic); sub != nil {
			return sub, false
		}
		select {
		case <-c.dead:
			return nil, true
		case <-c.link.ctx.Done():
			return nil, true
		case <-late.C:
			c.link.log.Warn("messages of the persistent session are dropped, nobody subscribes to them any more", "topic", topic, "clientId", c.link.id)
			if now := c.link.routes.Load(); c.unwantedIn != now {
				c.unwanted, c.unwantedIn = map[string]bool{}, now
			}
			c.unwanted[topic] = true
			return nil, false
		case <-look.C:
		}
	}
}

// receipts are the messages at qos 1 and 2 that wait for their
// acknowledgement, in the order of arrival.
type receipts struct {
	list []receipt
	head int    // list[:head] is done
	base uint64 // sequence number of list[0]
}

type receipt struct {
	id          uint16
	qos         byte
	settled, ok bool
}

// expect notes a message that will be settled.
func (c *mqttConn) expect(qos byte, id uint16) (seq uint64) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	a := &c.acks
	if a.head == len(a.list) || a.head >= 1024 && 2*a.head >= len(a.list) {
		a.base += uint64(a.head)
		a.list = append(a.list[:0], a.list[a.head:]...)
		a.head = 0
	}
	a.list = append(a.list, receipt{id: id, qos: qos})
	return a.base + uint64(len(a.list)) - 1
}

// settle acknowledges a message, or gives it up without. The broker gets
// acknowledgements in the order of arrival: each waits for those before it.
func (c *mqttConn) settle(seq uint64, ok bool) {
	c.out.mu.Lock()
	a := &c.acks
	i := int(seq - a.base)
	if seq < a.base || i >= len(a.list) || a.list[i].settled {
		c.out.mu.Unlock()
		return
	}
	a.list[i].settled, a.list[i].ok = true, ok
	sent := false
	for ; a.head < len(a.list) && a.list[a.head].settled; a.head++ {
		r := &a.list[a.head]
		if !r.ok || c.out.err != nil {
			continue
		}
		kind := byte(packetPuback)
		if r.qos == 2 {
			kind = packetPubrec
		}
		c.out.buf = appendReply(c.out.buf, kind<<4, r.id)
		sent = true
	}
	wake := sent && c.idle
	c.out.mu.Unlock()
	if wake {
		c.wake()
	}
}
