package appservice

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/edgesluice/sluice/appservice/config"
)

// lastKnown keeps what the configuration provider said, so that a gateway
// without its network starts with the configuration it had.
const lastKnown = "provider.json"

// recall loads what the provider said when it last answered.
func (s *service) recall(cfg *config.Config) {
	if s.cmd.provider == "" {
		return
	}
	b, err := os.ReadFile(filepath.Join(cfg.DataDir, lastKnown))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var tree map[string]any
	if err == nil {
		err = json.Unmarshal(b, &tree)
	}
	if err != nil {
		s.log.Warn("the last known configuration is not usable", "err", err)
		return
	}
	s.reload(tree, nil)
}

// adopt takes what the SDK learned from provider and secret store.
func (s *service) adopt(provider map[string]any, secrets map[string]string) {
	if provider == nil && secrets == nil {
		return
	}
	s.reload(provider, secrets)
	if provider == nil {
		return
	}
	b, err := json.Marshal(provider)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.cfg.Load().DataDir, lastKnown), b, 0o600)
	}
	if err != nil {
		s.log.Warn("the provider's configuration is not kept for a start without it", "err", err)
	}
}

// providerChanged takes new values of one section.
func (s *service) providerChanged(section map[string]any) {
	s.mu.Lock()
	next := make(map[string]any, len(s.provider)+1)
	for k, v := range s.provider {
		next[k] = v
	}
	for name, v := range section {
		old, _ := next[name].(map[string]any)
		merged := make(map[string]any, len(old))
		for k, e := range old {
			merged[k] = e
		}
		values, _ := v.(map[string]any)
		for k, e := range values {
			merged[k] = e
		}
		next[name] = merged
	}
	s.mu.Unlock()
	s.reload(next, nil)
}

// followConfigMap reloads when the mounted configuration changes.
func (s *service) followConfigMap(ctx context.Context) {
	path := s.cfg.Load().ConfigMap
	if path == "" {
		return
	}
	config.NewWatcher(path).Run(ctx, s.clock, 2*time.Second, func() { s.reload(nil, nil) })
}

// reload reads all layers again. A layer that is nil stays as it is. A wrong
// configuration leaves the old one in force.
func (s *service) reload(provider map[string]any, secrets map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if provider == nil {
		provider = s.provider
	}
	if secrets == nil {
		secrets = s.secrets
	}
	next, err := load(s.cmd, provider, secrets)
	if err != nil {
		s.log.Error("the changed configuration is not used", "err", err)
		return
	}
	old := s.cfg.Load()
	s.provider, s.secrets = provider, secrets
	s.cfg.Store(next)
	setLevel(&s.level, next.LogLevel)
	for _, key := range old.Changed(next) {
		s.log.Info("configuration changed", "key", key, "origin", next.Origin(key), "effect", effect(key))
	}
}

// effect tells when a change is felt.
func effect(key string) string {
	switch key {
	case "Writable.LogLevel":
		return "now"
	case "Sluice.Rule", "Sluice.Sources", "Sluice.Connections", "Sluice.IgnoreCase":
		return "rules that start from now on"
	}
	if len(key) > 11 && key[:11] == "MessageBus." {
		return "rules that start from now on"
	}
	return "after a restart"
}
