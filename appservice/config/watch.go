package config

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Watcher follows a file, or the files of a folder and the folders in it. It
// looks rather than listens: a mounted ConfigMap is replaced by moving links,
// which file events miss.
type Watcher struct {
	path string
	last string
}

// NewWatcher remembers the state of the files at this moment.
func NewWatcher(path string) *Watcher { return &Watcher{path, fingerprint(path)} }

// Run calls changed whenever a file differs from the last look, until ctx ends.
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

// fingerprint differs when a file was added, removed or written.
func fingerprint(path string) string {
	h := sha256.New()
	_ = EachFile(path, func(file string, st fs.FileInfo) {
		fmt.Fprintln(h, file, st.Size(), st.ModTime().UnixNano())
	})
	return string(h.Sum(nil))
}

// EachFile calls f for a file, or for each file of a folder and the folders in
// it, by name. Names that begin with two dots are Kubernetes' own: what they
// lead to is there under its plain name too. Links to folders are not followed.
func EachFile(path string, f func(file string, st fs.FileInfo)) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		f(path, st)
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), "..") || e.Type()&fs.ModeSymlink != 0 && isDir(name) {
			continue
		}
		if err := EachFile(name, f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
