package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// createSchema sends a schema: JSON as the REST API takes it, or a .proto file.
func (c *cli) createSchema() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "schema TYPE NAME 'JSON' | TYPE NAME -f FILE",
		Short: "Create a schema, of type protobuf",
		RunE: func(_ *cobra.Command, args []string) error {
			c.connect()
			switch {
			case len(args) < 2:
				return c.fail("Expect schema type and name.")
			case len(args) < 3 && file == "":
				return c.fail("Expect schema type and json.")
			}
			definition := strings.Join(args[2:], " ")
			if file != "" {
				text, err := os.ReadFile(file)
				if err != nil {
					return c.fail("Failed to read %s: %v", file, err)
				}
				definition = string(text)
			}
			body, err := schemaBody(args[1], definition, strings.HasSuffix(file, ".proto"))
			if err != nil {
				return c.fail("Create schema error: %v", err)
			}
			if body["name"] != args[1] {
				return c.fail("Create schema error: name mismatch.")
			}
			if _, err := c.call("POST", "/schemas/"+args[0], body); err != nil {
				return c.fail("Create schema error: %v", err)
			}
			c.line("Schema %s is created.", args[1])
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "read the JSON, or the text of a .proto file, from this file")
	return cmd
}

// schemaBody reads the JSON of a schema; the text of a .proto file becomes one.
func schemaBody(name, definition string, proto bool) (map[string]any, error) {
	if proto {
		return map[string]any{"name": name, "content": definition}, nil
	}
	var body map[string]any
	return body, json.Unmarshal([]byte(definition), &body)
}

func (c *cli) showSchemas() *cobra.Command {
	return &cobra.Command{Use: "schemas TYPE", Short: "List the schemas of a type", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 1 {
			return c.fail("Expect schema type.")
		}
		text, err := c.call("GET", "/schemas/"+args[0], nil)
		switch {
		case err != nil:
			return c.fail("Show schemas error: %v", err)
		case strings.TrimSpace(string(text)) == "[]":
			c.line("No schema definitions are found.")
		default:
			c.line("%s", indented(text))
		}
		return nil
	}}
}

func (c *cli) describeSchema() *cobra.Command {
	return &cobra.Command{Use: "schema TYPE NAME", Short: "Show a schema", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 2 {
			return c.fail("Expect schema type and name.")
		}
		text, err := c.call("GET", "/schemas/"+args[0]+"/"+args[1], nil)
		if err != nil {
			return c.fail("Desc schema error : %v.", err)
		}
		c.line("%s", indented(text))
		return nil
	}}
}

func (c *cli) dropSchema() *cobra.Command {
	return &cobra.Command{Use: "schema TYPE NAME", Short: "Delete a schema", RunE: func(_ *cobra.Command, args []string) error {
		c.connect()
		if len(args) != 2 {
			return c.fail("Expect schema type and name.")
		}
		if _, err := c.call("DELETE", "/schemas/"+args[0]+"/"+args[1], nil); err != nil {
			return c.fail("Drop schema error : %v.", err)
		}
		c.line("Schema %s is dropped", args[1])
		return nil
	}}
}
