package appservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	_ = s.reload(func(l *layers) { l.provider = tree })
}

// adopt takes what the SDK learned from provider and secret store.
func (s *service) adopt(provider map[string]any, secrets map[string]string) {
	if provider == nil && secrets == nil {
		return
	}
	before := s.cfg.Load()
	_ = s.reload(func(l *layers) {
		if provider != nil {
			l.provider = provider
		}
		if secrets != nil {
			l.secrets = secrets
		}
	})
	if fmt.Sprint(before.SourceDefaults("edgex")) != fmt.Sprint(s.cfg.Load().SourceDefaults("edgex")) {
		s.engine.restart("edgex")
	}
	if provider != nil {
		s.keepProvider()
	}
}

// keepProvider writes down what the provider says now.
func (s *service) keepProvider() {
	s.mu.Lock()
	b, err := json.Marshal(s.layers.provider)
	s.mu.Unlock()
	if err == nil {
		err = os.WriteFile(filepath.Join(s.cfg.Load().DataDir, lastKnown), b, 0o600)
	}
	if err != nil {
		s.log.Warn("the provider's configuration is not kept for a start without it", "err", err)
	}
}

// providerChanged takes new values of one section. Of the section Sluice it is
// told all there is, of others what has changed.
func (s *service) providerChanged(section map[string]any) {
	_ = s.reload(func(l *layers) {
		l.provider = overlay(l.provider, section)
		if all, ok := section["Sluice"]; ok {
			l.provider["Sluice"] = all
		}
	})
	s.keepProvider()
}

// stored takes what was changed over REST, now or in an earlier run.
func (s *service) stored(tree map[string]any) error {
	return s.reload(func(l *layers) { l.stored = overlay(l.stored, tree) })
}

// overlay returns the sections of a tree with the values of another on top.
func overlay(tree, top map[string]any) map[string]any {
	out := maps.Clone(tree)
	if out == nil {
		out = map[string]any{}
	}
	for name, v := range top {
		section := map[string]any{}
		old, _ := out[name].(map[string]any)
		maps.Copy(section, old)
		values, _ := v.(map[string]any)
		maps.Copy(section, values)
		out[name] = section
	}
	return out
}

// reload changes a layer and reads all of them again. A wrong configuration
// leaves the old one in force.
func (s *service) reload(change func(*layers)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.layers
	change(&l)
	next, err := load(s.cmd, l)
	if err != nil {
		s.log.Error("the changed configuration is not used", "err", err)
		return err
	}
	old := s.cfg.Load()
	s.layers = l
	s.cfg.Store(next)
	setLevel(&s.level, next.LogLevel)
	for _, p := range next.Mounted().Problems {
		if !slices.Contains(old.Mounted().Problems, p) {
			s.log.Error(mountedFault, "problem", p)
		}
	}
	for _, key := range old.Changed(next) {
		if key == "Sluice.Content" {
			signalContent(s.content)
		}
		s.log.Info("configuration changed", "key", key, "origin", next.Origin(key), "effect", effect(key))
	}
	return nil
}

func signalContent(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is about to be looked at
	}
}

// effect tells when a change is felt.
func effect(key string) string {
	switch key {
	case "Writable.LogLevel":
		return "now"
	case "Sluice.Content":
		return "now"
	case "Sluice.Sources", "Sluice.Connections":
		return "rules that start from now on"
	}
	if strings.HasPrefix(key, "MessageBus.") {
		return "rules that start from now on"
	}
	return "after a restart"
}
