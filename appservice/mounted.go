package appservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/appservice/declared"
)

const (
	// lastMounted keeps what the files of the ConfigMap said when they were good.
	lastMounted = "mounted.json"

	look         = time.Second     // how often the ConfigMap is looked at
	tryAgain     = 5 * time.Second // to apply what failed
	maxFile      = 16 << 20
	mountedFault = "a file of the ConfigMap is not used as it is, what it said last stays in force"
	contentOf    = "configuration key Sluice.Content"
)

// recallMounted loads what the ConfigMap said when it was last good.
func (s *service) recallMounted(cfg *config.Config) {
	b, err := os.ReadFile(filepath.Join(cfg.DataDir, lastMounted))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var good map[string]map[string]any
	if err == nil {
		err = json.Unmarshal(b, &good)
	}
	if err != nil {
		s.log.Warn("what the ConfigMap said last is not usable", "err", err)
		return
	}
	_ = s.reload(func(l *layers) { l.mounted = good })
}

// keepMounted writes down what the ConfigMap says now.
func (s *service) keepMounted() {
	cfg := s.cfg.Load()
	m := cfg.Mounted()
	if m.Good == nil {
		return
	}
	s.mu.Lock()
	s.layers.mounted = m.Good
	s.mu.Unlock()
	b, err := json.Marshal(m.Good)
	file := filepath.Join(cfg.DataDir, lastMounted)
	if old, e := os.ReadFile(file); e == nil && bytes.Equal(old, b) {
		return
	}
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		s.log.Warn("the ConfigMap is not kept for a start with a broken one", "err", err)
	}
}

// followConfigMap applies the mounted content now, and again when it changes or
// when something that failed may succeed.
func (s *service) followConfigMap(ctx context.Context) {
	path := s.cfg.Load().ConfigMap
	changed := make(chan struct{}, 1)
	if path != "" {
		w := config.NewWatcher(path)
		go w.Run(ctx, s.clock, look, func() { changed <- struct{}{} })
		_ = s.reload(func(*layers) {}) // it may have changed since it was read
		s.keepMounted()
	}
	for {
		var again <-chan time.Time
		stop := func() {}
		if !s.engine.declared.Apply(s.declaredFiles()) {
			again, stop = s.clock.After(tryAgain)
		}
		select {
		case <-ctx.Done():
			stop()
			return
		case <-changed:
			_ = s.reload(func(*layers) {})
			s.keepMounted()
		case <-s.content:
		case <-again:
		}
		stop()
	}
}

// declaredFiles reads everything that declares content.
func (s *service) declaredFiles() []declared.File {
	cfg := s.cfg.Load()
	var files []declared.File
	if cfg.ConfigMap != "" {
		err := config.EachFile(cfg.ConfigMap, func(name string, st fs.FileInfo) {
			switch strings.ToLower(filepath.Ext(name)) {
			case ".yaml", ".yml", ".json":
				files = append(files, readDeclared(name, st))
			}
		})
		if err != nil {
			files = append(files, declared.File{Name: cfg.ConfigMap, Err: err, Missing: true})
		}
	}
	if len(cfg.Content) > 0 {
		files = append(files, declared.File{Name: contentOf, Tree: cfg.Content})
	}
	return files
}

func readDeclared(name string, st fs.FileInfo) declared.File {
	f := declared.File{Name: name}
	if st.Size() > maxFile {
		f.Err = fmt.Errorf("it is larger than %d bytes", maxFile)
		return f
	}
	f.Text, f.Err = os.ReadFile(name)
	return f
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// call makes a REST call inside the process.
func call(handler http.Handler) func(method, url string, body []byte) (int, string) {
	return func(method, url string, body []byte) (int, string) {
		req, err := http.NewRequest(method, "http://localhost/"+strings.TrimPrefix(url, "/"), bytes.NewReader(body))
		if err != nil {
			return http.StatusBadRequest, err.Error()
		}
		req.Header.Set("Content-Type", "application/json")
		a := &answer{header: http.Header{}, status: http.StatusOK}
		handler.ServeHTTP(a, req)
		return a.status, a.body.String()
	}
}
