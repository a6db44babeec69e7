package autostream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Client lists the device profiles of core-metadata.
type Client interface {
	// Profiles returns at most limit profiles from an offset, and how many
	// there are in all.
	Profiles(ctx context.Context, offset, limit int) (page []edgex.Profile, total int, err error)
}

// Link follows core-metadata: it lists the profiles, and then hears of changes
// on the MessageBus. Nothing is replayed there, so it lists again after each
// interruption, and now and then in any case.
type Link struct {
	Streams *Streams
	Client  Client // nil: only the events tell of profiles
	// Bus is where the events are; nil: only the lists tell of profiles.
	Bus    func() (conn.Bus, func(), error)
	Prefix string // of all topics
	Clock  clock.Clock
	Log    *slog.Logger
	Every  time.Duration // between lists

	mu    sync.Mutex
	state LinkState
}

// LinkState is what is known of the link to core-metadata.
type LinkState struct {
	State    string     `json:"state"` // Waiting, Connected or Disconnected
	Message  string     `json:"message,omitempty"`
	Profiles int        `json:"profiles"` // in the last list
	Listed   *time.Time `json:"listed,omitempty"`
	Events   int        `json:"events"` // that were heard
}

// The states of a link.
const (
	Waiting      = "waiting"
	Connected    = "connected"
	Disconnected = "disconnected"
)

const (
	pageSize = 100
	backlog  = 1024            // events that may wait while a list is read
	busWait  = 2 * time.Second // for the bus, so that no change falls between list and events
	retry    = time.Second
	maxRetry = 30 * time.Second
)

// Options are those of a profile's stream. It is read once for all rules on it.
func Options(prefix, profile string) ast.Options {
	return ast.Options{Type: "edgex", Format: "JSON", Datasource: edgex.Topic(prefix, profile), Shared: "true"}
}

// ProfileModel is the model of a device profile.
func ProfileModel(p *edgex.Profile, prefix string) Model {
	return Model{Kind: EdgeX, Model: edgex.Model(p), Options: Options(prefix, p.Name),
		Vars: map[string]any{"Manufacturer": p.Manufacturer, "Model": p.Model, "Labels": p.Labels}}
}

// Run follows core-metadata until ctx ends.
func (l *Link) Run(ctx context.Context) {
	events, again := make(chan conn.BusMessage, backlog), make(chan struct{}, 1)
	release := l.listen(ctx, events, again)
	defer release()
	first := busWait
	if l.Bus == nil {
		first = 0
	}
	pause := retry
	wait, stop := l.Clock.After(first)
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-events:
			if l.event(m) {
				signal(again)
			}
			continue
		case <-again:
		case <-wait:
		}
		stop()
		next := l.Every
		if err := l.list(ctx); err != nil && ctx.Err() == nil {
			next = pause
			pause = min(2*pause, maxRetry)
		} else {
			pause = retry
		}
		wait, stop = l.Clock.After(next)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// listen subscribes to the events. What does not fit is made good by a list.
func (l *Link) listen(ctx context.Context, events chan<- conn.BusMessage, again chan struct{}) (release func()) {
	if l.Bus == nil {
		return func() {}
	}
	bus, giveBack, err := l.Bus()
	if err != nil {
		l.Log.Error("changes of device profiles are not heard", "error", err)
		return func() {}
	}
	unwatch := bus.Watch(reconnected{again})
	stop, err := bus.Subscribe(edgex.EventTopic(l.Prefix), func(m conn.BusMessage) {
		if m.Ack != nil {
			m.Ack(nil)
		}
		select {
		case events <- m:
		default:
			signal(again)
		}
	})
	if err != nil {
		l.Log.Error("changes of device profiles are not heard", "error", err)
		stop = func() {}
	}
	return func() {
		stop()
		unwatch()
		giveBack()
	}
}

// reconnected asks for a list whenever the bus is back: what was published
// meanwhile is lost. It implements conn.Status.
type reconnected struct{ again chan struct{} }

func (r reconnected) Connected()       { signal(r.again) }
func (reconnected) Connecting()        {}
func (reconnected) Disconnected(error) {}

// list reads all profiles.
func (l *Link) list(ctx context.Context) error {
	if l.Client == nil {
		return nil
	}
	list := l.Streams.List(Metadata, EdgeX)
	n, err := l.read(ctx, list)
	if err != nil {
		l.note(func(s *LinkState) {
			if s.State != Disconnected && ctx.Err() == nil {
				l.Log.Warn("core-metadata does not answer; streams stay as they are and it is asked again", "error", err)
			}
			s.State, s.Message = Disconnected, err.Error()
		})
		return err
	}
	if err := list.Done(); err != nil {
		l.Log.Warn("not every device profile has become a stream", "error", err)
	}
	now := l.Clock.Now()
	l.note(func(s *LinkState) {
		if s.State != Connected {
			l.Log.Info("core-metadata has told its device profiles", "profiles", n)
		}
		s.State, s.Message, s.Profiles, s.Listed = Connected, "", n, &now
	})
	return nil
}

// read adds all profiles to a list and returns how many there are.
func (l *Link) read(ctx context.Context, list *Listing) (n int, err error) {
	for total := 1; n < total; {
		var page []edgex.Profile
		if page, total, err = l.Client.Profiles(ctx, n, pageSize); err != nil {
			return n, fmt.Errorf("core-metadata: %w", err)
		}
		if len(page) == 0 {
			break
		}
		n += len(page)
		models := make([]Model, len(page))
		for i := range page {
			if err := page[i].Check(); err != nil {
				list.Report(err)
			}
			models[i] = ProfileModel(&page[i], l.Prefix)
		}
		list.Add(models)
	}
	return n, nil
}

// event takes one change. A profile's update comes once for each of its device
// services; the second one changes nothing. missed is true if the event speaks
// of a profile that was never heard of.
func (l *Link) event(m conn.BusMessage) (missed bool) {
	e, err := edgex.ParseEvent(m.Payload)
	if err != nil {
		l.Log.Warn("system event of core-metadata", "topic", m.Topic, "error", err)
	}
	defer l.note(func(s *LinkState) { s.Events++ })
	switch {
	case e.Type == "device" && e.Action == "add":
		return !l.Streams.Knows(EdgeX, e.UsedProfile)
	case e.Type != "deviceprofile" || e.Profile.Name == "":
	case e.Action == "delete":
		l.Streams.Remove(Metadata, EdgeX, e.Profile.Name)
	default:
		if err := l.Streams.Put(Metadata, ProfileModel(&e.Profile, l.Prefix)); err != nil {
			l.Log.Warn("device profile does not become a stream", "error", err)
		}
	}
	return false
}

func (l *Link) note(change func(*LinkState)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.state)
}

// State tells how the link is; a nil Link waits to be made.
func (l *Link) State() LinkState {
	if l == nil {
		return LinkState{State: Waiting}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	if s.State == "" {
		s.State = Waiting
	}
	return s
}
