package rest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

// trialLife is how long a trial is kept.
const trialLife = 10 * time.Minute

// trialBacklog is how many messages may wait for a listener that is slow; more
// are dropped, for a trial must not stand still because a browser tab sleeps.
const trialBacklog = 256

func (s *server) routeTrials(open, guarded *echo.Group) {
	guarded.POST("/ruletest", s.createTrial)
	guarded.POST("/ruletest/:id/start", s.startTrial)
	guarded.DELETE("/ruletest/:id", s.stopTrial)
	open.GET("/test/:id", s.watchTrial) // browsers' EventSource sends no credentials; the id is random unless chosen
}

// trials are rules that are being tried out.
type trials struct {
	mu   sync.Mutex
	byID map[string]*trial
	next int
}

type trial struct {
	*rules.Trial
	ctx    context.Context
	cancel context.CancelFunc
	once   sync.Once

	mu        sync.Mutex
	listeners []chan []byte
}

func (t *trial) show(message []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.listeners {
		select {
		case l <- message:
		default:
		}
	}
}

func (t *trial) listen() (messages chan []byte, leave func()) {
	l := make(chan []byte, trialBacklog)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners = append(t.listeners, l)
	return l, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.listeners = slices.DeleteFunc(t.listeners, func(o chan []byte) bool { return o == l })
	}
}

func (ts *trials) find(id string) *trial {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.byID[id]
}

// put adds a trial, ending one of the same id.
func (ts *trials) put(t *trial) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byID == nil {
		ts.byID = map[string]*trial{}
	}
	if old := ts.byID[t.ID]; old != nil {
		old.cancel()
	}
	ts.byID[t.ID] = t
}

// drop ends a trial.
func (ts *trials) drop(t *trial) {
	t.cancel()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.byID[t.ID] == t {
		delete(ts.byID, t.ID)
	}
}

func (ts *trials) newID() string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.next++
	return "ruletest_" + strconv.Itoa(ts.next)
}

func (s *server) createTrial(c echo.Context) error {
	b, err := readAll(c)
	if err != nil {
		return err
	}
	id := s.trials.newID()
	made, err := s.Rules.Trial(b, id)
	if err != nil {
		return refuse(diag.Undefined, "fail to run rule "+id+": ", err)
	}
	t := &trial{Trial: made}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	s.trials.put(t)
	over, stop := s.Clock.After(trialLife)
	go func() {
		defer stop()
		select {
		case <-over:
			s.trials.drop(t)
		case <-t.ctx.Done():
		}
	}()
	return textJSON(c, struct {
		ID   string `json:"id"`
		Port int    `json:"port"`
	}{t.ID, portOf(c)})
}

// portOf is the port the request came in at: results are fetched there too.
func portOf(c echo.Context) int {
	if addr, ok := c.Request().Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return addr.Port
	}
	return 0
}

func (s *server) startTrial(c echo.Context) error {
	id := part(c, "id")
	t := s.trials.find(id)
	if t == nil {
		return diag.New(diag.Undefined, "start rule error: try to start test rule %s but it is not found", id)
	}
	t.once.Do(func() {
		go func() {
			defer s.trials.drop(t)
			if err := t.Run(t.ctx, t.show); err != nil {
				t.show([]byte(err.Error()))
			}
		}()
	})
	return text(c, http.StatusOK, "Test rule "+id+" was started")
}

func (s *server) stopTrial(c echo.Context) error {
	id := part(c, "id")
	if t := s.trials.find(id); t != nil {
		s.trials.drop(t)
	}
	return text(c, http.StatusOK, "Test rule "+id+" was stopped.")
}

// watchTrial sends the messages of a trial as server-sent events until it ends
// or the client leaves.
func (s *server) watchTrial(c echo.Context) error {
	t := s.trials.find(part(c, "id"))
	if t == nil {
		return echo.ErrNotFound
	}
	messages, leave := t.listen()
	defer leave()
	w := c.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	w.Flush()
	for {
		select {
		case m := <-messages:
			if _, err := fmt.Fprintf(w, "data: %s\n\n", m); err != nil {
				return nil
			}
			w.Flush()
		case <-t.ctx.Done():
			for { // what was shown before the end
				select {
				case m := <-messages:
					fmt.Fprintf(w, "data: %s\n\n", m)
				default:
					return nil
				}
			}
		case <-c.Request().Context().Done():
			return nil
		}
	}
}
