package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
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

// prompt reads statements until quit, exit, Ctrl-C or the end of the input. A
// statement runs while the next one is awaited, and ends when that is given.
func (c *cli) prompt() error {
	lines, stop, err := c.reader()
	if err != nil {
		return err
	}
	defer stop()
	running := &running{}
	defer running.stop()
	for {
		sql, err := lines()
		sql = strings.TrimSpace(sql)
		switch {
		case errors.Is(err, readline.ErrInterrupt), strings.EqualFold(sql, "quit"), strings.EqualFold(sql, "exit"):
			return nil
		case err != nil && sql == "":
			running.wait() // the statements came from a file or pipe: show what they give
			return nil
		case sql == "":
			continue
		}
		running.stop()
		resp, err := c.submit(running.start(), sql)
		if err != nil {
			running.ended()
			continue // submit has said why
		}
		go func() {
			defer running.ended()
			c.results(resp)
		}()
	}
}

// running is the statement whose results are shown at the moment.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *running) start() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	return ctx
}

func (r *running) ended() { close(r.done) }

func (r *running) wait() {
	if r.done != nil {
		<-r.done
	}
}

func (r *running) stop() {
	if r.done != nil {
		r.cancel()
		<-r.done
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
		io.WriteString(c.out, prompt)
		return r.ReadString('\n')
	}, func() {}, nil
}

// runQuery shows the results of one statement until Ctrl-C or the end of its
// sources.
func (c *cli) runQuery(sql string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	resp, err := c.submit(ctx, sql)
	if err != nil {
		return err
	}
	c.results(resp)
	return nil
}

// submit starts a statement, or says why it cannot.
func (c *cli) submit(ctx context.Context, sql string) (*http.Response, error) {
	resp, err := c.open(ctx, "POST", "/query", map[string]string{"sql": sql})
	if err != nil {
		return nil, c.fail("%v", err)
	}
	c.line("Query was submit successfully.")
	return resp, nil
}

// results prints what a statement gives, one emission a line.
func (c *cli) results(resp *http.Response) {
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); text != "" {
			c.line("%s", text)
		}
	}
	if err := lines.Err(); err != nil && resp.Request.Context().Err() == nil {
		c.line("query rule is stopped: %v", err)
	}
}
