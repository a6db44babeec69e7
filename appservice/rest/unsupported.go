package rest

import (
	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// routeUnsupported answers for what other engines of this API have and this one
// has not: there are none, and none can be made.
func (s *server) routeUnsupported(g *echo.Group) {
	for _, r := range []struct{ list, what string }{
		{"/services", "external services"},
		{"/services/functions", "external services"},
		{"/plugins/sources", "source plugins"},
		{"/plugins/sinks", "sink plugins"},
		{"/plugins/functions", "function plugins"},
		{"/plugins/portables", "portable plugins"},
		{"/plugins/udfs", "function plugins"},
	} {
		g.GET(r.list, func(c echo.Context) error { return object(c, []string{}) })
		g.POST(r.list, notSupported(r.what))
		g.GET(r.list+"/:name", notThere)
		g.PUT(r.list+"/:name", notSupported(r.what))
		g.DELETE(r.list+"/:name", notThere)
	}
	g.POST("/rules/:id/trace/start", notSupported("traces"))
	g.POST("/rules/:id/trace/stop", notSupported("traces"))
	g.POST("/tracer", notSupported("traces"))
	g.GET("/trace/rule/:id", func(c echo.Context) error { return object(c, []string{}) })
	g.PUT("/rules/:id/reset_state", notSupported("rewound sources"))
}

func notSupported(what string) echo.HandlerFunc {
	return func(echo.Context) error {
		return diag.New(diag.Undefined, "%s are not supported yet", what)
	}
}

func notThere(c echo.Context) error {
	return diag.New(diag.NotFound, "%s not found", part(c, "name"))
}
