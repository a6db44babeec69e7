package kubeedge

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/internal/twin"
	"github.com/edgesluice/sluice/sources"
)

// run is one call of Run.
type run struct {
	source  *source
	ctx     context.Context
	cancel  context.CancelCauseFunc
	client  *conn.MQTTClient
	deliver func(sources.Message) error
	turn    sync.Mutex        // of deliver: topics and paths come on goroutines of their own
	stops   map[string]func() // by filter and path
}

func newRun(ctx context.Context, s *source, client *conn.MQTTClient, deliver func(sources.Message) error) *run {
	r := &run{source: s, client: client, deliver: deliver, stops: map[string]func(){}}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r
}

// listen subscribes to what is new among filters and paths, and leaves what is
// not there any more.
func (r *run) listen(filters, paths []string) error {
	for place, stop := range r.stops {
		if !slices.Contains(filters, place) && !slices.Contains(paths, place) {
			stop()
			delete(r.stops, place)
		}
	}
	for _, f := range filters {
		if r.stops[f] != nil {
			continue
		}
		stop, err := r.client.Subscribe(f, byte(r.source.qos), r.message)
		if err != nil {
			return err
		}
		r.stops[f] = stop
	}
	for _, path := range paths {
		if r.stops[path] != nil {
			continue
		}
		stop, err := dataserver.Default.Join(path, http.MethodPost, func(ctx context.Context, body []byte) error { return r.posted(ctx, path, body) })
		if err != nil {
			return err
		}
		r.stops[path] = stop
	}
	return nil
}

func (r *run) stop() {
	r.cancel(nil) // a handler that is blocked in deliver gives up, the stops wait for it
	for _, stop := range r.stops {
		stop()
	}
}

// message takes a message of the broker.
func (r *run) message(m conn.MQTTMessage) (done bool) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.ctx.Err() != nil {
		return m.QoS == 0
	}
	msg := sources.Message{Payload: m.Payload, Meta: &twin.Origin{Topic: m.Topic, QoS: m.QoS, ID: m.ID}, Ack: m.Settle()}
	if err := r.deliver(msg); err != nil {
		r.cancel(err)
	}
	return m.QoS == 0
}

// patience is how long the rules may take to have a value safely.
const patience = 10 * time.Second

var errBusy = errors.New("the rules have not taken the value yet")

// posted takes what a mapper sends by HTTP, and waits until the rules have it.
func (r *run) posted(ctx context.Context, path string, body []byte) error {
	settled := make(chan error, 1)
	r.turn.Lock()
	err := r.deliver(sources.Message{Payload: body, Meta: &twin.Origin{Topic: path, HTTP: true}, Ack: func(err error) { settled <- err }})
	r.turn.Unlock()
	if err != nil {
		return err
	}
	late, stop := r.source.clock.After(patience)
	defer stop()
	select {
	case err := <-settled:
		return err
	case <-late:
		return errBusy
	case <-r.ctx.Done():
		return sources.ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}
