package exec

import (
	"errors"
	"sync"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Link is the state of a connection as rule status shows it. Drivers tell it
// how things go (it is the Status in the Env of sources and sinks); any
// goroutine may read it.
type Link struct {
	mu    sync.Mutex
	clock clock.Clock
	state LinkState
}

// LinkState is a snapshot of a Link. Times are ms since 1970, 0 for never.
type LinkState struct {
	Status           int // 1 connected, 0 connecting, -1 lost
	LastConnected    int64
	LastDisconnected int64
	LastMessage      string // why it was lost the last time
	LastTry          int64
}

var errLinkDown = errors.New("disconnected")

// NewLink returns a Link that is connecting.
func NewLink(c clock.Clock) *Link { return &Link{clock: c} }

// Connecting notes an attempt.
func (l *Link) Connecting() {
	now := clock.MS(l.clock.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.LastTry = now
	if l.state.Status > 0 {
		l.state.Status = 0
	}
}

// Connected notes a success.
func (l *Link) Connected() {
	now := clock.MS(l.clock.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.LastTry == 0 {
		l.state.LastTry = now
	}
	if l.state.Status != 1 {
		l.state.Status, l.state.LastConnected = 1, now
	}
}

// Disconnected notes that the connection is lost, or could not be made.
func (l *Link) Disconnected(err error) {
	if err == nil {
		err = errLinkDown
	}
	now := clock.MS(l.clock.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Status >= 0 {
		l.state.LastDisconnected = now
	}
	l.state.Status, l.state.LastMessage = -1, err.Error()
}

// State returns a snapshot.
func (l *Link) State() LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}
