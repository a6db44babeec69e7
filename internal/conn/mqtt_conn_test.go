package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// bare makes a connection without broker and paho: what is written to the
// returned end is what a broker sends.
func bare(t testing.TB, handle MQTTHandler) (*mqttConn, net.Conn) {
	t.Helper()
	l := &mqttLink{}
	l.routes.Store(&routes{{filter: "#", handle: handle}})
	l.out.init()
	far, near := net.Pipe()
	c := newMQTTConn(near, nil, l)
	go io.Copy(io.Discard, far)
	go io.Copy(io.Discard, c) // paho
	t.Cleanup(func() {
		c.fail(net.ErrClosed)
		far.Close()
		<-c.read
	})
	return c, far
}

func TestMalformedPacketsEndTheConnection(t *testing.T) {
	for _, tt := range []struct{ name, bytes string }{
		{"length of five bytes", "\x30\x80\x80\x80\x80\x01"},
		{"publish without a topic length", "\x30\x00"},
		{"publish with an empty topic", "\x30\x03\x00\x00x"},
		{"topic longer than the packet", "\x30\x04\x00\x09ab"},
		{"no room for the packet identifier", "\x32\x04\x00\x02ab"},
		{"qos 3", "\x36\x07\x00\x02ab\x00\x01x"},
		{"acknowledgement of one byte", "\x40\x01\x00"},
		{"acknowledgement of three bytes", "\x40\x03\x00\x01\x02"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, far := bare(t, func(m MQTTMessage) bool { t.Errorf("delivered %+v", m); return true })
			far.Write([]byte(tt.bytes))
			far.Close()
			<-c.dead
			if !errors.Is(c.err, errMalformed) && !errors.Is(c.err, io.EOF) {
				t.Error(c.err)
			}
		})
	}
}

func TestPacketThatLiesAboutItsLengthCostsNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, far := bare(t, func(MQTTMessage) bool { return true })
	far.Write([]byte("\x30\xff\xff\xff\x7f\x00\x01a" + strings.Repeat("x", 1000)))
	far.Close()
	<-c.dead
	runtime.ReadMemStats(&after)
	if !errors.Is(c.err, io.ErrUnexpectedEOF) {
		t.Error(c.err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 10<<20 {
		t.Errorf("%d MiB for a packet of 1000 bytes", n>>20)
	}
}

func TestMessagesThatCameBeforeTheEndAreDelivered(t *testing.T) {
	box := newInbox()
	c, far := bare(t, box.handle)
	var b []byte
	for _, s := range numbers(500) {
		b = appendPublish(b, &flight{topic: "t", payload: []byte(s)}, 0, false)
	}
	far.Write(b)
	far.Close()
	<-c.read
	same(t, box.all(), numbers(500))
}

func TestAnswersToUnknownPacketIdentifiersAreHarmless(t *testing.T) {
	box := newInbox()
	c, far := bare(t, box.handle)
	var b []byte
	for _, kind := range []byte{packetPuback, packetPubrec, packetPubrel, packetPubcomp} {
		for _, id := range []uint16{0, 1, 65535} {
			b = appendReply(b, kind<<4, id)
		}
	}
	b = appendPublish(b, &flight{topic: "t", payload: []byte("still here")}, 0, false)
	far.Write(b)
	same(t, box.wait(t, 1), []string{"still here"})
	select {
	case <-c.dead:
		t.Error(c.err)
	default:
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte("\x30\x05\x00\x01ahi\x40\x02\x00\x01\xd0\x00\x20\x02\x00\x00"))
	f.Add([]byte("\x34\x07\x00\x01a\x00\x07hi\x62\x02\x00\x07\x90\x03\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, far := bare(t, func(m MQTTMessage) bool {
			if m.Topic == "" || m.QoS > 2 || len(m.Payload) > len(b) {
				t.Errorf("%+v", m)
			}
			return m.ID%2 == 0
		})
		far.SetWriteDeadline(time.Now().Add(5 * time.Second))
		far.Write(b)
		far.Close()
		<-c.read
	})
}

