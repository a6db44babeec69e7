package catalog

import (
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Source says how to open a stream or table.
type Source struct {
	*Definition
	Props      map[string]any // of the driver, all layers merged
	Connection string         // connectionSelector that was followed
}

// Stream implements sqlfn.Catalog.
func (c *Catalog) Stream(name string) (*sqlfn.Stream, error) {
	d, ok := c.Lookup(name)
	if !ok {
		return nil, c.unknown(name)
	}
	declared, err := c.declared(d)
	if err != nil {
		return nil, err
	}
	o := &d.Options
	driver, _ := sources.Lookup(d.DriverName()) // one that is missing is an error when it is opened
	return &sqlfn.Stream{
		Name: name, Table: d.Table, Lookup: d.Table && d.hasKind("lookup"), Schema: declared,
		Timestamp: o.Timestamp, TimestampFormat: o.TimestampFormat, Strict: isTrue(o.StrictValidation),
		RetainSize: sqlfn.Retain(o.Type, o.RetainSize), Timed: driver != nil && driver.Timed,
	}, nil
}

func (c *Catalog) unknown(name string) error {
	var names []string
	for _, table := range []bool{false, true} {
		for _, d := range c.Definitions(table, "") {
			names = append(names, d.Name)
		}
	}
	return diag.New(diag.Undefined, "fail to get stream %s, please check if stream is created", name).WithHint(diag.DidYouMean(name, names))
}

// Declared is the schema of the columns in CREATE; Open and empty without any.
func (d *Definition) Declared() *row.Schema {
	return &row.Schema{Cols: d.Cols, Open: len(d.Cols) == 0}
}

// Strict is the STRICT_VALIDATION option.
func (d *Definition) Strict() bool { return isTrue(d.Options.StrictValidation) }

// Shared is the SHARED option.
func (d *Definition) Shared() bool { return isTrue(d.Options.Shared) }

// DriverName is the source type as drivers are registered.
func (d *Definition) DriverName() string { return strings.ToLower(d.Type()) }

// Source resolves the properties of a stream or table. The later wins: default
// of the configuration, CONF_KEY, connection, EXTRA.
func (c *Catalog) Source(name string) (*Source, error) {
	d, ok := c.Lookup(name)
	if !ok {
		return nil, c.unknown(name)
	}
	driver, err := sources.Lookup(d.DriverName())
	if err != nil {
		return nil, err
	}
	set := param.New("source " + strconv.Quote(driver.Name))
	if d.Table && d.hasKind("lookup") {
		driver.TableParams(set)
	} else {
		driver.Params(set)
	}
	layers := layers{specs: set.Specs(), merged: map[string]any{}}
	layers.add(c.defaults(Sources, driver.Name))
	if key := d.Options.ConfKey; key != "" && !strings.EqualFold(key, "default") {
		props, err := c.confKey(Sources, driver.Name, key)
		if err != nil {
			return nil, err
		}
		layers.add(props)
	} else {
		layers.add(c.ConfKeys(Sources, driver.Name)["default"])
	}
	var extra map[string]any
	if d.Options.Extra != "" {
		if extra, err = jsonObject([]byte(d.Options.Extra)); err != nil {
			return nil, diag.New(diag.Stream, "option 'extra' of %s is not a JSON object: %v", name, err)
		}
	}
	selector, err := c.followConnection(&layers, extra)
	if err != nil {
		return nil, err
	}
	props, err := c.Reveal(layers.merged)
	if err != nil {
		return nil, err
	}
	return &Source{Definition: d, Props: props, Connection: selector}, nil
}

// SinkProps resolves the properties of an action: conf key named by
// resourceId, connection, then what the action itself says.
func (c *Catalog) SinkProps(typ string, action map[string]any) (props map[string]any, connection string, err error) {
	driver, err := sinks.Lookup(strings.ToLower(typ))
	if err != nil {
		return nil, "", err
	}
	set := param.New("sink " + strconv.Quote(driver.Name))
	driver.New().Params(set)
	layers := layers{specs: set.Specs(), merged: map[string]any{}}
	layers.add(c.ConfKeys(Sinks, driver.Name)["default"])
	if key, _ := take(action, "resourceId").(string); key != "" {
		resource, err := c.confKey(Sinks, driver.Name, key)
		if err != nil {
			return nil, "", err
		}
		layers.add(resource)
	}
	if connection, err = c.followConnection(&layers, without(action, "resourceId")); err != nil {
		return nil, connection, err
	}
	props, err = c.Reveal(layers.merged)
	return props, connection, err
}

// followConnection adds the connection that top, or a layer below it, selects,
// then top itself.
func (c *Catalog) followConnection(l *layers, top map[string]any) (string, error) {
	selector, _ := take(top, "connectionSelector").(string)
	if selector == "" {
		selector, _ = take(l.merged, "connectionSelector").(string)
	}
	if selector != "" {
		props, err := c.connectionProps(selector)
		if err != nil {
			return "", err
		}
		l.add(props)
	}
	l.add(top) // with the selector: drivers share one client by it
	return selector, nil
}

// layers merges properties by the names that the driver declares, so that an
// alias in a later layer replaces the name in an earlier one.
type layers struct {
	specs  []*param.Spec
	merged map[string]any
}

func (l *layers) add(props map[string]any) {
	for name, val := range props {
		l.merged[l.canonical(name)] = val
	}
}

func (l *layers) canonical(name string) string {
	for _, s := range l.specs {
		if strings.EqualFold(s.Name, name) {
			return s.Name
		}
		for _, a := range s.Aliases {
			if strings.EqualFold(a, name) {
				return s.Name
			}
		}
	}
	for given := range l.merged {
		if strings.EqualFold(given, name) {
			return given
		}
	}
	return name
}

// take returns a property by its name in any case.
func take(props map[string]any, name string) any {
	for k, v := range props {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return nil
}

func without(props map[string]any, name string) map[string]any {
	out := make(map[string]any, len(props))
	for k, v := range props {
		if !strings.EqualFold(k, name) {
			out[k] = v
		}
	}
	return out
}

var _ sqlfn.Catalog = (*Catalog)(nil)
