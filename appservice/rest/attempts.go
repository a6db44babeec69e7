package rest

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/edgesluice/sluice/appservice/catalog"
)

// attemptEvery is how old the outcome of a connection test may be.
const attemptEvery = 10 * time.Second

// attempts remembers how tests of named connections went, so that listing them
// does not wait for brokers that are away.
type attempts struct {
	mu   sync.Mutex
	byID map[string]*attempt
}

type attempt struct {
	conn    catalog.Connection
	began   time.Time
	running bool
	status  string
	err     string
}

// last returns how the last test of a connection went and starts another one
// in the background when that is due.
func (a *attempts) last(conn catalog.Connection, now time.Time, try func(context.Context, string, map[string]any) error) (status, err string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID = map[string]*attempt{}
	}
	it := a.byID[conn.ID]
	if it == nil || !reflect.DeepEqual(it.conn, conn) {
		it = &attempt{conn: conn, status: "connecting"}
		a.byID[conn.ID] = it
	}
	if !it.running && (it.began.IsZero() || now.Sub(it.began) >= attemptEvery) {
		it.began, it.running = now, true
		go a.run(it, try)
	}
	return it.status, it.err
}

func (a *attempts) run(it *attempt, try func(context.Context, string, map[string]any) error) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	err := try(ctx, it.conn.Type, it.conn.Props)
	a.mu.Lock()
	defer a.mu.Unlock()
	it.running, it.status, it.err = false, "connected", ""
	if err != nil {
		it.status, it.err = "disconnected", err.Error()
	}
}
