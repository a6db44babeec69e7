package kubeedge

import (
	"sync"

	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/internal/twin"
)

// answers hands edgecore's answers to those who wait for them.
type answers struct {
	mu      sync.Mutex
	waiting map[string]chan twin.Result // by event id
	stops   []func()
}

// listen subscribes to the answers for all devices.
func listen(client *conn.MQTTClient) (*answers, error) {
	a := &answers{waiting: map[string]chan twin.Result{}}
	for _, filter := range twin.ResultTopics() {
		stop, err := client.Subscribe(filter, 1, a.take)
		if err != nil {
			a.stop()
			return nil, err
		}
		a.stops = append(a.stops, stop)
	}
	return a, nil
}

func (a *answers) take(m conn.MQTTMessage) bool {
	if r, err := twin.ParseResult(m.Payload); err == nil {
		a.mu.Lock()
		if c := a.waiting[r.EventID]; c != nil {
			select {
			case c <- r:
			default: // it was answered
			}
		}
		a.mu.Unlock()
	}
	return true
}

// expect returns where the answer to an event will come.
func (a *answers) expect(id string) (answer <-chan twin.Result, forget func()) {
	c := make(chan twin.Result, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[id] = c
	return c, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, id)
	}
}

func (a *answers) stop() {
	for _, stop := range a.stops {
		stop()
	}
}
