package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) createRule() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "rule NAME 'JSON' | NAME -f FILE", Short: "Create a rule", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		name, text, err := c.ruleArgs(args, file, "Creating a new rule from file %s.")
		if err != nil {
			return err
		}
		if _, err := c.call("POST", "/rules", text); err != nil {
			return c.fail("Create rule %s error : %v", name, err)
		}
		c.line("Rule %s was created successfully, please use 'bin/%s getstatus rule %s' command to get rule status.", name, c.name, name)
		return nil
	}}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the rule from this file")
	return cmd
}

// ruleArgs returns the name and the JSON of a rule, with the name as its id if
// it has none.
func (c *cli) ruleArgs(args []string, file, saying string) (name, text string, err error) {
	switch {
	case len(args) == 0:
		return "", "", c.fail("Expect rule name.")
	case file != "":
		c.line(saying, file)
		b, err := os.ReadFile(file)
		if err != nil {
			return "", "", c.fail("Failed to read %s: %v", file, err)
		}
		text = string(b)
	case len(args) < 2:
		return "", "", c.fail("Expect rule name and json.\nBut found %d args:%s.", len(args), args)
	default:
		text = strings.Join(args[1:], " ")
	}
	return args[0], withID(args[0], text), nil
}

// withID puts an id into a rule that has none; a text that is no JSON object
// is left for the service to refuse.
func withID(name, text string) string {
	var rule map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &rule) != nil || rule["id"] != nil {
		return text
	}
	id, _ := json.Marshal(name)
	body := strings.TrimPrefix(strings.TrimSpace(text), "{")
	if len(rule) == 0 {
		return fmt.Sprintf(`{"id":%s}`, id)
	}
	return fmt.Sprintf(`{"id":%s,%s`, id, body)
}

func (c *cli) validateRule() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "rule NAME 'JSON' | NAME -f FILE", Short: "Check a rule", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		_, text, err := c.ruleArgs(args, file, "Validating rule from file %s.")
		if err != nil {
			return err
		}
		if _, err := c.call("POST", "/rules/validate", text); err != nil {
			return c.fail("%v", err)
		}
		c.line("The rule has been successfully validated and is confirmed to be correct.")
		return nil
	}}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the rule from this file")
	return cmd
}

func (c *cli) showRules() *cobra.Command {
	return &cobra.Command{Use: "rules", Short: "List the rules", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		c.connect()
		text, err := c.call("GET", "/rules", nil)
		if err != nil {
			return c.fail("Show rules error : %v.", err)
		}
		if strings.TrimSpace(string(text)) == "[]" {
			c.line("No rule definitions are found.")
			return nil
		}
		c.line("%s", indented(text))
		return nil
	}}
}

func (c *cli) describeRule() *cobra.Command {
	return c.oneRule("Show the rule", func(name string) error {
		text, err := c.call("GET", rulePath(name, ""), nil)
		if err != nil {
			return c.fail("Desc rule error : %v.", err)
		}
		c.line("%s", indented(text))
		return nil
	})
}

func (c *cli) dropRule() *cobra.Command {
	return c.oneRule("Delete the rule", func(name string) error {
		if _, err := c.call("DELETE", rulePath(name, ""), nil); err != nil {
			return c.fail("Drop rule error : %v.", strings.TrimPrefix(err.Error(), "Delete rule error: "))
		}
		c.line("Rule %s is dropped.", name)
		return nil
	})
}

// ruleVerb is start, stop or restart.
func (c *cli) ruleVerb(verb string) *cobra.Command {
	return c.oneRule("", func(name string) error {
		text, err := c.call("POST", rulePath(name, "/"+verb), nil)
		if err != nil {
			return c.fail("%v", err)
		}
		c.line("%s", strings.TrimSpace(string(text)))
		return nil
	})
}

// ruleText prints something that the service knows of a rule.
func (c *cli) ruleText(what string) *cobra.Command {
	return c.oneRule("Show the "+what+" of a rule", func(name string) error {
		text, err := c.call("GET", rulePath(name, "/"+what), nil)
		if err != nil {
			return c.fail("%v", err)
		}
		if what == "explain" {
			c.line("%s", strings.TrimRight(string(text), "\n"))
			return nil
		}
		c.line("%s", indented(text))
		return nil
	})
}

func rulePath(name, rest string) string { return "/rules/" + url.PathEscape(name) + rest }

func (c *cli) oneRule(short string, run func(name string) error) *cobra.Command {
	return &cobra.Command{Use: "rule NAME", Short: short, RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 1 {
			return c.fail("Expect rule name.")
		}
		return run(args[0])
	}}
}

func (c *cli) importRuleset() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "ruleset -f FILE", Short: "Load a file made by export ruleset", RunE: func(*cobra.Command, []string) error {
		c.connect()
		text, err := os.ReadFile(file)
		if err != nil {
			return c.fail("fail to read file %s: %v", file, err)
		}
		answer, err := c.call("POST", "/ruleset/import", map[string]string{"content": string(text)})
		if err != nil {
			return c.fail("import ruleset error: %v", err)
		}
		c.line("%s", strings.TrimSpace(string(answer)))
		return nil
	}}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the file")
	return cmd
}

func (c *cli) exportRuleset() *cobra.Command {
	return &cobra.Command{Use: "ruleset FILE", Short: "Save all streams, tables and rules", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 1 {
			return c.fail("Require exported file name.")
		}
		text, err := c.call("POST", "/ruleset/export", nil)
		if err != nil {
			return c.fail("export ruleset error: %v", err)
		}
		var set struct{ Streams, Tables, Rules map[string]string }
		if err := json.Unmarshal(text, &set); err != nil {
			return c.fail("export ruleset error: %v", err)
		}
		if err := os.WriteFile(args[0], text, 0o600); err != nil { // rules may hold passwords
			return c.fail("fail to save to file %s: %v", args[0], err)
		}
		c.line("exported %d streams, %d tables and %d rules", len(set.Streams), len(set.Tables), len(set.Rules))
		return nil
	}}
}
