package edgex

import (
	"log/slog"
	"sync"
	"time"

	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// warnEvery is how often a sample of the readings left out is logged.
const warnEvery = 10 * time.Second

// warnings counts the readings that were left out and logs a sample. One
// resource of a running device may be wrong in every event.
type warnings struct {
	mu    sync.Mutex
	log   *slog.Logger
	clock clock.Clock
	count int64
	next  time.Time
}

func (w *warnings) to(log *slog.Logger, clk clock.Clock) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log, w.clock = log, clk
}

func (w *warnings) add(reading wire.Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	if w.log == nil || w.clock == nil {
		return
	}
	now := w.clock.Now()
	if now.Before(w.next) {
		return
	}
	w.next = now.Add(warnEvery)
	w.log.Warn(reading.String(), "so far", w.count)
}

// SkippedReadings returns how many readings were left out because they are not
// of their value type or do not fit their column.
func (s *source) SkippedReadings() int64 {
	s.warnings.mu.Lock()
	defer s.warnings.mu.Unlock()
	return s.warnings.count
}
