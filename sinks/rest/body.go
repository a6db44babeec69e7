package rest

import (
	"bytes"
	"mime/multipart"
	"net/url"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

var contentTypes = map[string]string{
	"none":       "",
	"text":       "text/plain",
	"json":       "application/json",
	"html":       "text/html",
	"xml":        "application/xml",
	"javascript": "application/javascript",
	"binary":     "application/octet-stream",
	"form":       "application/x-www-form-urlencoded",
	"formdata":   "multipart/form-data",
}

// body makes the body of a request and its content type.
func (s *sink) body(p *sinks.Payload, fill func(*param.Template) (string, error)) ([]byte, string, error) {
	switch s.bodyType {
	case "form":
		return []byte(form(p).Encode()), contentTypes["form"], nil
	case "formdata":
		return s.multipart(p, fill)
	}
	return p.Data, contentTypes[s.bodyType], nil
}

// form has a field for each column with sendSingle, else the field result.
func form(p *sinks.Payload) url.Values {
	vs := url.Values{}
	if v, err := value.ParseJSON(p.Data, value.JSONOptions{IntWhole: true}); p.Single && err == nil && v.Kind() == value.Object {
		for _, m := range v.Members() {
			text := []byte(m.Val.String())
			if m.Val.IsArray() || m.Val.Kind() == value.Object {
				text, _ = value.AppendJSON(nil, m.Val)
			}
			vs.Set(m.Name, string(text))
		}
		return vs
	}
	vs.Set("result", string(p.Data))
	return vs
}

func (s *sink) multipart(p *sinks.Payload, fill func(*param.Template) (string, error)) ([]byte, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, t := range s.form {
		v, err := fill(t)
		if err != nil {
			return nil, "", err
		}
		if err := w.WriteField(name, v); err != nil {
			return nil, "", err
		}
	}
	part, err := w.CreateFormFile(s.fileField, s.fileField)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(p.Data); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}
