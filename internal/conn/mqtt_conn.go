package conn

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// The types of MQTT packets.
const (
	packetPublish = 3
	packetPuback  = 4
	packetPubrec  = 5
	packetPubrel  = 6
	packetPubcomp = 7
	packetPing    = 12
	packetPong    = 13
)

const (
	readBuffer = 64 << 10
	trustAlloc = 1 << 20 // a longer packet is read piece by piece, its length may be a lie
	lastWords  = 100 * time.Millisecond
)

var (
	errMalformed = errors.New("the broker sent a malformed packet")
	errNoPong    = errors.New("the broker does not answer pings")
)

// mqttConn is the network connection that paho works on. Paho dials, greets,
// subscribes, pings and says goodbye through it. Messages and their
// acknowledgements do not go through paho, which passes each one through five
// goroutines and a store: mqttConn takes them off the stream, calls the
// subscription on the goroutine that reads, and puts outgoing ones into the
// outbox.
//
// A subscription that blocks stops the reading, so that the broker holds the
// messages back. Pings go on meanwhile: mqttConn answers them to paho itself
// and watches for life on its own.
type mqttConn struct {
	net.Conn
	link  *mqttLink
	in    *bufio.Reader
	pace  pacer
	out   outbox
	route router

	control chan []byte // packets for paho
	rest    []byte      // what paho has not read of the last one

	blocked atomic.Bool // a subscription has a message
	heard   atomic.Bool // something was read since the last ping
	pinged  bool

	unwanted   map[string]bool // topics that nobody subscribes to, as long as the subscriptions are
	unwantedIn *routes         // these

	acks  receipts
	idle  bool          // the reader waits for the network; guarded by out.mu
	ready chan struct{} // there is something to flush

	writeErr atomic.Pointer[error]

	once sync.Once
	dead chan struct{} // closed when the connection is over, then err says why
	err  error
	read chan struct{} // closed when all that came was handed over
}

func newMQTTConn(raw net.Conn, sock *socket, link *mqttLink) *mqttConn {
	c := &mqttConn{Conn: raw, pace: pacer{sock: sock}, link: link, control: make(chan []byte, 4), dead: make(chan struct{}), read: make(chan struct{})}
	c.in = bufio.NewReaderSize(raw, readBuffer)
	c.out.conn, c.out.fail = raw, c.failWrite
	c.ready = make(chan struct{}, 1)
	c.heard.Store(true)
	go c.receive()
	go c.flushReady()
	return c
}

// fail ends the connection; the first reason stays.
func (c *mqttConn) fail(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.dead)
		_ = c.Conn.Close()
	})
}

// failWrite ends a connection that cannot be written to. What the broker said
// before it hung up, such as a TLS alert, tells more than the failed write: the
// reader has a moment to find it.
func (c *mqttConn) failWrite(err error) {
	c.writeErr.CompareAndSwap(nil, &err)
	_ = c.Conn.SetReadDeadline(time.Now().Add(lastWords))
}

// failRead ends a connection that cannot be read from.
func (c *mqttConn) failRead(err error) {
	if w := c.writeErr.Load(); w != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = *w
	}
	c.fail(err)
	c.out.stop(c.err)
}

// Read gives paho the packets that are for it.
func (c *mqttConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		select {
		case c.rest = <-c.control:
		case <-c.dead:
			select {
			case c.rest = <-c.control: // came before the end
			default:
				return 0, c.err
			}
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write takes a packet from paho.
func (c *mqttConn) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0]>>4 == packetPing && !c.ping() {
		c.fail(errNoPong)
		return 0, errNoPong
	}
	err := c.out.put(p)
	if err == nil {
		err = c.out.flush()
	}
	if err == nil {
		return len(p), nil
	}
	select {
	case <-c.dead:
		return 0, c.err // tells more
	case <-time.After(2 * lastWords):
		return 0, err
	}
}

