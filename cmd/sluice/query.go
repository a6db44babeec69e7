package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/chzyer/readline"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (c *cli) query() *cobra.Command {
	return &cobra.Command{
		Use:   "query [SELECT ..]",
		Short: "Run SELECT statements and watch the results; Ctrl-C ends one, quit leaves",
		RunE: func(_ *cobra.Command, args []string) error {
			c.connect()
			if len(args) > 0 {
				return c.runQuery(strings.Join(args, " "))
			}
			return c.prompt()
		},
	}
}

// prompt reads statements until quit, exit or the end of the input.
func (c *cli) prompt() error {
	lines, stop, err := c.reader()
	if err != nil {
		return err
	}
	defer stop()
	for {
		sql, err := lines()
		sql = strings.TrimSpace(sql)
		switch {
		case errors.Is(err, readline.ErrInterrupt), errors.Is(err, io.EOF) && sql == "":
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case sql == "":
			continue
		case strings.EqualFold(sql, "quit"), strings.EqualFold(sql, "exit"):
			return nil
		}
		c.runQuery(sql) // says itself what was wrong
	}
}

// reader returns a function that asks for a line: with editing and history on
// a terminal, plainly from a pipe.
func (c *cli) reader() (line func() (string, error), stop func(), err error) {
	prompt := c.name + " > "
	if term.IsTerminal(int(c.in.Fd())) {
		rl, err := readline.New(prompt)
		if err != nil {
			return nil, nil, err
		}
		return rl.Readline, func() { rl.Close() }, nil
	}
	r := bufio.NewReader(c.in)
	return func() (string, error) {
		c.out.WriteString(prompt)
		return r.ReadString('\n')
	}, func() {}, nil
}

// runQuery prints the results of a statement, one emission a line, until
// Ctrl-C or the end of its sources.
func (c *cli) runQuery(sql string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	resp, err := c.open(ctx, "POST", "/query", map[string]string{"sql": sql})
	if err != nil {
		return c.fail("%v", err)
	}
	defer resp.Body.Close()
	c.line("Query was submit successfully.")
	results := bufio.NewScanner(resp.Body)
	results.Buffer(nil, 64<<20)
	for results.Scan() {
		if text := strings.TrimSpace(results.Text()); text != "" {
			c.line("%s", text)
		}
	}
	if err := results.Err(); err != nil && ctx.Err() == nil {
		return c.fail("query rule is stopped: %v", err)
	}
	return nil
}
