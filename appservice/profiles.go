package appservice

import (
	"context"
	"fmt"
	"time"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	clients "github.com/edgexfoundry/go-mod-core-contracts/v3/clients/interfaces"

	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/internal/conn"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// coreMetadata lists profiles through the SDK's client, which brings the JWT in
// secure mode.
type coreMetadata struct{ client clients.DeviceProfileClient }

// Profiles implements autostream.Client.
func (m coreMetadata) Profiles(ctx context.Context, offset, limit int) ([]edgex.Profile, int, error) {
	answer, err := m.client.AllDeviceProfiles(ctx, nil, offset, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("%w", err)
	}
	page := make([]edgex.Profile, len(answer.Profiles))
	for i, dto := range answer.Profiles {
		page[i] = edgex.FromDTO(dto)
	}
	return page, int(answer.TotalCount), nil
}

// connected is told that the SDK is set up.
func (s *service) connected(ctx context.Context, svc interfaces.ApplicationService) {
	if s.cmd.secure {
		s.store.Store(&secretStore{svc.SecretProvider()})
	}
	s.followProfiles(ctx, svc)
}

// listed tells whether core-metadata is asked in this run.
func (s *service) listed() bool {
	cfg := s.cfg.Load()
	return cfg.Profiles.CoreMetadata && !cfg.Bus.Disabled
}

// followProfiles follows core-metadata until ctx ends, once the SDK knows where
// it and the bus are.
func (s *service) followProfiles(ctx context.Context, svc interfaces.ApplicationService) {
	if !s.listed() {
		return
	}
	cfg := s.cfg.Load()
	link := &autostream.Link{Streams: s.engine.streams, Prefix: cfg.Bus.Prefix, Clock: s.clock, Log: s.log, Every: cfg.Profiles.Every}
	if c := svc.DeviceProfileClient(); c != nil {
		link.Client = coreMetadata{c}
	} else {
		s.log.Warn("Clients.core-metadata is not configured: device profiles become streams only when they change")
	}
	if cfg.Bus.Host != "" {
		link.Bus = func() (conn.Bus, func(), error) { return openBus(cfg, s) }
	}
	s.link.Store(link)
	go link.Run(ctx)
}

// openBus opens the MessageBus that edgex sources read by default.
func openBus(cfg *config.Config, s *service) (conn.Bus, func(), error) {
	var bus conn.BusParams
	set := param.New("MessageBus")
	bus.Params(set)
	set.AllowUnknown()
	if err := set.Bind(cfg.SourceDefaults("edgex")); err != nil {
		return nil, nil, err
	}
	return conn.OpenBus(bus.Config(), s.log)
}

// followFiles reads the folders of profiles again when a file changes.
func (s *service) followFiles(ctx context.Context) {
	cfg := s.cfg.Load()
	if folder := cfg.Profiles.Folder; folder != "" {
		go config.NewWatcher(folder).Run(ctx, s.clock, time.Second, s.engine.readProfiles)
	}
	if folder := cfg.Profiles.Models; folder != "" {
		go config.NewWatcher(folder).Run(ctx, s.clock, time.Second, s.engine.readModels)
	}
}
