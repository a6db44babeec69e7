package devicemodel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFilesAreReadByNameAndTheBadOnesNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a/c.YML", "d.json", "readme.md", "..2026_11_21/b.yaml", "bad.yaml", "huge.json"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "huge.json"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nosuch"), filepath.Join(dir, "loose.yaml")); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := EachFile(dir, func(text []byte) error {
		got = append(got, string(text))
		if string(text) == "bad.yaml" {
			return errors.New("it is bad")
		}
		return nil
	})
	if s := strings.Join(got, " "); s != "c.YML b.yaml bad.yaml d.json" {
		t.Errorf("read %s", s)
	}
	for _, want := range []string{"bad.yaml: it is bad", "huge.json: it is larger than", "loose.yaml: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	if err := EachFile(filepath.Join(dir, "nosuch"), nil); err == nil {
		t.Error("a folder that is not there went well")
	}
	got = nil
	if err := EachFile(filepath.Join(dir, "d.json"), func(text []byte) error { got = append(got, string(text)); return nil }); err != nil || len(got) != 1 {
		t.Errorf("one file: %v %q", err, got)
	}
}
