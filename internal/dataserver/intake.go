package dataserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// MaxBody bounds what is taken at once.
const MaxBody = 64 << 20

// Taker takes what is sent to a path. On an error the sender is told to try
// again.
type Taker func(ctx context.Context, body []byte) error

// intake is one Taker on a path.
type intake struct {
	method string
	take   Taker
	busy   sync.WaitGroup
}

// route is a path and the takers on it. It implements http.Handler.
type route struct {
	mu      sync.RWMutex
	intakes []*intake
	remove  func()
}

// Join adds a Taker to a path; several may have the same one, and each gets
// everything. The returned function takes it off and waits for its requests.
func (s *Server) Join(path, method string, take Taker) (leave func(), err error) {
	s.joins.Lock()
	defer s.joins.Unlock()
	in := &intake{method: method, take: take}
	r := s.shared[path]
	if r == nil {
		r = &route{}
		if r.remove, err = s.Handle(path, r); err != nil {
			return nil, err
		}
		s.shared[path] = r
	}
	r.mu.Lock()
	r.intakes = append(r.intakes, in)
	r.mu.Unlock()
	return func() { s.leave(path, r, in) }, nil
}

func (s *Server) leave(path string, r *route, in *intake) {
	r.mu.Lock()
	r.intakes = slices.DeleteFunc(r.intakes, func(o *intake) bool { return o == in })
	empty := len(r.intakes) == 0
	r.mu.Unlock()
	in.busy.Wait()
	if !empty {
		return
	}
	s.joins.Lock()
	defer s.joins.Unlock()
	if len(r.takers("")) == 0 && s.shared[path] == r { // nobody came meanwhile
		delete(s.shared, path)
		r.remove()
	}
}

// takers returns those for a method, any if it is empty.
func (r *route) takers(method string) []*intake {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var ins []*intake
	for _, in := range r.intakes {
		if method == "" || in.method == method {
			if method != "" {
				in.busy.Add(1)
			}
			ins = append(ins, in)
		}
	}
	return ins
}

// ServeHTTP implements http.Handler.
func (r *route) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ins := r.takers(req.Method)
	defer func() {
		for _, in := range ins {
			in.busy.Done()
		}
	}()
	if len(ins) == 0 {
		allowed := r.allowed()
		if allowed == "" { // the last one has just gone
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Allow", allowed)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, ok := read(w, req)
	if !ok {
		return
	}
	for _, in := range ins {
		if err := in.take(req.Context(), body); err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprint(w, "ok")
}

// read returns the body; if there is none to take it has answered.
func read(w http.ResponseWriter, req *http.Request) (body []byte, ok bool) {
	var large *http.MaxBytesError
	var err error
	if req.ContentLength <= MaxBody {
		if body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, MaxBody)); err == nil {
			return body, true
		}
	}
	if err == nil || errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("the body is larger than %d MiB", MaxBody>>20), http.StatusRequestEntityTooLarge)
	} else {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
	}
	return nil, false
}

// allowed is what the Allow header says.
func (r *route) allowed() string {
	var ms []string
	for _, in := range r.takers("") {
		ms = append(ms, in.method)
	}
	slices.Sort(ms)
	return strings.Join(slices.Compact(ms), ", ")
}
