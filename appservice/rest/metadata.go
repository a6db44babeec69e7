package rest

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// The shapes of /metadata, from which user interfaces make their forms. They
// are derived from the declarations of drivers and functions.
type (
	bothTexts struct {
		EN string `json:"en_US"`
		ZH string `json:"zh_CN"`
	}
	author struct {
		Name    string `json:"name"`
		Email   string `json:"email"`
		Company string `json:"company"`
		Website string `json:"website"`
	}
	about struct {
		Trial       bool      `json:"trial"`
		Installed   bool      `json:"installed"`
		Author      author    `json:"author"`
		HelpURL     bothTexts `json:"helpUrl"`
		Description bothTexts `json:"description"`
	}
	driverItem struct {
		Name  string `json:"name"`
		About about  `json:"about"`
		Type  string `json:"type"`
	}
	property struct {
		Exist      bool      `json:"exist"`
		Name       string    `json:"name"`
		Default    any       `json:"default"`
		Type       string    `json:"type"`
		Control    string    `json:"control"`
		Connection bool      `json:"connection_related"`
		Optional   bool      `json:"optional"`
		Values     []any     `json:"values"`
		Hint       bothTexts `json:"hint"`
		Label      bothTexts `json:"label"`
	}
	hintLabel struct {
		Default string    `json:"default,omitempty"`
		Hint    bothTexts `json:"hint"`
		Label   bothTexts `json:"label"`
	}
	node struct {
		Category string    `json:"category"`
		Icon     string    `json:"icon"`
		Label    bothTexts `json:"label"`
	}
	driverForm struct {
		About      about      `json:"about"`
		Libs       []string   `json:"libs"`
		DataSource *hintLabel `json:"dataSource,omitempty"`
		Properties any        `json:"properties"`
		Node       node       `json:"node"`
		Type       string     `json:"type"`
	}
)

func texts(t param.Text) bothTexts { return bothTexts{t.En, t.Zh} }

func word(s string) bothTexts { return bothTexts{s, s} }

func aboutOf(doc param.Text) about {
	return about{Installed: true, Description: texts(doc)}
}

func (s *server) routeMetadata(g *echo.Group) {
	g.GET("/metadata/sources", s.listSources)
	g.GET("/metadata/connections", s.listSources)
	g.GET("/metadata/sinks", s.listSinks)
	g.GET("/metadata/sources/:name", s.sourceForm)
	g.GET("/metadata/connections/:name", s.connectionForm)
	g.GET("/metadata/sinks/:name", s.sinkForm)
	g.GET("/metadata/functions", s.listFunctions)
	g.GET("/metadata/operators", func(c echo.Context) error { return object(c, []any{}) })
}

func (s *server) listSources(c echo.Context) error {
	out := []driverItem{}
	for _, name := range sources.Names() {
		d, err := sources.Lookup(name)
		if err != nil {
			return err
		}
		if lookup := c.QueryParam("kind") == "lookup"; lookup && d.NewTable == nil || !lookup && d.New == nil {
			continue
		}
		out = append(out, driverItem{name, aboutOf(d.Doc), "internal"})
	}
	return object(c, out)
}

func (s *server) listSinks(c echo.Context) error {
	out := []driverItem{}
	for _, name := range sinks.Names() {
		d, err := sinks.Lookup(name)
		if err != nil {
			return err
		}
		out = append(out, driverItem{name, aboutOf(d.Doc), "internal"})
	}
	return object(c, out)
}

func unknownDriver(name string) error {
	return diag.New(diag.ConfKey, "This plugin was not found:%s", name)
}

// sourceSpecs returns what a source type declares.
func sourceSpecs(name string) (*sources.Driver, []*param.Spec, error) {
	d, err := sources.Lookup(strings.ToLower(name))
	if err != nil {
		return nil, nil, unknownDriver(name)
	}
	own, common := param.New("source "+name), param.New("source "+name)
	if d.New == nil {
		d.TableParams(own)
		return d, own.Specs(), nil
	}
	d.Params(own)
	new(sources.PayloadProps).Params(common)
	own.Include(common)
	return d, own.Specs(), nil
}

func (s *server) sourceForm(c echo.Context) error {
	d, specs, err := sourceSpecs(part(c, "name"))
	if err != nil {
		return err
	}
	return object(c, driverForm{
		About: aboutOf(d.Doc), Libs: []string{},
		DataSource: &hintLabel{Hint: texts(param.T("where the stream is in the source: topic, path, file", "流在数据源中的位置：主题、路径或文件")), Label: texts(param.T("Data source", "数据源"))},
		Properties: map[string]any{"default": properties(specs)},
		Node:       node{"source", "iconPath", word(d.Name)}, Type: "internal",
	})
}

// connectionForm is the form of what a shared connection carries.
func (s *server) connectionForm(c echo.Context) error {
	d, specs, err := sourceSpecs(part(c, "name"))
	if err != nil {
		return err
	}
	var conn []*param.Spec
	for _, sp := range specs {
		if sp.Connection {
			conn = append(conn, sp)
		}
	}
	return object(c, driverForm{
		About: aboutOf(d.Doc), Libs: []string{},
		Properties: map[string]any{"default": properties(conn)},
		Node:       node{"source", "iconPath", word(d.Name)}, Type: "internal",
	})
}

func (s *server) sinkForm(c echo.Context) error {
	name := part(c, "name")
	d, err := sinks.Lookup(strings.ToLower(name))
	if err != nil {
		return unknownDriver(name)
	}
	own, common := param.New("sink "+name), param.New("sink "+name)
	d.New().Params(own)
	sinks.OutletParams(common)
	own.Include(common)
	return object(c, driverForm{
		About: aboutOf(d.Doc), Libs: []string{}, Properties: properties(own.Specs()),
		Node: node{"sink", "iconPath", word(d.Name)}, Type: "internal",
	})
}

func properties(specs []*param.Spec) []property {
	out := []property{}
	for _, sp := range specs {
		if sp.Ignored {
			continue
		}
		out = append(out, property{
			Exist: false, Name: sp.Name, Default: sp.Default, Type: formType(sp.Type), Control: control(sp),
			Connection: sp.Connection, Optional: !sp.Required, Values: sp.Values,
			Hint: texts(sp.Hint), Label: word(sp.Name),
		})
	}
	return out
}

// formType is the type in the words of Kuiper's forms.
func formType(t string) string {
	switch t {
	case "duration":
		return "int" // ms
	case "any":
		return "object"
	}
	return t
}

func control(sp *param.Spec) string {
	switch {
	case len(sp.Values) > 0:
		return "select"
	case sp.Secret:
		return "password"
	case sp.Type == "bool":
		return "radio"
	case sp.Type == "list_string", sp.Type == "object", sp.Type == "any":
		return "list"
	}
	return "text"
}
