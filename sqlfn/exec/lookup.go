package exec

import (
	"errors"
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Lookup asks a lookup table for the rows, as objects, in which keys[i] equals
// vals[i]; fields are the columns that are used of them, nil: all.
type Lookup func(table string, keys []string, vals []value.Value, fields []string) ([]value.Value, error)

var errNoLookup = errors.New("lookup tables are not available here")

// lookup is one question of a rule to a lookup table.
type lookup struct {
	ask    Lookup
	table  string
	slots  Slots
	keys   []string
	at     []int // slots of the keys
	values []expr.Func
	fields []string
}

func newLookup(n *plan.Lookup, slots Slots, ask Lookup) (*lookup, error) {
	l := &lookup{ask: ask, table: n.Table, slots: slots}
	if ask == nil {
		l.ask = func(string, []string, []value.Value, []string) ([]value.Value, error) { return nil, errNoLookup }
	}
	for _, k := range n.Keys {
		l.keys = append(l.keys, k.Name)
		l.at = append(l.at, k.Index)
	}
	if !slots.Want.Open {
		l.fields = slots.Want.Names()
	}
	var err error
	l.values, err = expr.CompileAll(n.Values)
	return l, err
}

// rows returns the rows of the table that match a row. A key that is NULL
// matches nothing.
func (l *lookup) rows(ctx *Ctx, r *row.Row) ([]row.Row, error) {
	vals := make([]value.Value, len(l.values))
	for i, f := range l.values {
		v, err := f(ctx, r)
		if err != nil {
			return nil, err
		}
		if v.IsNull() {
			return nil, nil
		}
		vals[i] = v
	}
	objects, err := l.ask(l.table, l.keys, vals, l.fields)
	if err != nil {
		return nil, fmt.Errorf("lookup table %s: %w", l.table, err)
	}
	found := make([]row.Row, len(objects))
	for i, obj := range objects {
		found[i] = l.row(obj, vals)
	}
	return found, nil
}

// row brings an answer into the rule's layout. What a table is asked by need not
// be among the columns it answers with.
func (l *lookup) row(obj value.Value, vals []value.Value) row.Row {
	r := row.FromObject(l.slots.Want, obj)
	cols := make([]value.Value, l.slots.From+len(r.Cols))
	copy(cols[l.slots.From:], r.Cols)
	for i, slot := range l.at {
		if !cols[slot].Present() {
			cols[slot] = vals[i]
		}
	}
	r.Cols = cols
	return r
}
