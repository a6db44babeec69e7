// Package appservice is the EdgeX application service: it reads the
// configuration, opens the REST API, starts the engine (streams and rules from
// the data folder) and runs the application functions SDK beside it, which
// gives registration, secrets, metrics and the usual /api/v3 routes.
//
//	func main() { os.Exit(appservice.Main(os.Args, os.Stdout, os.Stderr)) }
//
// For services of one's own it has the engine's operators as functions for the
// SDK's pipelines: Filter, Window, Project and SQL.
package appservice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/edgesluice/sluice/appservice/autostream"
	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/appservice/demo"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

const (
	serviceKey = "app-sluice"
	tokenFile  = "/tmp/edgex/secrets/" + serviceKey + "/secrets-token.json"

	// What a container gets between SIGTERM and SIGKILL is 10 s, KubeEdge gives
	// less; whatever hangs is left behind after this.
	shutdownGrace = 4500 * time.Millisecond
)

// Version is set at build time by -X.
var Version = "dev"

// Main runs the service until it is told to stop and returns the exit code.
func Main(argv []string, stdout, stderr io.Writer) int {
	cmd, rest := readCommand(argv[1:], os.Getenv)
	os.Args = append(argv[:1:1], rest...) // the SDK reads os.Args itself
	if cmd.version {
		fmt.Fprintln(stdout, "app-sluice", Version)
		return 0
	}
	if cmd.demo {
		_ = os.Setenv("SLUICE_DEMO", "true")
	}
	cfg, err := load(cmd, layers{})
	if err == nil && cmd.show {
		fmt.Fprint(stdout, cfg)
		return 0
	}
	if err == nil {
		err = cmd.defaultInsecure(cfg.Bus.Disabled && cmd.provider == "" && !cmd.registry)
	}
	if err == nil {
		err = (&service{cmd: cmd, stdout: stdout, clock: clock.Wall}).run(cfg)
	}
	if err != nil {
		fmt.Fprintln(stderr, "app-sluice:", err)
		return 1
	}
	return 0
}

// layers are those of the configuration that come up at run time.
type layers struct {
	provider map[string]any            // from the configuration provider
	secrets  map[string]string         // credentials of the bus from the secret store
	stored   map[string]any            // changed over REST
	mounted  map[string]map[string]any // the ConfigMap when it was last good
}

func load(cmd command, l layers) (*config.Config, error) {
	return config.Load(config.Sources{Common: cmd.common, File: cmd.file, Provider: l.provider, Secrets: l.secrets, Stored: l.stored, Mounted: l.mounted,
		Environ: os.Environ(), Types: sourceTypes(), Props: sourceProps})
}

// service is one run of the process.
type service struct {
	cmd    command
	stdout io.Writer
	clock  clock.Clock
	level  slog.LevelVar
	log    *slog.Logger
	engine *engine
	http   *server
	demo   *demo.Demo
	link   atomic.Pointer[autostream.Link] // to core-metadata, once the SDK is up
	store  atomic.Pointer[secretStore]     // the SDK's, in secure mode once the SDK is up

	sdkDone chan struct{} // closed when the SDK has ended
	cancel  context.CancelCauseFunc

	content chan struct{} // tells that Sluice.Content has changed

	cfg    atomic.Pointer[config.Config]
	mu     sync.Mutex // guards layers
	layers layers
}

// run starts everything and returns when it has ended.
func (s *service) run(cfg *config.Config) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s.cancel = cancel
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)

	out, err := s.output(cfg)
	if err != nil {
		return err
	}
	setLevel(&s.level, cfg.LogLevel)
	s.log = newLogger(out, &s.level)
	s.cfg.Store(cfg)
	for _, p := range cfg.Mounted().Problems {
		s.log.Error(mountedFault, "problem", p)
	}
	s.content = make(chan struct{}, 1)
	s.recall(cfg)
	s.recallMounted(s.cfg.Load())
	for _, w := range cfg.Warnings() {
		s.log.Warn(w)
	}
	if err := s.start(ctx); err != nil {
		cancel(err)
		s.stop()
		return err
	}
	select {
	case sig := <-signals:
		s.log.Info("stopping", "signal", sig.String())
		cancel(errSignal)
	case <-ctx.Done():
	}
	go func() { // again: at once
		<-signals
		os.Exit(1)
	}()
	force := s.forceExit()
	s.stop()
	force()
	if cause := context.Cause(ctx); cause != errSignal && cause != context.Canceled {
		return cause
	}
	return nil
}