func TestPacketIdentifiersAreFoundAgain(t *testing.T) {
	var o flights
	for _, head := range []uint64{0, 1, 65000, 65534, 65535, 65536, 131069, 131070, 1 << 40} {
		o.head, o.tail = head, head+flightWindow
		for seq := o.head; seq < o.tail; seq++ {
			if id := flightID(seq); id == 0 {
				t.Fatalf("sequence %d has identifier 0", seq)
			} else if got, ok := o.seq(id); !ok || got != seq {
				t.Fatalf("identifier %d of %d leads to %d %v", id, seq, got, ok)
			}
		}
		for _, seq := range []uint64{o.tail, o.tail + 1, o.head + 65534} {
			if got, ok := o.seq(flightID(seq)); ok {
				t.Errorf("identifier of %d, not under way, leads to %d", seq, got)
			}
		}
	}
	if _, ok := o.seq(0); ok {
		t.Error("0 is no identifier")
	}
}

func TestReaderPausesOnlyInBursts(t *testing.T) {
	var p pacer
	for _, tt := range []struct {
		what    string
		ago     time.Duration
		packets int
		busy    bool
	}{
		{"first packet", 0, 1, false},
		{"lone packet after an hour", time.Hour, 1, false},
		{"2000 a second", 3 * time.Millisecond, 6, false},
		{"20000 a second", 3 * time.Millisecond, 60, true},
		{"end of the burst", 3 * time.Millisecond, 2, false},
		{"many packets after a long silence", time.Hour, 1000, false},
	} {
		if tt.ago > 0 {
			p.since = time.Now().Add(-tt.ago)
		}
		p.packets = tt.packets
		p.woke()
		if p.busy != tt.busy {
			t.Errorf("%s: busy is %v", tt.what, p.busy)
		}
	}
}

func TestOutboxWritesWhatHasGatheredAtOnceAndTellsInOrder(t *testing.T) {
	far, near := net.Pipe()
	o := outbox{conn: near, fail: func(error) {}}
	told := newInbox()
	for i := range 10 {
		f := &flight{topic: "t", payload: fmt.Append(nil, i)}
		if full, err := o.publish(f, 0, false, func(err error) { told.add(fmt.Sprintf("%d %v", i, err)) }); full || err != nil {
			t.Fatal(full, err)
		}
	}
	if len(told.all()) > 0 {
		t.Error("told before it was written")
	}
	go o.flush()
	b := make([]byte, 1<<10)
	n, err := far.Read(b)
	if err != nil || n != 10*6 {
		t.Errorf("one read gives %d bytes, %v", n, err)
	}
	want := make([]string, 10)
	for i := range want {
		want[i] = fmt.Sprint(i, " <nil>")
	}
	same(t, told.wait(t, 10), want)
}

func TestOutboxThatCannotWriteTellsEverybody(t *testing.T) {
	far, near := net.Pipe()
	far.Close()
	var failed error
	o := outbox{conn: near, fail: func(err error) { failed = err }}
	var told []error
	o.publish(&flight{topic: "t"}, 0, false, func(err error) { told = append(told, err) })
	if err := o.flush(); !errors.Is(err, ErrDown) || failed == nil {
		t.Error(err, failed)
	}
	if _, err := o.publish(&flight{topic: "t"}, 0, false, nil); !errors.Is(err, ErrDown) {
		t.Error("publish after the end:", err)
	}
	if len(told) != 1 || !errors.Is(told[0], ErrDown) {
		t.Error(told)
	}
}

func TestRouterForgetsWhenSubscriptionsChangeOrTopicsAreTooMany(t *testing.T) {
	a, b := &subscription{filter: "a/#"}, &subscription{filter: "b/#"}
	l := &mqttLink{}
	l.routes.Store(&routes{a})
	var r router
	if topic, s := r.route(&l.routes, []byte("a/1")); topic != "a/1" || s != a {
		t.Error(topic, s)
	}
	if _, s := r.route(&l.routes, []byte("b/1")); s != nil {
		t.Error("b/1 has no subscription yet")
	}
	l.routes.Store(&routes{a, b})
	if _, s := r.route(&l.routes, []byte("b/1")); s != b {
		t.Error("b/1 has a subscription now")
	}
	for i := range 3 * routerTopics {
		topic := fmt.Appendf(nil, "a/%d", i)
		if _, s := r.route(&l.routes, topic); s != a {
			t.Fatalf("%s: %v", topic, s)
		}
	}
	if len(r.known) > routerTopics {
		t.Errorf("%d topics are remembered", len(r.known))
	}
	topic := []byte("a/1")
	if n := testing.AllocsPerRun(100, func() { r.route(&l.routes, topic) }); n > 0 {
		t.Errorf("%v allocations for a known topic", n)
	}
	if !slices.Equal(topic, []byte("a/1")) {
		t.Error("the topic was written to")
	}
}
