package config

import (
	"context"
	"crypto/sha256"
	"os"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Watcher follows a file, or the .yaml files of a folder. It looks rather than
// listens: a mounted ConfigMap is replaced by moving links, which file events
// miss.
type Watcher struct {
	path string
	last [sha256.Size]byte
}

// NewWatcher remembers the content at this moment.
func NewWatcher(path string) *Watcher { return &Watcher{path, fingerprint(path)} }

// Run calls changed whenever the content differs from the last look, until ctx
// ends.
func (w *Watcher) Run(ctx context.Context, c clock.Clock, every time.Duration, changed func()) {
	for {
		tick, stop := c.After(every)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-tick:
		}
		if now := fingerprint(w.path); now != w.last {
			w.last = now
			changed()
		}
	}
}

func fingerprint(path string) (sum [sha256.Size]byte) {
	files, err := yamlFiles(path)
	if err != nil {
		return sum
	}
	h := sha256.New()
	for _, f := range files {
		b, _ := os.ReadFile(f)
		h.Write([]byte(f))
		h.Write([]byte{0})
		h.Write(b)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
