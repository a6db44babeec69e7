package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/edgesluice/sluice/internal/sqltest"
)

// test runs scripts on a virtual clock, without a service.
func (c *cli) test() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE...",
		Short: "Run test scripts of rules on a virtual clock",
		RunE: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return c.fail("Expect test files.")
			}
			failed := 0
			for _, name := range files {
				if err := runScript(name); err != nil {
					failed++
					c.line("FAIL %s\n%v", name, err)
					continue
				}
				c.line("ok   %s", name)
			}
			if failed > 0 {
				return c.fail("%d of %d scripts failed.", failed, len(files))
			}
			return nil
		},
	}
}

func runScript(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return sqltest.Run(name, data)
}
