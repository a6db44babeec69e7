package appservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/edgesluice/sluice/appservice/config"
)

// listen opens a port. When it is taken, the error says which it is, who asked
// for it and how to choose another.
func listen(cfg *config.Config, key, ip string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken by another program (%s, from %s): set %s to a free port",
			port, key, cfg.Origin(key), strings.ToUpper(strings.ReplaceAll(key, ".", "_")))
	}
	if err != nil {
		return nil, fmt.Errorf("%s %d on %q, from %s: %w", key, port, ip, cfg.Origin(key), err)
	}
	return l, nil
}

// listenREST opens the port of the REST API and, if there is one, the second
// port for Kuiper clients. Without the second the service still works.
func listenREST(cfg *config.Config, log *slog.Logger) ([]net.Listener, error) {
	l, err := listen(cfg, "Sluice.RestPort", cfg.RestIP, cfg.RestPort)
	if err != nil {
		return nil, err
	}
	all := []net.Listener{l}
	if cfg.KuiperPort == 0 || cfg.KuiperPort == cfg.RestPort {
		return all, nil
	}
	second, err := listen(cfg, "Sluice.KuiperPort", cfg.RestIP, cfg.KuiperPort)
	if err != nil {
		log.Warn("no second port for Kuiper clients", "err", err)
		return all, nil
	}
	return append(all, second), nil
}

// checkPort finds out early whether the SDK will be able to open its port.
func checkPort(cfg *config.Config) error {
	ip := cfg.Service.BindAddr
	if ip == "" {
		ip = cfg.Service.Host
	}
	l, err := listen(cfg, "Service.Port", ip, cfg.Service.Port)
	if err != nil {
		return err
	}
	return l.Close()
}

// server is one http.Server behind all ports. It has no write timeout:
// queries stream for as long as the client listens.
type server struct {
	http *http.Server
	cert string
	key  string
}

func newServer(cfg *config.Config, h http.Handler) *server {
	return &server{&http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}, cfg.RestCert, cfg.RestKey}
}

// serve answers on the listeners until close; failed gets what ends it early.
func (s *server) serve(ls []net.Listener, failed func(error)) {
	for _, l := range ls {
		go func() {
			var err error
			if s.cert != "" {
				err = s.http.ServeTLS(l, s.cert, s.key)
			} else {
				err = s.http.Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failed(fmt.Errorf("REST on %s: %w", l.Addr(), err))
			}
		}()
	}
}

// close lets running requests end, but not for long: a stream has no end.
func (s *server) close(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
}
