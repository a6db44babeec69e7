package rest

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
)

// registry shares HTTP clients, and so connections, among all rest sinks with
// the same TLS properties.
type registry struct {
	mu    sync.Mutex
	inUse map[conn.TLS]*shared
}

type shared struct {
	client *http.Client
	users  int
}

var clients = &registry{inUse: map[conn.TLS]*shared{}}

// open returns a client and a function that gives it back; the last one to do
// so closes its idle connections.
func (r *registry) open(t conn.TLS) (*http.Client, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.inUse[t]
	if s == nil {
		cfg, err := t.Config()
		if err != nil {
			return nil, nil, err
		}
		s = &shared{client: &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSClientConfig:     cfg,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		}}}
		r.inUse[t] = s
	}
	s.users++
	var once sync.Once
	return s.client, func() { once.Do(func() { r.giveBack(t, s) }) }, nil
}

func (r *registry) giveBack(t conn.TLS, s *shared) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(r.inUse, t)
		s.client.CloseIdleConnections()
	}
}
