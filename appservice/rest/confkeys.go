package rest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeConfKeys(g *echo.Group) {
	for _, kind := range []catalog.Kind{catalog.Sources, catalog.Sinks, catalog.Conns} {
		at := "/metadata/" + string(kind)
		g.GET(at+"/yaml/:name", func(c echo.Context) error { return object(c, s.Catalog.ConfKeys(kind, part(c, "name"))) })
		g.PUT(at+"/:name/confKeys/:key", s.putConfKey(kind))
		g.POST(at+"/:name/confKeys/:key", s.putConfKey(kind)) // up to 1.4
		g.DELETE(at+"/:name/confKeys/:key", func(c echo.Context) error {
			if err := s.Catalog.DeleteConfKey(kind, part(c, "name"), part(c, "key")); err != nil {
				return refuse(diag.ConfKey, "", err)
			}
			return c.NoContent(http.StatusOK)
		})
	}
	g.GET("/metadata/resources", s.resources)
	g.GET("/metadata/resource", s.resource)
}

func (s *server) putConfKey(kind catalog.Kind) echo.HandlerFunc {
	return func(c echo.Context) error {
		typ, key := part(c, "name"), part(c, "key")
		var props map[string]any
		if err := body(c, &props, "Type conversion failed:"+typ+"."+key+": "); err != nil {
			return &refusal{"", diag.ConfKey, err}
		}
		if props == nil {
			return diag.New(diag.ConfKey, "Type conversion failed:%s.%s: the body must be an object", typ, key)
		}
		if err := s.Catalog.PutConfKey(kind, typ, key, props); err != nil {
			return refuse(diag.ConfKey, "", err)
		}
		return c.NoContent(http.StatusOK)
	}
}

// resources lists the conf keys that were made over REST: [{key: type}].
func (s *server) resources(c echo.Context) error {
	list := func(kind catalog.Kind) []map[string]string {
		var out []map[string]string
		stored := s.Catalog.StoredConfKeys(kind)
		for _, typ := range slices.Sorted(maps.Keys(stored)) {
			for _, key := range slices.Sorted(maps.Keys(stored[typ])) {
				out = append(out, map[string]string{key: typ})
			}
		}
		return out
	}
	return textJSON(c, map[string]any{"sources": list(catalog.Sources), "sinks": list(catalog.Sinks)})
}

func (s *server) resource(c echo.Context) error {
	for query, kind := range map[string]catalog.Kind{
		"sourceType": catalog.Sources, "sinkType": catalog.Sinks, "connectionType": catalog.Conns,
	} {
		if typ := c.QueryParam(query); typ != "" {
			stored := s.Catalog.StoredConfKeys(kind)[typ]
			if stored == nil {
				stored = map[string]map[string]any{}
			}
			return textJSON(c, stored)
		}
	}
	return textJSON(c, struct{}{})
}
