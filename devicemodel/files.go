package devicemodel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds a file with descriptions of devices.
const maxFile = 16 << 20

// EachFile hands the texts of all .yaml, .yml and .json files in a folder and
// the folders in it to read, by file name; those whose names begin with two dots
// are Kubernetes' own. path may be one file, too. The error names each file that
// cannot be read, or that read complains about.
func EachFile(path string, read func(text []byte) error) error {
	var bad []error
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && file != path && strings.HasPrefix(entry.Name(), "..") {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		switch strings.ToLower(filepath.Ext(file)) {
		case ".yaml", ".yml", ".json":
		default:
			return nil
		}
		text, err := readFile(file)
		if err == nil {
			err = read(text)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", file, err))
		}
		return nil
	})
	return errors.Join(append(bad, err)...)
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	return text, err
}