// errSignal is why the service ends when it was told so from outside; the SDK
// has heard it too.
var errSignal = errors.New("signal")

// start opens ports and data, and then lets the SDK come up by itself.
func (s *service) start(ctx context.Context) error {
	cfg := s.cfg.Load()
	if err := checkPort(cfg); err != nil {
		return err
	}
	ls, err := listenREST(cfg, s.log)
	if err != nil {
		return err
	}
	g := &guard{secure: s.cmd.secure}
	if s.engine, err = newEngine(s.surroundings(g)); err == nil {
		s.engine.declared.Describe(s.declaredFiles())
		err = s.engine.start()
	}
	if err != nil {
		closeAll(ls)
		return err
	}
	s.http = newServer(cfg, s.engine.handler)
	s.http.serve(ls, func(err error) { s.cancel(err) })
	for _, l := range ls {
		s.log.Info("REST API is ready", "address", l.Addr().String(), "version", Version)
	}
	s.sdkDone = make(chan struct{})
	go func() {
		defer close(s.sdkDone)
		s.sdk(g).run(ctx)
	}()
	go s.followConfigMap(ctx)
	s.followFiles(ctx)
	go s.giveBack(ctx)
	return s.startDemo(ctx)
}

func (s *service) surroundings(g *guard) surroundings {
	return surroundings{cfg: s.cfg.Load, log: s.log, clock: s.clock, guard: g, stored: s.stored, stop: func() { s.cancel(nil) },
		listed: s.listed(), report: s.report, gauges: s.gauges, secret: s.secret}
}

func (s *service) sdk(g *guard) *sdkSide {
	return &sdkSide{cmd: s.cmd, cfg: s.cfg.Load, log: s.log, clock: s.clock, guard: g,
		functions: s.functions, adopt: s.adopt, changed: s.providerChanged, up: s.connected}
}

// stop ends what start has started, in the opposite order.
func (s *service) stop() {
	if s.demo != nil {
		defer s.demo.Close()
	}
	if s.http != nil {
		s.http.close(500 * time.Millisecond)
	}
	if s.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace-2*time.Second)
		defer cancel()
		if err := s.engine.close(ctx); err != nil {
			s.log.Error("not everything was saved", "err", err)
		}
	}
	s.awaitSDK()
}

// awaitSDK lets the SDK take its name out of the registry, but not for long: it
// may hang.
func (s *service) awaitSDK() {
	if s.sdkDone == nil {
		return
	}
	late, stop := s.clock.After(time.Second)
	defer stop()
	select {
	case <-s.sdkDone:
	case <-late:
		s.log.Warn("the EdgeX side does not stop, leaving it behind")
	}
}

// forceExit ends the process if stopping takes too long; the returned function
// calls it off.
func (s *service) forceExit() (callOff func()) {
	late, stop := s.clock.After(shutdownGrace)
	done := make(chan struct{})
	go func() {
		defer stop()
		select {
		case <-late:
			s.log.Error("something does not stop, ending anyway")
			os.Exit(1)
		case <-done:
		}
	}()
	return func() { close(done) }
}

// giveBack returns the memory that only starting needed.
func (s *service) giveBack(ctx context.Context) {
	tick, stop := s.clock.After(2 * time.Second)
	defer stop()
	select {
	case <-tick:
		debug.FreeOSMemory()
		forgetProgram()
	case <-ctx.Done():
	}
}

func closeAll(ls []net.Listener) {
	for _, l := range ls {
		_ = l.Close()
	}
}
