package conn

import (
	"io"
	"net"
	"syscall"
)

// gatherBytes is how much may come in before a socket that gathers wakes
// anybody.
const gatherBytes = 32 << 10

// socket is a TCP connection that can be told to stay silent while its reader
// pauses. Without that, each packet wakes the run-time's poller although
// nobody is going to read.
type socket struct {
	*net.TCPConn
	raw       syscall.RawConn
	gathering bool
}

func newSocket(c net.Conn) *socket {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	return &socket{TCPConn: t, raw: raw}
}

// gather silences the socket, or ends that. Only the reader calls it.
func (s *socket) gather(on bool) {
	if s == nil || on == s.gathering {
		return
	}
	low := 1
	if on {
		low = gatherBytes
	}
	err := s.raw.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, low) == nil {
			s.gathering = on
		}
	})
	if err != nil {
		s.gathering = false
	}
}

// Read takes what is there. Before it waits for more it ends the silence.
func (s *socket) Read(p []byte) (n int, err error) {
	if !s.gathering {
		return s.TCPConn.Read(p)
	}
	cerr := s.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		return true
	})
	switch {
	case cerr != nil:
		return 0, cerr
	case n > 0:
		return n, nil
	case n == 0 && err == nil && len(p) > 0:
		return 0, io.EOF
	}
	s.gather(false)
	return s.TCPConn.Read(p) // finds the error again, if it was one
}
