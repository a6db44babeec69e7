package conn

import (
	"context"
	"sync"
)

// How many messages may be under way on one connection. At qos 2 brokers have
// to remember each of them and end the connection when it is too many:
// mosquitto from 21 on, EMQX from 101 on.
const (
	flightWindow     = 1024
	flightWindowQoS2 = 16
)

// flight is a message on its way to the broker.
type flight struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
	done     func(error)
	landed   bool
}

// flights are the messages at qos 1 and 2 under way, oldest first. They
// outlive a connection: the next one sends them again.
type flights struct {
	mu         sync.Mutex
	conn       *mqttConn // nil: none
	down       error     // why there is none
	ring       [flightWindow]flight
	head, tail uint64           // sequence numbers; ring[seq%flightWindow]
	slots      [3]chan struct{} // by qos; a message holds one of each up to its own
	drains     []drain
	tried      chan struct{} // closed when the first attempt to connect has ended
}

func (o *flights) init() {
	o.slots[1], o.slots[2] = make(chan struct{}, flightWindow), make(chan struct{}, flightWindowQoS2)
	o.tried, o.down = make(chan struct{}), ErrDown
}

// current is the connection, or why there is none. The first attempt to
// connect is waited for.
func (o *flights) current(ctx context.Context) (*mqttConn, error) {
	select {
	case <-o.tried:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.conn == nil {
		return nil, o.down
	}
	return o.conn, nil
}

// flightID is the packet identifier of a sequence number.
func flightID(seq uint64) uint16 { return uint16(seq%65535) + 1 }

// seq is the inverse of flightID for what is under way.
func (o *flights) seq(id uint16) (uint64, bool) {
	ahead := (uint64(id) - 1 + 65535 - o.head%65535) % 65535
	return o.head + ahead, id != 0 && ahead < o.tail-o.head
}

// send puts a message into the outbox, behind all earlier ones. It returns the
// connection to flush, nil if that has happened or is of no use.
func (o *flights) send(ctx context.Context, f flight) (*mqttConn, error) {
	if f.qos == 0 {
		return o.sendOnce(ctx, &f)
	}
	if err := o.slot(ctx, f.qos); err != nil {
		return nil, err
	}
	o.mu.Lock()
	c := o.conn
	if c == nil {
		err := o.down
		o.mu.Unlock()
		o.free(f.qos)
		return nil, err
	}
	seq := o.tail
	o.tail++
	o.ring[seq%flightWindow] = f
	// An error means that the connection ends just now: the next one sends it.
	full, _ := c.out.publish(&f, flightID(seq), false, nil)
	o.mu.Unlock()
	return c.unlessFull(full), nil
}

// sendOnce is send for qos 0.
func (o *flights) sendOnce(ctx context.Context, f *flight) (*mqttConn, error) {
	c, err := o.current(ctx)
	if err != nil {
		return nil, err
	}
	full, err := c.out.publish(f, 0, false, f.done)
	return c.unlessFull(full), err
}

func (c *mqttConn) unlessFull(full bool) *mqttConn {
	if !full {
		return c
	}
	_ = c.out.flush() // its error goes to whom it concerns
	return nil
}

// slot waits until one more message may be under way.
func (o *flights) slot(ctx context.Context, qos byte) error {
	c, err := o.current(ctx)
	if err != nil {
		return err
	}
	for q := byte(1); q <= qos; q++ {
		select {
		case o.slots[q] <- struct{}{}:
			continue
		default:
		}
		_ = c.out.flush()
		select {
		case o.slots[q] <- struct{}{}:
		case <-ctx.Done():
			o.free(q - 1)
			return ctx.Err()
		}
	}
	return nil
}

// free gives back the slots of a message.
func (o *flights) free(qos byte) {
	for q := byte(1); q <= qos; q++ {
		<-o.slots[q]
	}
}

// flush sends what has gathered.
func (o *flights) flush() error {
	o.mu.Lock()
	c, err := o.conn, o.down
	o.mu.Unlock()
	if c == nil {
		return err
	}
	return c.out.flush()
}

// up is called with a new connection, or with nil and the reason when there is
// none any more. What is under way is sent again.
func (o *flights) up(c *mqttConn, down error) {
	o.mu.Lock()
	o.conn, o.down = c, down
	select {
	case <-o.tried:
	default:
		close(o.tried)
	}
	if c != nil {
		for seq := o.head; seq < o.tail; seq++ {
			if f := &o.ring[seq%flightWindow]; !f.landed {
				_, _ = c.out.publish(f, flightID(seq), true, nil)
			}
		}
	}
	o.mu.Unlock()
	if c != nil {
		_ = c.out.flush()
	}
}

// acked notes a PUBACK or PUBCOMP. The reader calls it.
func (o *flights) acked(id uint16) {
	o.mu.Lock()
	if seq, ok := o.seq(id); ok {
		o.ring[seq%flightWindow].landed = true
	}
	for o.head < o.tail && o.ring[o.head%flightWindow].landed {
		f := &o.ring[o.head%flightWindow]
		done, qos := f.done, f.qos
		*f = flight{}
		o.head++
		o.mu.Unlock()
		o.free(qos)
		if done != nil {
			done(nil)
		}
		o.mu.Lock()
		if len(o.drains) > 0 {
			o.tellDrained()
		}
	}
	o.mu.Unlock()
}

// drain is someone who waits until all messages before seq have landed.
type drain struct {
	seq  uint64
	done chan struct{}
}

// drained waits until the messages under way now have landed, if need be on a
// later connection.
func (o *flights) drained(ctx context.Context) error {
	_ = o.flush()
	o.mu.Lock()
	if o.head == o.tail {
		o.mu.Unlock()
		return nil
	}
	d := drain{o.tail, make(chan struct{})}
	o.drains = append(o.drains, d)
	o.mu.Unlock()
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tellDrained is called with mu held when head has moved.
func (o *flights) tellDrained() {
	left := o.drains[:0]
	for _, d := range o.drains {
		if d.seq <= o.head {
			close(d.done)
		} else {
			left = append(left, d)
		}
	}
	o.drains = left
}

// close gives up what is under way.
func (o *flights) close(err error) {
	o.up(nil, err)
	o.mu.Lock()
	var dones []func(error)
	for ; o.head < o.tail; o.head++ {
		f := &o.ring[o.head%flightWindow]
		if f.done != nil && !f.landed {
			dones = append(dones, f.done)
		}
		o.free(f.qos)
		*f = flight{}
	}
	o.tellDrained()
	o.mu.Unlock()
	for _, done := range dones {
		done(err)
	}
}
