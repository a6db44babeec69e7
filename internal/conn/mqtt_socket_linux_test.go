package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// sockets makes a TCP connection; near is the end under test.
func sockets(t *testing.T) (near *socket, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if near = newSocket(c); near == nil {
		t.Fatal("no socket")
	}
	near.SetReadDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestSilentSocketGivesWhatIsThereAndWakesForTheNextByte(t *testing.T) {
	near, far := sockets(t)
	b := make([]byte, 16)
	for range 3 {
		near.gather(true)
		far.Write([]byte("few"))
		if n, err := near.Read(b); string(b[:n]) != "few" || err != nil {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	waiting := make(chan struct{})
	go func() {
		<-waiting
		far.Write([]byte("!")) // far less than gatherBytes
	}()
	near.gather(true)
	close(waiting)
	if n, err := near.Read(b); string(b[:n]) != "!" || err != nil {
		t.Fatalf("%q %v", b[:n], err)
	}
}

func TestSilentSocketTellsOfTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(near *socket, far net.Conn)
		want error
	}{
		{"closed by the other side", func(_ *socket, far net.Conn) { far.Close() }, io.EOF},
		{"closed by this side", func(near *socket, _ net.Conn) { near.Close() }, net.ErrClosed},
		{"deadline", func(near *socket, _ net.Conn) { near.SetReadDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := sockets(t)
			near.gather(true)
			tt.end(near, far)
			if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, tt.want) {
				t.Errorf("%d %v, want %v", n, err, tt.want)
			}
		})
	}
}
