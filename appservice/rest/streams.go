package rest

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

// relation is the routes of streams, or of tables.
type relation struct {
	*server
	table bool
	what  string // stream
	title string // Stream
}

func (s *server) routeStreams(g *echo.Group) {
	for _, r := range []relation{{s, false, "stream", "Stream"}, {s, true, "table", "Table"}} {
		list, one := "/"+r.what+"s", "/"+r.what+"s/:name"
		g.POST(list, r.run)
		g.GET(list, r.names)
		g.GET("/"+r.what+"details", r.details)
		g.GET(one, r.describe)
		g.PUT(one, r.replace)
		g.DELETE(one, r.drop)
		g.GET(one+"/schema", r.schema)
	}
}

// statement is the body of POST and PUT.
type statement struct {
	SQL string `json:"sql"`
}

func (r relation) failed(err error) error {
	return refuse(diag.Stream, r.title+" command error: ", err)
}

func (r relation) sql(c echo.Context) (string, error) {
	var st statement
	err := body(c, &st, "Invalid body: Error decoding the statement descriptor: ")
	return st.SQL, err
}

// run executes any statement about streams and tables.
func (r relation) run(c echo.Context) error {
	sql, err := r.sql(c)
	if err != nil {
		return err
	}
	answer, err := r.Catalog.Exec(sql)
	if err != nil {
		return r.failed(err)
	}
	return text(c, http.StatusCreated, answer)
}

func (r relation) names(c echo.Context) error {
	names := []string{}
	for _, d := range r.Catalog.Definitions(r.table, c.QueryParam("kind")) {
		names = append(names, d.Name)
	}
	return object(c, names)
}

func (r relation) details(c echo.Context) error {
	type detail struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Format string `json:"format"`
	}
	out := []detail{}
	for _, d := range r.Catalog.Definitions(r.table, c.QueryParam("kind")) {
		out = append(out, detail{d.Name, d.Type(), strings.ToLower(d.Format())})
	}
	return object(c, out)
}

func (r relation) describe(c echo.Context) error {
	id, err := name(c, "name")
	if err != nil {
		return err
	}
	d, err := r.Catalog.Describe(id, r.table)
	if err != nil {
		return refuse(diag.Stream, "describe "+r.what+" error: ", err)
	}
	return object(c, d)
}

func (r relation) replace(c echo.Context) error {
	id, err := name(c, "name")
	if err != nil {
		return err
	}
	sql, err := r.sql(c)
	if err != nil {
		return err
	}
	answer, err := r.Catalog.Replace(id, r.table, sql)
	if err != nil {
		return r.failed(err)
	}
	return text(c, http.StatusOK, answer)
}

func (r relation) drop(c echo.Context) error {
	id, err := name(c, "name")
	if err != nil {
		return err
	}
	if c.QueryParam("force") != "true" && len(r.Rules.Using(id)) > 0 {
		if d, ok := r.Catalog.Lookup(id); ok && d.Table == r.table {
			return diag.New(diag.Undefined, "%s %s has been referenced by other rules", r.what, id).
				WithHint("delete them first: " + strings.Join(r.Rules.Using(id), ", "))
		}
	}
	if err := r.Catalog.Drop(id, r.table); err != nil {
		return refuse(diag.Stream, "delete "+r.what+" error: ", err)
	}
	return text(c, http.StatusOK, r.title+" "+id+" is dropped.")
}

func (r relation) schema(c echo.Context) error {
	id, err := name(c, "name")
	if err != nil {
		return err
	}
	fields, err := r.Catalog.Schema(id, r.table)
	if err != nil {
		return refuse(diag.Stream, "get schema of "+r.what+" error: ", err)
	}
	return object(c, fields)
}
