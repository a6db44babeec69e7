package rest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/edgesluice/sluice/sqlfn/diag"
)

func (s *server) routeUploads(g *echo.Group) {
	g.GET("/config/uploads", s.listUploads)
	g.POST("/config/uploads", s.upload)
	g.DELETE("/config/uploads/:name", s.deleteUpload)
}

// uploadDir is where uploads are; names cannot lead out of it.
func (s *server) uploadDir() string {
	dir := filepath.Join(s.DataDir, "uploads")
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

func (s *server) openUploads() (*os.Root, error) {
	if err := os.MkdirAll(s.uploadDir(), 0o750); err != nil {
		return nil, err
	}
	return os.OpenRoot(s.uploadDir())
}

func (s *server) listUploads(c echo.Context) error {
	root, err := s.openUploads()
	if err != nil {
		return err
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, filepath.Join(s.uploadDir(), e.Name()))
		}
	}
	slices.Sort(names)
	return object(c, names)
}

// upload keeps a file: its text in JSON, a file elsewhere named in JSON, or a
// form with the file itself.
func (s *server) upload(c echo.Context) error {
	name, content, err := s.readUpload(c)
	if err != nil {
		return err
	}
	if err := s.writeUpload(name, content); err != nil {
		return refuse(diag.Undefined, "Upload error: ", err)
	}
	return text(c, http.StatusCreated, filepath.Join(s.uploadDir(), name))
}

func (s *server) readUpload(c echo.Context) (name string, content []byte, err error) {
	if file, err := c.FormFile("uploadFile"); err == nil {
		f, err := file.Open()
		if err != nil {
			return "", nil, refuse(diag.Undefined, "Upload error: ", err)
		}
		defer f.Close()
		content, err = io.ReadAll(io.LimitReader(f, maxBody))
		return file.Filename, content, err
	}
	var in struct {
		Name    string  `json:"name"`
		Content *string `json:"content"`
		File    string  `json:"file"`
	}
	if err := body(c, &in, "Invalid body: "); err != nil {
		return "", nil, err
	}
	switch {
	case in.Name == "":
		return "", nil, diag.New(diag.Undefined, "Invalid body: missing necessary field: name")
	case in.Content != nil:
		return in.Name, []byte(*in.Content), nil
	case in.File == "":
		return "", nil, diag.New(diag.Undefined, "Invalid body: missing necessary field: content or file")
	}
	content, err = s.fetchUploaded(c, in.File)
	return in.Name, content, refuse(diag.Undefined, "Upload error: getFile has error: ", err)
}

func (s *server) writeUpload(name string, content []byte) error {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return fmt.Errorf("name %q is not that of a file: it must not have a path", name)
	}
	root, err := s.openUploads()
	if err != nil {
		return err
	}
	defer root.Close()
	return root.WriteFile(name, content, 0o640)
}

func (s *server) deleteUpload(c echo.Context) error {
	root, err := s.openUploads()
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(part(c, "name")); err != nil {
		return refuse(diag.Undefined, "delete upload error: ", err)
	}
	return text(c, http.StatusOK, "ok")
}
