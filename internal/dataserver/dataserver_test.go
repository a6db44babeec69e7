package dataserver

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	resp, err := client.Get("http://" + s.Addr() + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
}

func TestThePortIsOpenWhileAPathIsInUse(t *testing.T) {
	s := New("127.0.0.1:0")
	for range 2 { // closes and opens again
		removeA, err := s.Handle("/a", says("A"))
		if err != nil {
			t.Fatal(err)
		}
		removeB, err := s.Handle("/b/c", says("B"))
		if err != nil {
			t.Fatal(err)
		}
		addr := s.Addr()
		for path, want := range map[string]string{"/a": "A", "/b/c": "B", "/b": "404 page not found"} {
			if _, text := get(t, s, path); text != want {
				t.Errorf("%s: %s", path, text)
			}
		}
		removeA()
		removeA()
		if code, _ := get(t, s, "/a"); code != 404 {
			t.Errorf("removed path: %d", code)
		}
		if code, _ := get(t, s, "/b/c"); code != 200 {
			t.Errorf("other path: %d", code)
		}
		removeB()
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Error("the port is open although nobody needs it")
		}
	}
}

func TestAPathHasOneOwner(t *testing.T) {
	s := New("127.0.0.1:0")
	remove, err := s.Handle("/a", says("A"))
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	if _, err := s.Handle("/a", says("B")); err == nil || !strings.Contains(err.Error(), "/a is in use") {
		t.Error(err)
	}
}

func TestATakenPortIsAnErrorThatSaysWhatToDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(l.Addr().String())
	if _, err := s.Handle("/a", says("A")); err == nil || !strings.Contains(err.Error(), "source.httpServerPort sets another port") {
		t.Error(err)
	}
	l.Close()
	remove, err := s.Handle("/a", says("A"))
	if err != nil {
		t.Fatal(err)
	}
	remove()
}
