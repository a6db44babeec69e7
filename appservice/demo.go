package appservice

import (
	"context"
	"path/filepath"

	"github.com/edgesluice/sluice/appservice/demo"
)

// startDemo starts the demonstration if it is configured.
func (s *service) startDemo(ctx context.Context) error {
	cfg := s.cfg.Load()
	if !cfg.Demo {
		return nil
	}
	l, err := listen(cfg, "Sluice.DemoPort", "127.0.0.1", cfg.DemoPort)
	if err != nil {
		return err
	}
	s.demo, err = demo.Start(ctx, demo.Config{Dir: filepath.Join(s.cmd.dir, "demo"), Broker: l, REST: address(cfg.RestIP, cfg.RestPort),
		Catalog: s.engine.catalog, Rules: s.engine.rules, Out: s.stdout, Log: s.log, Clock: s.clock})
	return err
}
