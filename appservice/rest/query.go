package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

func (s *server) routeQuery(g *echo.Group) { g.POST("/query", s.query) }

// query runs a SELECT and sends its results as they come, one JSON array a
// line, until the client leaves or the sources are exhausted. It is ours: the
// interactive query of the command line uses it.
func (s *server) query(c echo.Context) error {
	var st statement
	if err := body(c, &st, "Invalid body: "); err != nil {
		return err
	}
	q, err := s.Rules.Query(st.SQL)
	if err != nil {
		return err
	}
	w := c.Response()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	w.Flush() // the client sees that the query runs
	err = q.Run(c.Request().Context(), func(line []byte) error {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		w.Flush()
		return nil
	})
	if err != nil {
		s.Log.Warn("query failed", "error", err)
	}
	return nil
}
