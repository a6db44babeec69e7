// Command sluice manages a running service from the terminal: streams, tables,
// rules, an interactive query, and tests of rules on a virtual clock. It talks
// to the service's REST API.
//
//	sluice create stream demo '(temperature FLOAT) WITH (DATASOURCE="demo", FORMAT="JSON")'
//	sluice query
//	sluice test rules/*.txtar
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func main() {
	cli := &cli{name: filepath.Base(os.Args[0]), out: os.Stdout, in: os.Stdin}
	if err := cli.command().Execute(); err != nil {
		if !errors.Is(err, errShown) {
			fmt.Fprintln(cli.out, err)
		}
		os.Exit(1)
	}
}

// errShown ends the program with status 1 after the command said why.
var errShown = errors.New("shown")

// cli is what all commands share.
type cli struct {
	name   string // as it was called: the prompt of the interactive query
	server string
	token  string
	out    io.Writer
	in     *os.File
}

func (c *cli) command() *cobra.Command {
	root := &cobra.Command{
		Use:           c.name,
		Short:         "The command line tool of Sluice",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.PersistentFlags().StringVar(&c.server, "server", envOr("SLUICE_SERVER", "127.0.0.1:59720"), "REST address of the service")
	root.PersistentFlags().StringVar(&c.token, "token", os.Getenv("SLUICE_TOKEN"), "JWT, where the service asks for one")
	root.AddCommand(
		group("create", "Create a stream, table, rule or schema", c.createStream("stream"), c.createStream("table"), c.createRule(), c.createSchema()),
		group("show", "List streams, tables, rules or schemas", c.showStreams("stream"), c.showStreams("table"), c.showRules(), c.showSchemas()),
		group("describe", "Show the definition of a stream, table, rule or schema",
			c.describeStream("stream"), c.describeStream("table"), c.describeRule(), c.describeSchema()),
		group("drop", "Delete a stream, table, rule or schema", c.dropStream("stream"), c.dropStream("table"), c.dropRule(), c.dropSchema()),
		group("start", "Start a rule", c.ruleVerb("start")),
		group("stop", "Stop a rule", c.ruleVerb("stop")),
		group("restart", "Restart a rule", c.ruleVerb("restart")),
		group("getstatus", "Show the status and counters of a rule", c.ruleText("status")),
		group("gettopo", "Show the operators of a rule", c.ruleText("topo")),
		group("explain", "Show the plan of a rule", c.ruleText("explain")),
		group("validate", "Check a rule without creating it", c.validateRule()),
		group("import", "Load streams, tables and rules from a file", c.importRuleset()),
		group("export", "Save streams, tables and rules to a file", c.exportRuleset()),
		c.query(),
		c.test(),
	)
	return root
}

// version is set by the linker.
var version = "dev"

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func group(verb, short string, subs ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: verb, Short: short}
	g.AddCommand(subs...)
	return g
}

// line prints a line of output.
func (c *cli) line(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// fail prints what went wrong and ends the command with status 1.
func (c *cli) fail(format string, args ...any) error {
	c.line(format, args...)
	return errShown
}
