package fn

import (
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Distinct wraps an aggregate for COUNT(DISTINCT x): it is given only the
// first row of each set of equal arguments.
func Distinct(inner func() Aggregate) func() Aggregate {
	return func() Aggregate { return &distinct{inner: inner(), seen: map[string]struct{}{}} }
}

type distinct struct {
	inner Aggregate
	seen  map[string]struct{}
	key   []byte // reused
}

// Add implements Aggregate.
func (d *distinct) Add(c *Ctx, args []value.Value) error {
	d.key = d.key[:0]
	for _, a := range args {
		d.key = value.AppendKey(d.key, a)
	}
	if _, ok := d.seen[string(d.key)]; ok {
		return nil
	}
	if err := d.inner.Add(c, args); err != nil {
		return err
	}
	d.seen[string(d.key)] = struct{}{}
	return nil
}

// Result implements Aggregate.
func (d *distinct) Result(c *Ctx) (value.Value, error) { return d.inner.Result(c) }

// Save implements state.Stateful.
func (d *distinct) Save(w *state.Writer) error {
	w.Int(int64(len(d.seen)))
	for k := range d.seen {
		w.String(k)
	}
	return d.inner.Save(w)
}

// Load implements state.Stateful.
func (d *distinct) Load(r *state.Reader) error {
	n := r.Len()
	d.seen = make(map[string]struct{}, n)
	for range n {
		d.seen[r.String()] = struct{}{}
	}
	return d.inner.Load(r)
}
