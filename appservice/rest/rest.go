// Package rest is the management interface: the HTTP API of Kuiper, as its
// clients, the EdgeX UI and rule managers expect it, over echo routes. Each
// resource has one file.
//
//	e := rest.New(rest.Config{Catalog: cat, Rules: set, Clock: clock.Wall, Log: log, Version: "1.0.0"})
//	http.Serve(listener, e)
//
// The package holds no state of its own beside running trials and imports.
package rest

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/fn"
)

// Config is what the API is about and what surrounds it.
type Config struct {
	Catalog *catalog.Catalog
	Rules   *rules.Set
	Clock   clock.Clock
	Log     *slog.Logger
	Version string // shown by GET /

	Functions *fn.Registry        // nil: the built-in ones
	Metrics   http.Handler        // GET /metrics; nil: there is none
	Guard     echo.MiddlewareFunc // authentication of all routes but / and /ping; nil: none
	Forward   http.Handler        // serves /api/v3/*; nil: nobody
	Console   http.Handler        // serves /ui/*; nil: nobody
	Apply     func(Changes) error // PATCH /configs; nil: refused
	Stop      func()              // POST /stop; nil: refused
	DataDir   string              // for connection tests
	// Report is what GET / shows of the service beside Kuiper's members; may be nil.
	Report func() map[string]any
	Audit  bool // log each call
}

// maxBody bounds request bodies: an import of thousands of rules.
const maxBody = 64 << 20

// server has the handlers.
type server struct {
	Config
	echo    *echo.Echo
	started time.Time
	host    hostUsage
	tasks   tasks

	attempts attempts
	trials   trials
}

// New returns the API as an http.Handler.
func New(cfg Config) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	s := &server{Config: cfg, echo: e, started: cfg.Clock.Now()}
	e.HTTPErrorHandler = s.answerError
	e.Pre(crossOrigin)
	e.Use(s.protect)
	open := e.Group("")
	guarded := e.Group("")
	if cfg.Guard != nil {
		guarded.Use(cfg.Guard)
	}
	s.routeServer(open, guarded)
	s.routeStreams(guarded)
	s.routeRules(guarded)
	s.routeTags(guarded)
	s.routeTransfer(guarded)
	s.routeMetadata(guarded)
	s.routeConfKeys(guarded)
	s.routeConnections(guarded)
	s.routeQuery(guarded)
	s.routeTrials(open, guarded)
	s.routeSchemas(guarded)
	s.routeUploads(guarded)
	s.routeUnsupported(guarded)
	s.routeOthers(open, guarded)
	return e
}

// routeOthers mounts what other packages serve.
func (s *server) routeOthers(open, guarded *echo.Group) {
	if s.Metrics != nil {
		guarded.GET("/metrics", echo.WrapHandler(s.Metrics))
	}
	if s.Forward != nil {
		open.Any("/api/v3/*", echo.WrapHandler(s.Forward)) // the other side authenticates
	}
	if s.Console != nil {
		open.GET("/ui", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/ui/") })
		open.GET("/ui/*", echo.WrapHandler(s.Console))
	}
}

// crossOrigin answers preflight requests and lets any origin read answers, as
// Kuiper does.
func crossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		if r.Header.Get("Origin") != "" {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		if r.Method != http.MethodOptions {
			return next(c)
		}
		if r.Header.Get("Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
			return echo.ErrMethodNotAllowed
		}
		h.Set("Access-Control-Allow-Methods", "POST,GET,PUT,DELETE,HEAD,PATCH")
		h.Set("Access-Control-Allow-Headers", "Accept,Accept-Language,Content-Type,Content-Language,Origin,Authorization")
		return c.NoContent(http.StatusOK)
	}
}

// protect bounds the body and turns a panic into an answer.
func (s *server) protect(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		r := c.Request()
		if s.Audit {
			s.Log.Info("rest call", "method", r.Method, "path", r.URL.Path, "from", r.RemoteAddr)
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, maxBody)
		defer func() {
			if x := recover(); x != nil {
				if x == http.ErrAbortHandler { //nolint:errorlint // it is compared by net/http too
					panic(x)
				}
				s.Log.Error("rest handler panicked", "method", r.Method, "path", r.URL.Path, "panic", x, "stack", stack())
				err = echo.NewHTTPError(http.StatusInternalServerError, "internal error, see the log")
			}
		}()
		return next(c)
	}
}

// answerError writes what a handler returned as an error.
func (s *server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	var he *echo.HTTPError
	switch {
	case errors.As(err, &he) && he.Code == http.StatusMethodNotAllowed:
		err = c.NoContent(he.Code)
	case errors.As(err, &he) && he.Code == http.StatusNotFound:
		err = plain(c, he.Code, "404 page not found\n")
	case errors.As(err, &he):
		text, ok := he.Message.(string)
		if !ok {
			text = http.StatusText(he.Code)
		}
		err = plain(c, he.Code, text+"\n")
	default:
		err = writeError(c, err)
	}
	if err != nil {
		s.Log.Debug("answer was not written", "error", err)
	}
}
