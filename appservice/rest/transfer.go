package rest

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"encoding/json"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeTransfer(g *echo.Group) {
	g.POST("/ruleset/export", s.exportRuleset)
	g.POST("/ruleset/import", s.importRuleset)
	g.GET("/data/export", s.exportData)
	g.POST("/data/export", s.exportData)
	g.POST("/data/import", s.importData)
	g.GET("/data/import/status", func(c echo.Context) error { return object(c, s.tasks.failed()) })
	g.GET("/v2/data/export", s.exportYAML)
	g.POST("/v2/data/import", s.importYAML)
	g.POST("/async/data/import", s.importLater)
	g.GET("/async/task/:id", s.task)
	g.POST("/async/task/:id/cancel", s.cancelTask)
}

// ruleset is the definitions of streams, tables and rules; all values are
// texts.
type ruleset struct {
	Streams map[string]string `json:"streams"`
	Tables  map[string]string `json:"tables"`
	Rules   map[string]string `json:"rules"`
}

// data is everything that can be carried to another service, in Kuiper's
// twelve parts. Errors of an import have the same shape.
type data struct {
	ruleset
	NativePlugins   map[string]string `json:"nativePlugins"`
	PortablePlugins map[string]string `json:"portablePlugins"`
	SourceConfig    map[string]string `json:"sourceConfig"` // type -> JSON of its conf keys
	SinkConfig      map[string]string `json:"sinkConfig"`
	ConnConfig      map[string]string `json:"connectionConfig"`
	Service         map[string]string `json:"Service"`
	Schema          map[string]string `json:"Schema"`
	Uploads         map[string]string `json:"uploads"`
	Scripts         map[string]string `json:"scripts"`
}

func newRuleset() ruleset {
	return ruleset{map[string]string{}, map[string]string{}, map[string]string{}}
}

func newData() data {
	m := func() map[string]string { return map[string]string{} }
	return data{newRuleset(), m(), m(), m(), m(), m(), m(), m(), m(), m()}
}

// ruleset returns all definitions, or the named rules with the streams and
// tables they need.
func (s *server) ruleset(ids ...string) ruleset {
	rs := newRuleset()
	rs.Rules = s.Rules.Texts(ids...)
	for _, table := range []bool{false, true} {
		for _, d := range s.Catalog.Definitions(table, "") {
			if len(ids) > 0 && !needed(s.Rules.Using(d.Name), ids) {
				continue
			}
			if table {
				rs.Tables[d.Name] = d.Text
			} else {
				rs.Streams[d.Name] = d.Text
			}
		}
	}
	return rs
}

func needed(users, ids []string) bool {
	for _, u := range users {
		for _, id := range ids {
			if u == id {
				return true
			}
		}
	}
	return false
}

func (s *server) exportRuleset(c echo.Context) error {
	b, err := json.Marshal(s.ruleset())
	if err != nil {
		return err
	}
	return download(c, "ekuiper_export.json", b)
}

// exportData exports all, or, on POST, the rules of the list in the body.
func (s *server) exportData(c echo.Context) error {
	var ids []string
	if c.Request().Method == http.MethodPost {
		if err := body(c, &ids, "Invalid body: "); err != nil {
			return err
		}
	}
	d := newData()
	d.ruleset = s.ruleset(ids...)
	d.SourceConfig = s.confKeyTexts(catalog.Sources)
	d.SinkConfig = s.confKeyTexts(catalog.Sinks)
	d.ConnConfig = s.confKeyTexts(catalog.Conns)
	d.Schema = s.schemaTexts()
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return download(c, "ekuiper_export.json", b)
}

func (s *server) confKeyTexts(kind catalog.Kind) map[string]string {
	out := map[string]string{}
	for typ, keys := range s.Catalog.StoredConfKeys(kind) {
		if b, err := json.Marshal(keys); err == nil {
			out[typ] = string(b)
		}
	}
	if kind != catalog.Conns {
		return out
	}
	// Connections of 2.x travel as <type> -> {id: props} too.
	byType := map[string]map[string]map[string]any{}
	for _, conn := range s.Catalog.Connections() {
		if byType[conn.Type] == nil {
			byType[conn.Type] = map[string]map[string]any{}
		}
		byType[conn.Type][conn.ID] = conn.Props
	}
	for typ, conns := range byType {
		for key, props := range s.Catalog.StoredConfKeys(kind)[typ] {
			conns[key] = props
		}
		if b, err := json.Marshal(conns); err == nil {
			out[typ] = string(b)
		}
	}
	return out
}

// carrier is the body of an import.
type carrier struct {
	Content string `json:"content"`
	File    string `json:"file"`
}

// read returns the text to be imported.
func (s *server) read(c echo.Context) (string, error) {
	var in carrier
	if err := body(c, &in, "Invalid body: "); err != nil {
		return "", err
	}
	switch {
	case in.Content != "" && in.File != "":
		return "", diag.New(diag.Undefined, "Invalid body: Cannot specify both content and file: bad request")
	case in.Content != "":
		return in.Content, nil
	case in.File == "":
		return "", diag.New(diag.Undefined, "Invalid body: must specify content or file: bad request")
	}
	b, err := fetch(c, in.File)
	return string(b), refuse(diag.Undefined, "Fail to read file: ", err)
}

// fetchTimeout bounds the download of an import.
const fetchTimeout = time.Minute

// fetch reads a file of this machine or of a web server.
func fetch(c echo.Context, where string) ([]byte, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "file":
		f, err := os.Open(u.Path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, maxBody))
	case "http", "https":
		req, err := http.NewRequestWithContext(c.Request().Context(), http.MethodGet, where, nil)
		if err != nil {
			return nil, err
		}
		resp, err := (&http.Client{Timeout: fetchTimeout}).Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", where, resp.Status)
		}
		return io.ReadAll(io.LimitReader(resp.Body, maxBody))
	}
	return nil, fmt.Errorf("scheme %q is not file, http or https", u.Scheme)
}

func (s *server) importRuleset(c echo.Context) error {
	content, err := s.read(c)
	if err != nil {
		return err
	}
	rs := newRuleset()
	if err := json.NewDecoder(strings.NewReader(content)).Decode(&rs); err != nil {
		return refuse(diag.Undefined, "Invalid body: ", err)
	}
	n := s.addRuleset(rs, newRuleset())
	return text(c, http.StatusOK, fmt.Sprintf("imported %d streams, %d tables and %d rules", n.streams, n.tables, n.rules))
}
