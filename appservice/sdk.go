package appservice

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg"
	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/handlers"
	bootstrapInterfaces "github.com/edgexfoundry/go-mod-bootstrap/v3/bootstrap/interfaces"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// sdkSide runs the application functions SDK beside the engine. The SDK ends
// the process, or waits a minute and gives up, when what it needs is missing;
// so it is started only when its needs answer, and the engine does not wait
// for it.
type sdkSide struct {
	cmd   command
	cfg   func() *config.Config
	log   *slog.Logger
	clock clock.Clock
	guard *guard
	// functions are what the one pipeline runs, made anew for each attempt.
	functions func() ([]interfaces.AppFunction, error)
	// adopt is told what the SDK learned from provider and secret store.
	adopt func(provider map[string]any, secrets map[string]string)
	// changed is told when the provider's values change.
	changed func(section map[string]any)
	// up is told when the SDK is set up; what it starts ends with ctx.
	up func(ctx context.Context, svc interfaces.ApplicationService)
}

// run starts the SDK and keeps it until ctx ends.
func (s *sdkSide) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !s.needs(ctx) {
			return
		}
		svc, ok := pkg.NewAppService(serviceKey)
		if ok {
			s.serve(ctx, svc)
			return
		}
		s.log.Error("the EdgeX side did not start, trying again; streams and rules run meanwhile")
		if !s.sleep(ctx, 5*time.Second) {
			return
		}
	}
}

// serve sets the service up and runs it until ctx ends.
func (s *sdkSide) serve(ctx context.Context, svc interfaces.ApplicationService) {
	if err := s.setUp(ctx, svc); err != nil {
		s.log.Error("the EdgeX side is not set up", "err", err)
		return
	}
	if ctx.Err() != nil {
		return
	}
	stopped := make(chan struct{})
	defer close(stopped)
	go func() {
		select {
		case <-ctx.Done():
			if context.Cause(ctx) != errSignal { // signals it hears itself
				svc.Stop()
			}
		case <-stopped:
		}
	}()
	if err := svc.Run(); err != nil && ctx.Err() == nil {
		s.log.Error("the EdgeX side stopped, streams and rules go on", "err", err)
	}
}

func (s *sdkSide) setUp(ctx context.Context, svc interfaces.ApplicationService) error {
	custom := &customConfig{Sluice: map[string]any{}}
	if err := svc.LoadCustomConfig(custom, "Sluice"); err != nil {
		return fmt.Errorf("section Sluice: %w", err)
	}
	custom.mask = true
	s.adopt(s.learned(svc, custom.Sluice), s.secrets(svc))
	if p, ok := svc.SecretProvider().(bootstrapInterfaces.SecretProviderExt); ok {
		s.guard.authenticate(handlers.AutoConfigAuthenticationFunc(p, svc.LoggingClient()))
	}
	if s.cmd.provider != "" {
		go s.follow(ctx, svc)
	}
	s.up(ctx, svc)
	if err := svc.RegisterCustomTriggerFactory("sluice", newTrigger); err != nil {
		return err
	}
	fns, err := s.functions()
	if err != nil {
		return fmt.Errorf("Sluice.Pipeline: %w", err)
	}
	return svc.SetDefaultFunctionsPipeline(fns...)
}

// learned returns the whole configuration as the SDK has it, with our section,
// if it came from a provider; files were read by ourselves.
func (s *sdkSide) learned(svc interfaces.ApplicationService, own map[string]any) map[string]any {
	if s.cmd.provider == "" {
		return nil
	}
	tree, err := sdkConfiguration(svc)
	if err != nil {
		s.log.Warn("values of the configuration provider outside the section Sluice are not used", "err", err)
		tree = map[string]any{}
	}
	tree["Sluice"] = own
	return tree
}

// secrets fetches the credentials of the bus.
func (s *sdkSide) secrets(svc interfaces.ApplicationService) map[string]string {
	bus := s.cfg().Bus
	if !s.cmd.secure || bus.AuthMode == "" || bus.AuthMode == "none" || bus.Secret == "" {
		return nil
	}
	found, err := svc.SecretProvider().GetSecret(bus.Secret)
	if err != nil {
		s.log.Error("no credentials for the MessageBus", "secret", bus.Secret, "err", err)
	}
	return found
}

// follow listens for changes of the section Sluice and of the log level until
// ctx ends.
func (s *sdkSide) follow(ctx context.Context, svc interfaces.ApplicationService) {
	client, err := configClient(svc)
	if err != nil {
		s.log.Warn("changes at the configuration provider are not followed", "err", err)
		return
	}
	sections, levels, failed := make(chan any), make(chan any), make(chan error)
	client.WatchForChanges(sections, failed, &map[string]any{}, "Sluice")
	client.WatchForChanges(levels, failed, &writable{}, "Writable")
	for {
		select {
		case raw := <-sections:
			if section, ok := raw.(*map[string]any); ok {
				s.changed(map[string]any{"Sluice": *section})
			}
		case raw := <-levels:
			if w, ok := raw.(*writable); ok && w.LogLevel != "" {
				s.changed(map[string]any{"Writable": map[string]any{"LogLevel": w.LogLevel}})
			}
		case err := <-failed:
			s.log.Warn("configuration provider", "err", err)
		case <-ctx.Done():
			return
		}
	}
}

type writable struct{ LogLevel string }

// needs waits for what NewAppService cannot do without; false when ctx ends.
func (s *sdkSide) needs(ctx context.Context) bool {
	cfg := s.cfg()
	if s.cmd.secure && !s.waitFile(ctx, tokenFile) {
		return false
	}
	if s.cmd.provider != "" && !s.waitFor(ctx, "configuration provider", s.cmd.provider) {
		return false
	}
	if s.cmd.registry && cfg.Registry.Host != "" && !s.waitFor(ctx, "registry", address(cfg.Registry.Host, cfg.Registry.Port)) {
		return false
	}
	if s.cmd.provider != "" || cfg.Bus.Disabled || cfg.Bus.Host == "" {
		return true // a provider knows where the bus is; disabled: it is not wanted
	}
	bus := address(cfg.Bus.Host, cfg.Bus.Port)
	if strings.EqualFold(cfg.TriggerType, "edgex-messagebus") {
		return s.waitFor(ctx, "MessageBus", bus)
	}
	if !reachable(ctx, bus) {
		s.log.Warn("the MessageBus does not answer: EdgeX metrics stay off until a restart, streams connect when it comes", "address", bus)
		_ = os.Setenv("MESSAGEBUS_DISABLED", "true")
	}
	return ctx.Err() == nil
}

// waitFor waits until something listens at the address.
func (s *sdkSide) waitFor(ctx context.Context, what, addr string) bool {
	return s.wait(ctx, what, addr, func() bool { return reachable(ctx, addr) })
}

func (s *sdkSide) waitFile(ctx context.Context, path string) bool {
	return s.wait(ctx, "secret store token", path, func() bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

func (s *sdkSide) wait(ctx context.Context, what, where string, there func() bool) bool {
	for pause, first := 500*time.Millisecond, true; !there(); pause, first = min(2*pause, 5*time.Second), false {
		if first {
			s.log.Warn(what+" is missing, waiting for it; streams and rules run meanwhile", "where", where)
		}
		if !s.sleep(ctx, pause) {
			return false
		}
	}
	return ctx.Err() == nil
}

func (s *sdkSide) sleep(ctx context.Context, d time.Duration) bool {
	tick, stop := s.clock.After(d)
	defer stop()
	select {
	case <-ctx.Done():
		return false
	case <-tick:
		return true
	}
}

func reachable(ctx context.Context, addr string) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
