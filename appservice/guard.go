package appservice

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/config"
)

// guard checks tokens before the REST API where a secret store is in use. The
// check is the SDK's; until the SDK has started, callers are told to come
// again.
type guard struct {
	secure bool
	check  atomic.Pointer[echo.MiddlewareFunc]
}

// authenticate gives the guard the SDK's check.
func (g *guard) authenticate(check echo.MiddlewareFunc) { g.check.Store(&check) }

// middleware stands before every route but / and /ping.
func (g *guard) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	if !g.secure {
		return next
	}
	return func(c echo.Context) error {
		check := g.check.Load()
		if check == nil {
			return echo.NewHTTPError(http.StatusServiceUnavailable, "the secret store is not connected yet")
		}
		return (*check)(next)(c)
	}
}

// forward sends /api/v3/.. to the SDK's web server.
func forward(cfg *config.Config) http.Handler {
	host := cfg.Service.BindAddr
	if host == "" {
		host = cfg.Service.Host
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address(host, cfg.Service.Port)})
	p.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"apiVersion":"v3","message":"the EdgeX side of the service is not ready","statusCode":503}` + "\n"))
	}
	return p
}
