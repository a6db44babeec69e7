package appservice

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/config"
)

// guard stands before the REST API: it sends /api/v3/.. to the SDK's web
// server, which checks tokens by itself, and where a secret store is in use
// lets nothing else pass without a valid token. Until the SDK can check tokens
// such requests are told to come again.
type guard struct {
	api    http.Handler
	sdk    http.Handler
	secure bool
	check  atomic.Pointer[echo.MiddlewareFunc]
	echo   *echo.Echo
}

func newGuard(cfg *config.Config, secure bool, api http.Handler) *guard {
	return &guard{api: api, sdk: forward(cfg), secure: secure, echo: echo.New()}
}

// authenticate gives the guard the SDK's check of tokens.
func (g *guard) authenticate(check echo.MiddlewareFunc) { g.check.Store(&check) }

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/v3/"):
		g.sdk.ServeHTTP(w, r)
	case !g.secure || r.URL.Path == "/" || r.URL.Path == "/ping":
		g.api.ServeHTTP(w, r)
	default:
		g.authenticated(w, r)
	}
}

func (g *guard) authenticated(w http.ResponseWriter, r *http.Request) {
	check := g.check.Load()
	if check == nil {
		http.Error(w, "the secret store is not connected yet", http.StatusServiceUnavailable)
		return
	}
	passed := false
	err := (*check)(func(echo.Context) error {
		passed = true
		return nil
	})(g.echo.NewContext(r, w))
	switch he, ok := err.(*echo.HTTPError); {
	case passed:
		g.api.ServeHTTP(w, r)
	case ok:
		http.Error(w, http.StatusText(he.Code), he.Code)
	default:
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
	}
}

// forward sends requests to the SDK's web server.
func forward(cfg *config.Config) http.Handler {
	host := cfg.Service.BindAddr
	if host == "" {
		host = cfg.Service.Host
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(cfg.Service.Port))})
	p.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"apiVersion":"v3","message":"the EdgeX side of the service is not ready","statusCode":503}` + "\n"))
	}
	return p
}
