package conn

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands between client and broker: it counts what the client sends,
// can hold the broker's answers back, and can cut the line.
type proxy struct {
	addr   string
	broker string
	pings  atomic.Int64
	onSent func(first byte, body []byte) // every packet of the client

	mu    sync.Mutex
	held  *sync.Cond
	hold  bool
	conns []net.Conn
}

func newProxy(t *testing.T, broker string, onSent func(first byte, body []byte)) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), broker: broker, onSent: onSent}
	p.held = sync.NewCond(&p.mu)
	t.Cleanup(func() {
		l.Close()
		p.Hold(false)
		p.Cut()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) serve(client net.Conn) {
	broker, err := net.Dial("tcp", p.broker)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, client, broker)
	p.mu.Unlock()
	go func() {
		defer client.Close()
		b := make([]byte, 4096)
		for {
			n, err := broker.Read(b)
			p.mu.Lock()
			for p.hold {
				p.held.Wait()
			}
			p.mu.Unlock()
			if _, werr := client.Write(b[:n]); err != nil || werr != nil {
				return
			}
		}
	}()
	defer broker.Close()
	r := bufio.NewReader(io.TeeReader(client, broker))
	for {
		first, body, err := readPacket(r)
		if err != nil {
			return
		}
		if first>>4 == packetPing {
			p.pings.Add(1)
		}
		if p.onSent != nil {
			p.onSent(first, body)
		}
	}
}

// Hold keeps back what the broker sends.
func (p *proxy) Hold(hold bool) {
	p.mu.Lock()
	p.hold = hold
	p.mu.Unlock()
	p.held.Broadcast()
}

// Cut ends all connections.
func (p *proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func readPacket(r *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n := 0
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return first, body, err
}
