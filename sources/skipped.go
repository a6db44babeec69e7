package sources

import (
	"log/slog"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Skipping is implemented by a Source that counts values it had to leave out of
// rows: the row goes on without them.
type Skipping interface{ Skipped() int64 }

// Skips counts values that are left out and logs a sample of them: one property
// of a running device may be wrong in every event. A driver embeds it.
type Skips struct {
	mu    sync.Mutex
	log   *slog.Logger
	clock clock.Clock
	count int64
	next  time.Time
}

// skipSample is how often one of the values is logged.
const skipSample = 10 * time.Second

// Report says where the sample is logged.
func (s *Skips) Report(log *slog.Logger, c clock.Clock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log, s.clock = log, c
}

// Skip counts a value and why it is left out.
func (s *Skips) Skip(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if s.log == nil || s.clock == nil {
		return
	}
	now := s.clock.Now()
	if now.Before(s.next) {
		return
	}
	s.next = now.Add(skipSample)
	s.log.Warn(why, "so far", s.count)
}

// Skipped implements Skipping.
func (s *Skips) Skipped() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}
