// Package clock is the only door to the time of day. The engine asks a Clock;
// the service gives it Wall, tests and scripts a Virtual one.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and wakes sleepers.
type Clock interface {
	Now() time.Time
	// After returns a channel that receives once when d has passed, and a
	// function that gives the timer up.
	After(d time.Duration) (<-chan time.Time, func())
}

// Wall is the machine's clock.
var Wall Clock = wall{}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// MS returns a time as ms since 1970, the unit of Row.TS.
func MS(t time.Time) int64 { return t.UnixMilli() }

// The bounds of Plausible, ms since 1970.
const (
	year2000 = 946_684_800_000
	year2100 = 4_102_444_800_000
	day      = 86_400_000
)

// Plausible tells whether a time that a device has sent, ms since 1970, can be
// believed: it is after 1999 and not later than tomorrow. now is 0 if it is not
// known. One false time from the future would end all windows before it.
func Plausible(at, now int64) bool {
	latest := int64(year2100)
	if now != 0 {
		latest = now + day
	}
	return at >= year2000 && at <= latest
}

// Virtual is a clock that moves only when told. Safe for concurrent use.
type Virtual struct {
	mu     sync.Mutex
	now    time.Time
	timers []*virtualTimer
}

type virtualTimer struct {
	at time.Time
	ch chan time.Time
}

// NewVirtual returns a clock that stands at start.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now implements Clock.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// After implements Clock.
func (v *Virtual) After(d time.Duration) (<-chan time.Time, func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := &virtualTimer{v.now.Add(d), make(chan time.Time, 1)}
	if d <= 0 {
		t.ch <- v.now
		return t.ch, func() {}
	}
	v.timers = append(v.timers, t)
	return t.ch, func() { v.drop(t) }
}

// Set moves the clock (also backwards) and fires the timers that are due.
func (v *Virtual) Set(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.now = now
	kept := v.timers[:0]
	for _, t := range v.timers {
		if t.at.After(now) {
			kept = append(kept, t)
			continue
		}
		t.ch <- now
	}
	v.timers = kept
}

// Waiting returns how many timers have not fired yet.
func (v *Virtual) Waiting() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.timers)
}

func (v *Virtual) drop(t *virtualTimer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, u := range v.timers {
		if u == t {
			v.timers = append(v.timers[:i], v.timers[i+1:]...)
			return
		}
	}
}
