package sources

import (
	"maps"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// Driver declares a kind of source.
type Driver struct {
	Name     string // TYPE option, lower case
	Doc      param.Text
	New      func() Source
	Table    bool         // usable for scan tables
	Timed    bool         // its rows have an event time (Row.TS): no TIMESTAMP is needed
	NewTable func() Table // usable for lookup tables; nil: it is not
}

// Params declares the properties of the source; none if the driver has only
// lookup tables.
func (d *Driver) Params(p *param.Set) {
	if d.New != nil {
		d.New().Params(p)
	}
}

// TableParams declares the properties of the lookup table; none if the driver
// has no such tables.
func (d *Driver) TableParams(p *param.Set) {
	if d.NewTable != nil {
		d.NewTable().Params(p)
		common := param.New("lookup table")
		new(TableProps).Params(common)
		p.Include(common)
	}
}

var drivers = map[string]*Driver{}

// Register adds a driver; it panics on a duplicate.
func Register(d *Driver) {
	if drivers[d.Name] != nil {
		panic("sources: " + d.Name + " registered twice")
	}
	drivers[d.Name] = d
}

// Lookup finds a driver by its TYPE.
func Lookup(name string) (*Driver, error) {
	if d := drivers[name]; d != nil {
		return d, nil
	}
	return nil, diag.New(diag.Exec, "source %s is not defined", name).WithHint(diag.DidYouMean(name, Names()))
}

// Names returns the registered types, sorted.
func Names() []string { return slices.Sorted(maps.Keys(drivers)) }