// Close implements net.Conn.
func (c *mqttConn) Close() error {
	if c.writeErr.Load() == nil { // else the reader is about to end it
		c.fail(net.ErrClosed)
	}
	return nil
}

// ping answers paho's ping and tells whether the broker is alive as far as one
// can see: something came since the last ping, or nobody was reading.
func (c *mqttConn) ping() bool {
	if c.pinged && !c.heard.Swap(false) && !c.blocked.Load() {
		return false
	}
	c.pinged = true
	select {
	case c.control <- []byte{packetPong << 4, 0}:
	case <-c.dead:
	}
	return true
}

// receive reads packets until the connection ends.
func (c *mqttConn) receive() {
	defer close(c.read)
	for {
		first, err := c.begin()
		if err == nil {
			err = c.packet(first)
		}
		if err != nil {
			c.failRead(err)
			return
		}
		c.pace.packets++
	}
}

// begin returns the first byte of the next packet. Before it waits for one it
// sends the acknowledgements that have gathered.
func (c *mqttConn) begin() (byte, error) {
	if c.in.Buffered() > 0 {
		return c.in.ReadByte()
	}
	c.pace.pause()
	c.setIdle(true)
	_ = c.out.flush() // if it cannot write, reading tells why
	b, err := c.in.ReadByte()
	c.setIdle(false)
	c.pace.woke()
	c.heard.Store(true)
	return b, err
}

func (c *mqttConn) setIdle(idle bool) {
	c.out.mu.Lock()
	c.idle = idle
	c.out.mu.Unlock()
}

// packet reads the rest of a packet and does what it asks for.
func (c *mqttConn) packet(first byte) error {
	n, err := c.length()
	if err != nil {
		return err
	}
	switch first >> 4 {
	case packetPublish:
		return c.incoming(first, n)
	case packetPuback, packetPubrec, packetPubrel, packetPubcomp:
		id, err := c.uint16()
		if err != nil || n != 2 {
			return errors.Join(err, errMalformed)
		}
		return c.reply(first>>4, id)
	case packetPong:
		_, err := c.in.Discard(n)
		return err
	}
	p := appendLength([]byte{first}, n)
	body, err := c.bytes(n)
	if err != nil {
		return err
	}
	select {
	case c.control <- append(p, body...):
	case <-c.dead:
	}
	return nil
}

// reply handles the packets that follow a PUBLISH.
func (c *mqttConn) reply(kind byte, id uint16) error {
	switch kind {
	case packetPubrec:
		return c.out.put(appendReply(nil, packetPubrel<<4|2, id))
	case packetPubrel:
		return c.out.put(appendReply(nil, packetPubcomp<<4, id))
	}
	c.link.out.acked(id)
	return nil
}

func (c *mqttConn) length() (int, error) {
	n := 0
	for shift := 0; shift < 28; shift += 7 {
		b, err := c.in.ReadByte()
		if err != nil {
			return 0, err
		}
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, errMalformed
}

func (c *mqttConn) uint16() (uint16, error) {
	h, err := c.in.ReadByte()
	if err != nil {
		return 0, err
	}
	l, err := c.in.ReadByte()
	return uint16(h)<<8 | uint16(l), err
}

// bytes reads n bytes into memory of their own.
func (c *mqttConn) bytes(n int) ([]byte, error) {
	if n <= trustAlloc {
		p := make([]byte, n)
		_, err := io.ReadFull(c.in, p)
		return p, err
	}
	p, err := io.ReadAll(io.LimitReader(c.in, int64(n)))
	if err == nil && len(p) < n {
		err = io.ErrUnexpectedEOF
	}
	return p, err
}

// wake has the outbox flushed soon, from another goroutine.
func (c *mqttConn) wake() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// flushReady sends what nobody else will flush: acknowledgements given while
// the reader waits, messages of those who do not flush themselves.
func (c *mqttConn) flushReady() {
	for {
		select {
		case <-c.ready:
			runtime.Gosched() // whoever woke us may have more of them
			_ = c.out.flush()
		case <-c.dead:
			return
		}
	}
}

func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
