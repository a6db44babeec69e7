package rest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func stack() string { return string(debug.Stack()) }

// refusal is an error with the words Kuiper puts in front of it and the code
// it has if it brings none itself.
type refusal struct {
	before string
	code   diag.Code
	err    error
}

func (r *refusal) Error() string { return r.before + r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// refuse adds words and a code to an error; nil stays nil.
func refuse(code diag.Code, before string, err error) error {
	if err == nil {
		return nil
	}
	return &refusal{before, code, err}
}

// errorBody is the JSON of an error. The keys behind message are ours.
type errorBody struct {
	Error      diag.Code `json:"error"`
	Message    string    `json:"message"`
	Line       int       `json:"line,omitempty"`
	Column     int       `json:"column,omitempty"`
	Detail     string    `json:"detail,omitempty"` // the line of SQL with a caret under the place
	Suggestion string    `json:"suggestion,omitempty"`
}

func bodyOf(err error) errorBody {
	b := errorBody{Error: diag.CodeOf(err), Message: err.Error()}
	var r *refusal
	if errors.As(err, &r) && b.Error == diag.Undefined {
		b.Error = r.code
	}
	var d *diag.Error
	if errors.As(err, &d) {
		b.Suggestion = d.Hint
		if line, col, ok := d.Position(); ok {
			b.Line, b.Column, b.Detail = line, col, d.Detail()
		}
	}
	return b
}

// writeError answers 404 for what is not there and 400 for the rest. The body
// is JSON under text/plain, as Kuiper sends it.
func writeError(c echo.Context, err error) error {
	b := bodyOf(err)
	status := http.StatusBadRequest
	if b.Error == diag.NotFound {
		status = http.StatusNotFound
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return plain(c, status, string(text)+"\n")
}

// plain writes an error text.
func plain(c echo.Context, status int, text string) error {
	c.Response().Header().Set("X-Content-Type-Options", "nosniff")
	return c.Blob(status, "text/plain; charset=utf-8", []byte(text))
}

// text answers with a sentence.
func text(c echo.Context, status int, s string) error {
	return c.Blob(status, "text/plain; charset=utf-8", []byte(s))
}

// textJSON answers with JSON that Kuiper sends as text/plain.
func textJSON(c echo.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return text(c, http.StatusOK, string(b))
}

// object answers with JSON.
func object(c echo.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return raw(c, b)
}

func raw(c echo.Context, b []byte) error { return c.Blob(http.StatusOK, "application/json", b) }

// download answers with a file.
func download(c echo.Context, name string, b []byte) error {
	c.Response().Header().Set("Content-Disposition", "attachment; filename="+name)
	return c.Blob(http.StatusOK, "application/octet-stream", b)
}

// body reads a JSON request; before begins the error.
func body(c echo.Context, into any, before string) error {
	if err := json.NewDecoder(c.Request().Body).Decode(into); err != nil {
		return refuse(diag.Undefined, before, err)
	}
	return nil
}

func readAll(c echo.Context) ([]byte, error) {
	b, err := io.ReadAll(c.Request().Body)
	return b, refuse(diag.Undefined, "Invalid body: ", err)
}

// part returns a decoded part of the path.
func part(c echo.Context, name string) string {
	s := c.Param(name)
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// name returns a part of the path that names a stream, table or rule.
func name(c echo.Context, which string) (string, error) {
	s := part(c, which)
	return s, catalog.CheckName(s)
}
