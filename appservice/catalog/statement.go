package catalog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/parse"
)

// Exec runs CREATE, SHOW, DESCRIBE, EXPLAIN or DROP of streams and tables and
// returns the text to show.
func (c *Catalog) Exec(sql string) (string, error) {
	st, err := parse.Statement(sql)
	if err != nil {
		return "", diag.InSQL(err, sql)
	}
	switch st := st.(type) {
	case *ast.Create:
		if st.Text == "" {
			st.Text = sql
		}
		return c.create(&Definition{Create: st, Temp: isTrue(st.Options.Temp)})
	case *ast.Command:
		return c.command(st)
	}
	return "", diag.New(diag.Stream, "Invalid stream statement: %s", strings.TrimSpace(sql))
}

func (c *Catalog) create(d *Definition) (string, error) {
	if err := d.check(); err != nil {
		return "", diag.InSQL(err, d.Text)
	}
	if err := c.storeNew(d); err != nil {
		return "", err
	}
	c.changed(d.Name)
	return capital(d.What()) + " " + d.Name + " is created.", nil
}

func (c *Catalog) storeNew(d *Definition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.defs[d.Name] != nil {
		return diag.New(diag.Stream, "Create %s fails: Item %s already exists.", d.What(), d.Name)
	}
	return c.store(d)
}

// Replace defines the stream or table name anew, or for the first time.
func (c *Catalog) Replace(name string, table bool, sql string) (string, error) {
	d, err := parseCreate(sql)
	if err != nil {
		return "", diag.InSQL(err, sql)
	}
	if d.Name != name {
		return "", diag.New(diag.Stream, "Replace %s fails: the sql statement must update the %s source.", name, name)
	}
	if err := d.check(); err != nil {
		return "", diag.InSQL(err, sql)
	}
	if err := c.storeOver(d, table); err != nil {
		return "", err
	}
	c.changed(name)
	return capital(d.What()) + " " + name + " is replaced.", nil
}

func (c *Catalog) storeOver(d *Definition, table bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := d.Name
	if old := c.defs[name]; old != nil {
		if old.Table != d.Table || old.Table != table {
			return diag.New(diag.Stream, "Replace %s fails: %s is a %s", name, name, old.What())
		}
		if v := d.Options.Version; v != "" && v < old.Options.Version {
			return diag.New(diag.Stream, "Replace %s fails: source %s already exists with version (%s), new version (%s) is lower", name, name, old.Options.Version, v)
		}
	}
	return c.store(d)
}

// Drop removes a stream or table. Whether rules use it is for the caller to
// ask.
func (c *Catalog) Drop(name string, table bool) error {
	if err := c.remove(name, table); err != nil {
		return err
	}
	c.changed(name)
	return nil
}

func (c *Catalog) remove(name string, table bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.defs[name]
	if d == nil || d.Table != table {
		return diag.New(diag.NotFound, "%s %s is not found", what(table), name)
	}
	if err := c.cfg.DB.Delete(d.bucket(), name); err != nil {
		return err
	}
	delete(c.defs, name)
	return c.disown(name)
}

// store writes a definition; c.mu is held.
func (c *Catalog) store(d *Definition) error {
	if d.Temp {
		if err := c.cfg.DB.Delete(d.bucket(), d.Name); err != nil {
			return err
		}
	} else if err := c.cfg.DB.Put(d.bucket(), d.Name, []byte(d.Text)); err != nil {
		return err
	}
	c.defs[d.Name] = d
	return c.disown(d.Name)
}

func (d *Definition) bucket() string {
	if d.Table {
		return kv.Tables
	}
	return kv.Streams
}

func (c *Catalog) command(cmd *ast.Command) (string, error) {
	w := what(cmd.Table)
	if cmd.Verb == ast.Show {
		ds := c.Definitions(cmd.Table, "")
		if len(ds) == 0 {
			return "No " + w + " definitions are found.", nil
		}
		names := make([]string, len(ds))
		for i, d := range ds {
			names[i] = d.Name
		}
		return strings.Join(names, "\n"), nil
	}
	d, ok := c.Lookup(cmd.Name)
	if !ok || d.Table != cmd.Table {
		return "", c.missing(cmd.Verb, cmd.Table, cmd.Name)
	}
	switch cmd.Verb {
	case ast.Describe:
		return d.text80(c.Details(d.Name)), nil
	case ast.Drop:
		if err := c.Drop(cmd.Name, cmd.Table); err != nil {
			return "", err
		}
		return capital(w) + " " + cmd.Name + " is dropped.", nil
	}
	return "TO BE SUPPORTED", nil
}

// missing is the error for a name that is unknown, or is of the other kind.
func (c *Catalog) missing(verb ast.Verb, table bool, name string) error {
	w, title := what(table), capital(strings.ToLower(string(verb)))
	if verb == ast.Drop {
		return diag.New(diag.Stream, "Drop %s fails: %s %s is not found.", w, w, name)
	}
	if _, other := c.Lookup(name); other {
		return diag.New(diag.Stream, "%s %s fails, %s %s is not found.", title, w, w, name)
	}
	return diag.New(diag.Stream, "%s %s fails, %s is not found.", title, w, name)
}

// formatsOfKuiper are the formats that a stream may name although this build
// might not have them: it can be created, rules on it fail.
var formatsOfKuiper = []string{"json", "binary", "delimited", "protobuf", "urlencoded", "custom", "xml", "avro"}

func (d *Definition) check() error {
	if err := CheckName(d.Name); err != nil {
		return err
	}
	o := &d.Options
	known := append(format.Names(), formatsOfKuiper...)
	if f := strings.ToLower(o.Format); f != "" && !slices.Contains(known, f) {
		return diag.New(diag.Stream, "option 'format=%s' is invalid", o.Format).WithHint(diag.DidYouMean(f, known))
	}
	if o.Extra != "" {
		if _, err := jsonObject([]byte(o.Extra)); err != nil {
			return diag.New(diag.Stream, "option 'extra' is not a JSON object: %v", err)
		}
	}
	return d.checkTable()
}

func (d *Definition) checkTable() error {
	o := &d.Options
	if k := strings.ToLower(o.Kind); k != "" && k != "scan" && k != "lookup" {
		return diag.New(diag.Stream, "option 'kind=%s' is invalid, write \"scan\" or \"lookup\"", o.Kind)
	}
	if d.Table && d.hasKind("lookup") && strings.EqualFold(d.Type(), "memory") && o.Key == "" {
		return diag.New(diag.Stream, `Option "key" is required for memory lookup table.`)
	}
	if d.Table && strings.EqualFold(o.Format, "binary") {
		return diag.New(diag.Stream, "option 'format=binary' is invalid for a table")
	}
	return nil
}

func (d *Definition) hasKind(kind string) bool {
	k := strings.ToLower(d.Options.Kind)
	if k == "" {
		k = "scan"
	}
	return k == strings.ToLower(kind)
}

func isTrue(s string) bool {
	b, err := strconv.ParseBool(strings.ToLower(s))
	return err == nil && b
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
