package rest

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// batch runs several requests in one.
func (s *server) batch(c echo.Context) error {
	type request struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Body   string `json:"body"`
	}
	type response struct {
		Code int    `json:"code"`
		Body string `json:"response"`
	}
	var requests []request
	if err := body(c, &requests, "decode body error: "); err != nil {
		return err
	}
	out := []response{}
	for _, r := range requests {
		req, err := http.NewRequestWithContext(c.Request().Context(), r.Method, r.Path, strings.NewReader(r.Body))
		if err != nil || strings.HasPrefix(r.Path, "/batch/") || strings.HasPrefix(r.Path, "/query") {
			out = append(out, response{http.StatusBadRequest, "request cannot be part of a batch"})
			continue
		}
		req.Header = c.Request().Header.Clone() // who asks stays the same
		req.RemoteAddr = c.Request().RemoteAddr
		w := &recorder{code: http.StatusOK, header: http.Header{}}
		s.echo.ServeHTTP(w, req)
		out = append(out, response{w.code, w.body.String()})
	}
	return object(c, out)
}

// recorder keeps an answer.
type recorder struct {
	code   int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(code int)        { r.code = code }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
