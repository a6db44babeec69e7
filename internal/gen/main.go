// Command gen writes the reference pages under docs/*/reference from what the
// program itself declares: functions, sources, sinks, formats and the options
// of rules. A declaration is thus the only place where a name, a default or a
// hint is written down.
//
//	go run ./internal/gen          # writes the pages
//	go run ./internal/gen -check   # exits 1 and names each page that is not up to date
//
// Run it in the root of the module.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	check := flag.Bool("check", false, "compare with what is on disk instead of writing")
	flag.Parse()
	if err := run(".", *check, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the pages under root, or says which differ.
func run(root string, check bool, out io.Writer) error {
	pages, err := render()
	if err != nil {
		return err
	}
	stale := 0
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		path := filepath.Join(root, name)
		old, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(old, pages[name]):
			continue
		case check:
			stale++
			fmt.Fprintf(out, "%s is not up to date\n", name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, pages[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote", name)
	}
	if stale > 0 {
		return fmt.Errorf("%d pages are not up to date, run: make gen", stale)
	}
	return nil
}
