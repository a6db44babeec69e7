package edgex

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"

	"github.com/edgesluice/sluice/internal/testserver"
	"github.com/edgesluice/sluice/sinks/sinktest"
)

// observer receives all that is published at qos 1, also what is published
// while it is not connected: the broker remembers its session on disk. It is
// one goroutine, whether it is connected or not, so that the exam can count
// the sink's.
type observer struct {
	ready  chan struct{} // closed when it has subscribed
	closed chan struct{}

	mu  sync.Mutex
	got []string
}

// What the observer sends: CONNECT as "observer" with a session to keep, and
// SUBSCRIBE to "exam" at qos 1.
const (
	connectPacket   = "\x10\x14\x00\x04MQTT\x04\x00\x00\x00\x00\x08observer"
	subscribePacket = "\x82\x09\x00\x01\x00\x04exam\x01"
)

func (o *observer) run(addr string) {
	for {
		if c, err := net.Dial("tcp", addr); err == nil {
			_, _ = io.WriteString(c, connectPacket+subscribePacket)
			o.read(c)
			c.Close()
		}
		select {
		case <-o.closed:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// read takes packets until the connection ends.
func (o *observer) read(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		first, err := r.ReadByte()
		if err != nil {
			return
		}
		n, err := binary.ReadUvarint(r) // MQTT's lengths have the same form
		if err != nil {
			return
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		switch first >> 4 {
		case 3: // PUBLISH: topic, packet id, message
			id := 2 + int(binary.BigEndian.Uint16(body))
			o.add(body[id+2:])
			_, _ = c.Write([]byte{0x40, 2, body[id], body[id+1]})
		case 9: // SUBACK
			select {
			case <-o.ready:
			default:
				close(o.ready)
			}
		}
	}
}

// add notes an event with one reading as {"name":value}.
func (o *observer) add(message []byte) {
	var env struct{ Payload []byte }
	var e dtos.Event
	text := string(message)
	if json.Unmarshal(message, &env) == nil && json.Unmarshal(env.Payload, &e) == nil && len(e.Readings) == 1 {
		text = fmt.Sprintf("{%q:%s}", e.Readings[0].ResourceName, e.Readings[0].Value)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got = append(o.got, text)
}

func (o *observer) received() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.got)
}

func TestExam(t *testing.T) {
	server := testserver.Mosquitto(t, "persistence true", "persistence_location "+t.TempDir()+"/")
	o := observer{ready: make(chan struct{}), closed: make(chan struct{})}
	go o.run(server.Addr)
	t.Cleanup(func() { close(o.closed) })
	<-o.ready
	sinktest.Run(t, sinktest.Exam{
		Driver: "edgex",
		Props: map[string]any{"type": "mqtt", "server": "127.0.0.1", "port": server.Port, "topic": "exam",
			"optional": map[string]any{"Qos": 1}},
		Bad: []sinktest.Refusal{
			{Props: map[string]any{"topic": "a", "topicPrefix": "b"}, Want: "not allow to specify both topic and topicPrefix"},
			{Props: map[string]any{"optional": map[string]any{"Pasword": "x"}}, Want: `did you mean "Password"?`},
		},
		Received: o.received, Break: server.Stop, Mend: server.Start,
	})
}

func TestMessagesAreDoneInTheirOrder(t *testing.T) {
	var o inOrder
	var got []int
	ws := make([]*waiting, 5)
	for i := range ws {
		ws[i] = o.add(func(error) { got = append(got, i) })
	}
	o.drop()
	for _, i := range []int{2, 0, 1, 3} {
		o.finish(ws[i], nil)
		if i == 2 && len(got) != 0 {
			t.Errorf("%v done before the first", got)
		}
	}
	if !slices.Equal(got, []int{0, 1, 2, 3}) || len(o.queue) != 0 {
		t.Errorf("done %v, %d left", got, len(o.queue))
	}
}
