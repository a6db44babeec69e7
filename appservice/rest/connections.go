package rest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/param"
)

func (s *server) routeConnections(g *echo.Group) {
	g.POST("/connections", s.createConnection)
	g.GET("/connections", s.listConnections)
	g.GET("/connections/:id", s.describeConnection)
	g.PUT("/connections/:id", s.updateConnection)
	g.DELETE("/connections/:id", s.dropConnection)
	g.POST("/metadata/sources/connection/:type", s.pingSource)
	g.POST("/metadata/lookups/connection/:type", s.pingSource)
	g.POST("/metadata/sinks/connection/:type", s.pingSink)
}

func (s *server) createConnection(c echo.Context) error {
	var conn catalog.Connection
	if err := body(c, &conn, "Invalid body: "); err != nil {
		return err
	}
	if err := s.Catalog.CreateConnection(conn); err != nil {
		return err
	}
	s.connection(conn) // begins to connect
	return text(c, http.StatusCreated, "success")
}

func (s *server) updateConnection(c echo.Context) error {
	var conn catalog.Connection
	if err := body(c, &conn, "Invalid body: "); err != nil {
		return err
	}
	id := part(c, "id")
	if conn.ID != "" && conn.ID != id {
		return diag.New(diag.Undefined, "update connection failed: id %s is not consistent with connection %s", conn.ID, id)
	}
	conn.ID = id
	if err := s.Catalog.UpdateConnection(conn); err != nil {
		return err
	}
	return text(c, http.StatusOK, "success")
}

func (s *server) dropConnection(c echo.Context) error {
	id := part(c, "id")
	if users := s.Rules.UsingConnection(id); len(users) > 0 {
		return diag.New(diag.Undefined, "drop connection failed: connection %s can't be dropped due to rule references %v", id, users)
	}
	if err := s.Catalog.DropConnection(id); err != nil {
		return err
	}
	return text(c, http.StatusOK, "success")
}

// connection is one item of GET /connections.
type connection struct {
	catalog.Connection
	Named  bool   `json:"isNamed"`
	Status string `json:"status"`
	Err    string `json:"err,omitempty"`
	Refs   int    `json:"refCount,omitempty"`
}

func (s *server) listConnections(c echo.Context) error {
	out := []connection{}
	for _, conn := range s.Catalog.Connections() {
		out = append(out, s.connection(conn))
	}
	return textJSON(c, out)
}

func (s *server) describeConnection(c echo.Context) error {
	conn, err := s.Catalog.Connection(part(c, "id"))
	if err != nil {
		return err
	}
	return object(c, s.connection(conn))
}

// connection tells how a connection is: as the rules on it have it, or, if none
// runs, as the last attempt went.
func (s *server) connection(conn catalog.Connection) connection {
	out := connection{Connection: conn, Named: true, Refs: len(s.Rules.UsingConnection(conn.ID))}
	if st, ok := s.Rules.ConnectionState(conn.ID); ok {
		out.Status = statusWord(st)
		if st.Status < 0 {
			out.Err = st.LastMessage
		}
		return out
	}
	out.Status, out.Err = s.attempts.last(conn, s.Clock.Now(), s.tryConnection)
	return out
}

func statusWord(st exec.LinkState) string {
	switch {
	case st.Status > 0:
		return "connected"
	case st.Status == 0:
		return "connecting"
	}
	return "disconnected"
}

// tryConnection pings by the source of a type, or by its sink.
func (s *server) tryConnection(ctx context.Context, typ string, props map[string]any) error {
	if _, err := sources.Lookup(strings.ToLower(typ)); err == nil {
		return s.trySource(ctx, typ, props)
	}
	return s.trySink(ctx, typ, props)
}

func (s *server) pingSource(c echo.Context) error { return s.ping(c, s.trySource) }

func (s *server) pingSink(c echo.Context) error { return s.ping(c, s.trySink) }

// pingTimeout bounds a connection test.
const pingTimeout = 2 * time.Second

func (s *server) ping(c echo.Context, try func(context.Context, string, map[string]any) error) error {
	var props map[string]any
	if err := body(c, &props, "Invalid body: "); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), pingTimeout)
	defer cancel()
	if err := try(ctx, part(c, "type"), props); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

func (s *server) trySource(ctx context.Context, typ string, props map[string]any) error {
	props, err := s.Catalog.Reveal(props)
	if err != nil {
		return err
	}
	typ = strings.ToLower(typ)
	datasource, _ := props["datasource"].(string)
	src, _, err := sources.Open(typ, without(props, "datasource"))
	if err != nil {
		return err
	}
	pinger, ok := src.(sources.Pinger)
	if !ok {
		return diag.New(diag.Undefined, "source %s doesn't support ping connection", typ)
	}
	env := sources.Env{Datasource: datasource, DataDir: s.DataDir, Log: s.Log, Clock: s.Clock, Status: exec.NewLink(s.Clock)}
	return reached(pinger.Ping(ctx, env))
}

func (s *server) trySink(ctx context.Context, typ string, props map[string]any) error {
	props, err := s.Catalog.Reveal(props)
	if err != nil {
		return err
	}
	typ = strings.ToLower(typ)
	driver, err := sinks.Lookup(typ)
	if err != nil {
		return err
	}
	sink := driver.New()
	set := param.New(fmt.Sprintf("sink %q", typ))
	sink.Params(set)
	set.AllowUnknown() // properties of the outlet may be among them
	if err := set.Bind(props); err != nil {
		return err
	}
	pinger, ok := sink.(sinks.Pinger)
	if !ok {
		return diag.New(diag.Undefined, "sink %s doesn't support ping connection", typ)
	}
	env := sinks.Env{DataDir: s.DataDir, Log: s.Log, Clock: s.Clock, Status: exec.NewLink(s.Clock)}
	return reached(pinger.Ping(ctx, env))
}

func reached(err error) error {
	if err == nil {
		return nil
	}
	return &refusal{"found error when connecting: ", diag.IO, err}
}

func without(props map[string]any, name string) map[string]any {
	out := map[string]any{}
	for k, v := range props {
		if !strings.EqualFold(k, name) {
			out[k] = v
		}
	}
	return out
}
