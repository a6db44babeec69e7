package rest

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgesluice/sluice/sqlfn/clock"
)

func TestUploadsStayInTheirFolder(t *testing.T) {
	dir := t.TempDir()
	s := newService(t, func(c *Config) { c.DataDir = dir })
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := func(method, path, body string, status int, answer string) {
		t.Helper()
		resp, got := s.call(t, method, path, body)
		if resp.StatusCode != status || !strings.Contains(got, answer) {
			t.Errorf("%s %s %s: got %s %s, want %d with %s", method, path, body, resp.Status, got, status, answer)
		}
	}
	uploads := filepath.Join(dir, "uploads")
	want("GET", "/config/uploads", "", 200, "[]")
	want("POST", "/config/uploads", `{"name":"a.proto","content":"syntax = \"proto3\";"}`, 201, filepath.Join(uploads, "a.proto"))
	want("GET", "/config/uploads", "", 200, `["`+filepath.Join(uploads, "a.proto")+`"]`)
	for _, name := range []string{"../secret", "/etc/x", "a/b", "..", ""} {
		want("POST", "/config/uploads", `{"name":"`+name+`","content":"x"}`, 400, "name")
	}
	want("POST", "/config/uploads", `{"name":"b"}`, 400, "missing necessary field")
	want("POST", "/config/uploads", `{"name":"b","file":"file://`+secret+`"}`, 400, "is not an upload")
	if err := os.Symlink(secret, filepath.Join(uploads, "link")); err != nil {
		t.Fatal(err)
	}
	want("POST", "/schemas/protobuf", `{"name":"p","file":"file://`+filepath.Join(uploads, "link")+`"}`, 400, "escapes")
	want("POST", "/schemas/protobuf", `{"name":"p","file":"file://`+filepath.Join(uploads, "../secret")+`"}`, 400, "is not an upload")
	want("POST", "/schemas/protobuf", `{"name":"p","file":"file://`+filepath.Join(uploads, "a.proto")+`"}`, 201, "protobuf schema p is created")
	want("GET", "/schemas/protobuf/p", "", 200, `"content":"syntax = \"proto3\";"`)
	want("DELETE", "/config/uploads/..%2Fsecret", "", 400, "error")
	want("DELETE", "/config/uploads/a.proto", "", 200, "ok")
	want("DELETE", "/config/uploads/a.proto", "", 400, "delete upload error")
	if b, err := os.ReadFile(secret); err != nil || string(b) != "secret" {
		t.Errorf("the file outside: %s, %v", b, err)
	}
}

func TestAFormMayCarryTheUpload(t *testing.T) {
	dir := t.TempDir()
	s := newService(t, func(c *Config) { c.DataDir = dir })
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("uploadFile", "a.txt")
	if err == nil {
		_, err = part.Write([]byte("hello"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(s.URL+"/config/uploads", w.FormDataContentType(), &form)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if b, err := os.ReadFile(filepath.Join(dir, "uploads", "a.txt")); resp.StatusCode != 201 || err != nil || string(b) != "hello" {
		t.Errorf("%s, file %q, %v", resp.Status, b, err)
	}
}

// TestMessagesOfASchemaGoThroughARule reads a file of one protobuf message and
// writes what a rule makes of it as another, both of an uploaded schema.
func TestMessagesOfASchemaGoThroughARule(t *testing.T) {
	h := &harness{newServiceAt(t, clock.Wall), t.TempDir()}
	h.must(t, "POST", "/schemas/protobuf", map[string]any{"name": "plant", "content": `syntax = "proto3";
		import "base.proto";
		message Reading { string device = 1; double temp = 2; repeated int32 bands = 3; Place place = 4; }
		message Alarm { string device = 1; int64 most = 2; string room = 3; }`})
	h.must(t, "POST", "/schemas/protobuf", map[string]any{"name": "base", "content": `syntax = "proto3"; message Place { string room = 1; }`})
	in := []byte("\x0a\x05press\x11\x00\x00\x00\x00\x00\x80\x35\x40\x1a\x03\x01\x07\x02\x22\x04\x0a\x02r1") // press, 21.5, [1,7,2], r1
	if err := os.WriteFile(filepath.Join(h.dir, "in.bin"), in, 0o600); err != nil {
		t.Fatal(err)
	}
	h.must(t, "PUT", "/metadata/sources/file/confKeys/pb", map[string]any{"fileType": "raw", "path": h.dir})
	h.must(t, "POST", "/streams", map[string]any{
		"sql": `CREATE STREAM pb () WITH (TYPE="file", DATASOURCE="in.bin", FORMAT="protobuf", SCHEMAID="plant.Reading", CONF_KEY="pb")`})
	out := filepath.Join(h.dir, "out.bin")
	st := h.run(t, "SELECT device, array_max(bands) AS most, place->room AS room FROM pb WHERE temp > 20",
		map[string]any{"file": map[string]any{"path": out, "format": "protobuf", "schemaId": "plant.Alarm", "sendSingle": true, "fileType": "lines"}}, nil)
	b, err := os.ReadFile(out)
	if err != nil || strings.TrimRight(string(b), "\n") != "\x0a\x05press\x10\x07\x1a\x02r1" {
		t.Errorf("got %q, %v; status %v", b, err, st)
	}
}
