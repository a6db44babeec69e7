package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// statement sends a stream or table statement and prints the answer.
func (c *cli) statement(kind, sql string) error {
	text, err := c.call("POST", "/"+kind+"s", map[string]string{"sql": sql})
	if err != nil {
		return c.fail("%v", err)
	}
	c.line("%s\n", strings.TrimRight(string(text), "\n"))
	return nil
}

func (c *cli) createStream(kind string) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   kind + " NAME 'DEFINITION' | NAME -f FILE",
		Short: "Create a " + kind,
		RunE: func(_ *cobra.Command, args []string) error {
			c.connect()
			if len(args) == 0 {
				return c.fail("Expect %s name.", kind)
			}
			definition := strings.Join(args, " ")
			if file != "" {
				c.line("Creating a new %s from file %s.", kind, file)
				text, err := os.ReadFile(file)
				if err != nil {
					return c.fail("Failed to read %s: %v", file, err)
				}
				definition = fromFile(args[0], string(text))
			}
			if !hasWord(definition, "CREATE") {
				definition = "CREATE " + strings.ToUpper(kind) + " " + definition
			}
			return c.statement(kind, definition)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the definition from this file")
	return cmd
}

// fromFile takes a file with or without the name in front of the definition.
func fromFile(name, text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "(") {
		return name + " " + text
	}
	return text
}

func hasWord(text, word string) bool {
	first, _, _ := strings.Cut(text, " ")
	return strings.EqualFold(first, word)
}

func (c *cli) showStreams(kind string) *cobra.Command {
	return &cobra.Command{Use: kind + "s", Short: "List the " + kind + "s", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		c.connect()
		return c.statement(kind, "SHOW "+strings.ToUpper(kind)+"S")
	}}
}

func (c *cli) describeStream(kind string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: kind + " NAME", Short: "Show columns and options", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 1 {
			return c.fail("Expect %s name.", kind)
		}
		if !asJSON {
			return c.statement(kind, "DESCRIBE "+strings.ToUpper(kind)+" "+args[0])
		}
		text, err := c.call("GET", "/"+kind+"s/"+args[0], nil)
		if err != nil {
			return c.fail("%v", err)
		}
		c.line("%s", indented(text))
		return nil
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) dropStream(kind string) *cobra.Command {
	return &cobra.Command{Use: kind + " NAME", Short: "Delete a " + kind, RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 1 {
			return c.fail("Expect %s name.", kind)
		}
		return c.statement(kind, "DROP "+strings.ToUpper(kind)+" "+args[0])
	}}
}
