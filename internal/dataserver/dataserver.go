// Package dataserver is the HTTP server for data, beside the one for
// management: httppush sources take events on it. It listens while anybody has
// a path on it, and only then.
//
//	dataserver.Default.SetAddr(":10081")
//	remove, err := dataserver.Default.Handle("/gateway1", handler)
//	if err != nil { ... } // the port is taken
//	defer remove()
package dataserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is an HTTP server whose paths come and go.
type Server struct {
	routes sync.RWMutex // guards paths
	paths  map[string]http.Handler

	joins  sync.Mutex // guards shared
	shared map[string]*route

	mu     sync.Mutex // guards the rest
	addr   string
	listen net.Listener
	server *http.Server
	served chan struct{} // closed when the listener's goroutine has ended
}

// DefaultAddr is where a server listens unless it is told otherwise.
const DefaultAddr = ":10081"

// Default is the server of the process.
var Default = New(DefaultAddr)

// New returns a server that will listen on addr.
func New(addr string) *Server {
	return &Server{addr: addr, paths: map[string]http.Handler{}, shared: map[string]*route{}}
}

// SetAddr changes the address for the next time the server begins to listen.
func (s *Server) SetAddr(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr = addr
}

// Addr returns where the server listens, or would.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listen != nil {
		return s.listen.Addr().String()
	}
	return s.addr
}

// Handle gives a path to h until the returned function is called. The first
// path opens the port, the last one closes it. It fails if the path is in use
// or the port cannot be opened.
func (s *Server) Handle(path string, h http.Handler) (remove func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handler(path) != nil {
		return nil, fmt.Errorf("data server: path %s is in use", path)
	}
	if s.listen == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	s.routes.Lock()
	s.paths[path] = h
	s.routes.Unlock()
	return sync.OnceFunc(func() { s.remove(path) }), nil
}

func (s *Server) open() error {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("data server: %w (source.httpServerPort sets another port)", err)
	}
	s.listen, s.served = l, make(chan struct{})
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	go func(server *http.Server, served chan struct{}) {
		defer close(served)
		_ = server.Serve(l) // ends with ErrServerClosed, or when the listener is gone
	}(s.server, s.served)
	return nil
}

// stopping is how long requests under way may take when the port is closed.
const stopping = time.Second

func (s *Server) remove(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.routes.Lock()
	delete(s.paths, path)
	left := len(s.paths)
	s.routes.Unlock()
	if left > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopping)
	defer cancel()
	if err := s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		s.server.Close()
	}
	<-s.served
	s.listen, s.server = nil, nil
}

// ServeHTTP implements http.Handler. A path that nobody has is 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := s.handler(r.URL.Path); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

func (s *Server) handler(path string) http.Handler {
	s.routes.RLock()
	defer s.routes.RUnlock()
	return s.paths[path]
}
