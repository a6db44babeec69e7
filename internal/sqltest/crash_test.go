package sqltest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every script must give the same output if the rule is stopped and started
// again from its checkpoint after each line of the input.
func TestScriptsSurviveACrashAfterEveryLine(t *testing.T) {
	err := fs.WalkDir(os.DirFS("testdata"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".txtar") {
			return err
		}
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			return err
		}
		cases, err := parseScript(data)
		if err != nil {
			return err
		}
		t.Run(strings.TrimSuffix(name, ".txtar"), func(t *testing.T) {
			for i, c := range cases {
				if !c.has("output") || strings.Contains(c.input, "crash") || strings.Contains(c.input, " end") ||
					c.rule.Options.IdleTimeout > 0 { // a restart gives silent streams their time again
					continue
				}
				c.rule.Options.QoS = 1
				c.input = withCrashes(c.input)
				delete(c.expect, "status")
				if err := c.run(); err != nil {
					t.Errorf("rule %d: %v\nin: %s", i+1, err, c.rule.SQL)
				}
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func withCrashes(input string) string {
	var b strings.Builder
	for _, line := range strings.Split(input, "\n") {
		b.WriteString(line + "\n")
		at, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(at, "@") && strings.TrimSpace(rest) != "start" {
			b.WriteString(at + " checkpoint\n" + at + " crash\n")
		}
	}
	return b.String()
}
