//go:build !linux

package conn

import "net"

// socket is a TCP connection. Elsewhere than on Linux it has no way to stay
// silent while its reader pauses.
type socket struct{ net.Conn }

func newSocket(net.Conn) *socket { return nil }

func (s *socket) gather(bool) {}
