// Package httppush is the source of events that others send by HTTP. All
// streams of this type share one port; DATASOURCE is the path. A JSON array is
// as many events as it has elements.
//
//	CREATE STREAM pushed () WITH (TYPE="httppush", DATASOURCE="/gateway1", FORMAT="JSON")
//	curl -d '{"temperature": 31}' http://127.0.0.1:10081/gateway1
//
// The answer is 200 when the rules have the event safely, also if it cannot be
// decoded, which is an error of the rules; 503 when no rule takes it now.
package httppush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "httppush", Table: true,
		Doc: param.T("Events that others send by HTTP.", "其他程序通过 HTTP 发送的事件。"),
		New: func() sources.Source { return &source{} },
	})
}

// Listen sets where the port is opened when the first stream needs it, such as
// 0.0.0.0:10081.
func Listen(addr string) { dataserver.Default.SetAddr(addr) }

const (
	maxBody  = 64 << 20
	patience = 10 * time.Second // for the rules to take an event safely
)

type source struct {
	method string
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	p.String(&s.method, "method", http.MethodPost, param.T("HTTP method", "HTTP 方法"), param.OneOf(http.MethodPost, http.MethodPut))
	p.Accept("server")
}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	path := "/" + strings.TrimPrefix(env.Datasource, "/")
	in := &intake{ctx: ctx, method: strings.ToUpper(s.method), clock: env.Clock, deliver: deliver}
	leave, err := open.join(path, in)
	if err != nil {
		return err
	}
	defer leave()
	env.Status.Connected()
	<-ctx.Done()
	return ctx.Err()
}

// intake is one running source.
type intake struct {
	ctx     context.Context
	method  string
	clock   clock.Clock
	deliver func(sources.Message) error
	busy    sync.WaitGroup
}

// errBusy is an event that the rules did not take safely in time.
var errBusy = errors.New("the rules have not taken the event yet")

// take hands an event to the rules and waits until they have it.
func (in *intake) take(ctx context.Context, body []byte) error {
	settled := make(chan error, 1)
	err := in.deliver(sources.Message{Payload: body, Meta: row.ObjectMeta{Obj: value.OfObject(nil)}, Ack: func(err error) { settled <- err }})
	if err != nil {
		return err
	}
	tick, stop := in.clock.After(patience)
	defer stop()
	select {
	case err := <-settled:
		return err
	case <-tick:
		return errBusy
	case <-in.ctx.Done():
		return sources.ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}

// registry holds the paths in use; several streams may have the same one.
type registry struct {
	mu     sync.Mutex
	routes map[string]*route
}

var open = &registry{routes: map[string]*route{}}

// route is a path and the sources on it.
type route struct {
	mu      sync.RWMutex
	intakes []*intake
	remove  func()
}

// join adds a source to a path. The returned function takes it off and waits
// for its requests.
func (g *registry) join(path string, in *intake) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.routes[path]
	if r == nil {
		r = &route{}
		if r.remove, err = dataserver.Default.Handle(path, r); err != nil {
			return nil, err
		}
		g.routes[path] = r
	}
	r.mu.Lock()
	r.intakes = append(r.intakes, in)
	r.mu.Unlock()
	return func() { g.leave(path, r, in) }, nil
}

func (g *registry) leave(path string, r *route, in *intake) {
	r.mu.Lock()
	r.intakes = slices.DeleteFunc(r.intakes, func(o *intake) bool { return o == in })
	empty := len(r.intakes) == 0
	r.mu.Unlock()
	in.busy.Wait()
	if !empty {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(r.takers("")) == 0 && g.routes[path] == r { // nobody came meanwhile
		delete(g.routes, path)
		r.remove()
	}
}

// takers returns the sources for a method, any if it is empty.
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
		if allowed == "" { // the last stream has just gone
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
	if req.ContentLength <= maxBody {
		if body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody)); err == nil {
			return body, true
		}
	}
	if err == nil || errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("the body is larger than %d MiB", maxBody>>20), http.StatusRequestEntityTooLarge)
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
