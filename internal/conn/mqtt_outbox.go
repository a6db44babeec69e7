package conn

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

const (
	outboxFull   = 16 << 10         // bytes: flush without being asked
	writeTimeout = 30 * time.Second // for one flush: the broker does not read
)

// outbox gathers packets and writes them with one system call.
type outbox struct {
	conn net.Conn
	fail func(error)

	mu      sync.Mutex
	buf     []byte
	written []func(error) // told when the packets now in buf are written
	err     error         // why nothing can be written any more

	writing sync.Mutex // held while writing to conn
	spare   []byte
	calls   caller
}

// publish appends a PUBLISH packet. written, which may be nil, is called when
// the packet is with the kernel. full says that it is time to flush.
func (o *outbox) publish(f *flight, id uint16, dup bool, written func(error)) (full bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return false, o.err
	}
	o.buf = appendPublish(o.buf, f, id, dup)
	if written != nil {
		o.written = append(o.written, written)
	}
	return len(o.buf) >= outboxFull, nil
}

// put appends a packet.
func (o *outbox) put(packet []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	o.buf = append(o.buf, packet...)
	return nil
}

// flush writes what has gathered.
func (o *outbox) flush() error {
	o.mu.Lock()
	idle, err := len(o.buf) == 0, o.err
	o.mu.Unlock()
	if idle || err != nil {
		return err
	}
	o.writing.Lock()
	o.mu.Lock()
	buf, written := o.buf, o.written
	o.buf, o.written, o.spare = o.spare[:0], nil, nil
	o.mu.Unlock()
	if len(buf) > 0 {
		_ = o.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err = o.conn.Write(buf)
	}
	if cap(buf) <= 4*outboxFull {
		o.spare = buf
	}
	o.writing.Unlock()
	if err != nil {
		o.fail(err)
		o.stop(err)
		err = downError(err)
	}
	o.calls.do(written, err)
	return err
}

// stop refuses further packets and gives up those that were not written.
func (o *outbox) stop(err error) {
	err = downError(err)
	o.mu.Lock()
	if o.err == nil {
		o.err = err
	}
	written := o.written
	o.buf, o.written = nil, nil
	o.mu.Unlock()
	o.calls.do(written, err)
}

// caller calls functions in the order they were given to it, without holding
// a lock meanwhile.
type caller struct {
	mu   sync.Mutex
	todo []call
	busy bool
}

type call struct {
	f   func(error)
	err error
}

func (c *caller) do(fs []func(error), err error) {
	if len(fs) == 0 {
		return
	}
	c.mu.Lock()
	for _, f := range fs {
		c.todo = append(c.todo, call{f, err})
	}
	if c.busy {
		c.mu.Unlock()
		return
	}
	c.busy = true
	for len(c.todo) > 0 {
		now := c.todo
		c.todo = nil
		c.mu.Unlock()
		for _, k := range now {
			k.f(k.err)
		}
		c.mu.Lock()
	}
	c.busy = false
	c.mu.Unlock()
}

func appendPublish(b []byte, f *flight, id uint16, dup bool) []byte {
	first := byte(0x30) | f.qos<<1
	if f.retained {
		first |= 1
	}
	if dup {
		first |= 8
	}
	n := 2 + len(f.topic) + len(f.payload)
	if f.qos > 0 {
		n += 2
	}
	b = appendLength(append(b, first), n)
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.topic)))
	b = append(b, f.topic...)
	if f.qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return append(b, f.payload...)
}

// appendReply makes PUBACK, PUBREC, PUBREL and PUBCOMP packets.
func appendReply(b []byte, first byte, id uint16) []byte {
	return append(b, first, 2, byte(id>>8), byte(id))
}
