package sqltest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScripts(t *testing.T) {
	n := 0
	err := filepath.WalkDir("testdata", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txtar") {
			return err
		}
		n++
		name, _ := filepath.Rel("testdata", path)
		t.Run(strings.TrimSuffix(filepath.ToSlash(name), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := Run(filepath.Base(path), data); err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d scripts, %v", n, err)
	}
}
