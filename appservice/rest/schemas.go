package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeSchemas(g *echo.Group) {
	g.GET("/schemas/:type", func(c echo.Context) error {
		if err := catalog.CheckSchemaType(part(c, "type")); err != nil {
			return err
		}
		return object(c, s.Catalog.Schemas(part(c, "type")))
	})
	g.POST("/schemas/:type", s.createSchema)
	g.GET("/schemas/:type/:name", s.schemaText)
	g.PUT("/schemas/:type/:name", s.putSchema)
	g.DELETE("/schemas/:type/:name", func(c echo.Context) error {
		typ, name := part(c, "type"), part(c, "name")
		if err := s.Catalog.DropSchema(typ, name); err != nil {
			return refuse(diag.Undefined, fmt.Sprintf("delete %s schema %s error: ", typ, name), err)
		}
		return text(c, http.StatusOK, fmt.Sprintf("%s schema %s is deleted", typ, name))
	})
}

// schemaBody is the body of POST and PUT, and the answer of GET.
type schemaBody struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Content string `json:"content"`
	File    string `json:"file"`
	SoFile  string `json:"soFile,omitempty"`
	Version string `json:"version,omitempty"`
}

// readSchema reads a schema, from the body or from where it says.
func (s *server) readSchema(c echo.Context) (catalog.Schema, error) {
	var in schemaBody
	if err := catalog.CheckSchemaType(part(c, "type")); err != nil {
		return catalog.Schema{}, err
	}
	if err := body(c, &in, "Invalid body: Error decoding the schema json: "); err != nil {
		return catalog.Schema{}, err
	}
	out := catalog.Schema{Type: part(c, "type"), Name: in.Name, Content: in.Content, Version: in.Version}
	switch {
	case in.Name == "":
		return out, diag.New(diag.Undefined, "Invalid body: name is required")
	case in.Content != "" && in.File != "":
		return out, diag.New(diag.Undefined, "Invalid body: cannot specify both content and file")
	case in.Content == "" && in.File == "":
		return out, diag.New(diag.Undefined, "Invalid body: must specify content or file")
	case in.File != "":
		b, err := s.fetchUploaded(c, in.File)
		if err != nil {
			return out, refuse(diag.Undefined, "Invalid body: file: ", err)
		}
		out.Content = string(b)
	}
	return out, nil
}

// fetchUploaded reads a file of a web server or of the uploads. What is read
// can be asked for again, so that other files of the machine are out of reach.
func (s *server) fetchUploaded(c echo.Context, where string) ([]byte, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "file" {
		return fetch(c, where)
	}
	root, err := os.OpenRoot(s.uploadDir())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	rel, err := filepath.Rel(s.uploadDir(), u.Path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return nil, fmt.Errorf("%s is not an upload: files are read from %s", u.Path, s.uploadDir())
	}
	return root.ReadFile(rel)
}

func (s *server) createSchema(c echo.Context) error {
	in, err := s.readSchema(c)
	if err != nil {
		return err
	}
	if err := s.Catalog.CreateSchema(in); err != nil {
		return refuse(diag.Undefined, "schema create command error: ", err)
	}
	return text(c, http.StatusCreated, fmt.Sprintf("%s schema %s is created", in.Type, in.Name))
}

func (s *server) putSchema(c echo.Context) error {
	in, err := s.readSchema(c)
	if err != nil {
		return err
	}
	if in.Name != part(c, "name") {
		return diag.New(diag.Undefined, "Invalid body: the name %s is not the one of the path, %s", in.Name, part(c, "name"))
	}
	if err := s.Catalog.PutSchema(in); err != nil {
		return refuse(diag.Undefined, "schema update command error: ", err)
	}
	return text(c, http.StatusOK, fmt.Sprintf("%s schema %s is updated", in.Type, in.Name))
}

func (s *server) schemaText(c echo.Context) error {
	if err := catalog.CheckSchemaType(part(c, "type")); err != nil {
		return err
	}
	found, err := s.Catalog.SchemaText(part(c, "type"), part(c, "name"))
	if err != nil {
		return err
	}
	return object(c, schemaBody{Type: found.Type, Name: found.Name, Content: found.Content, File: found.Name + ".proto", Version: found.Version})
}

// schemaTexts are the schemas of an export, by type and name.
func (s *server) schemaTexts() map[string]string {
	out := map[string]string{}
	for _, name := range s.Catalog.Schemas("protobuf") {
		found, err := s.Catalog.SchemaText("protobuf", name)
		if err != nil {
			continue // dropped in between
		}
		if b, err := json.Marshal(found); err == nil {
			out["protobuf_"+name] = string(b)
		}
	}
	return out
}

func (s *server) importSchema(text string) error {
	var in catalog.Schema
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return err
	}
	return s.Catalog.PutSchema(in)
}
