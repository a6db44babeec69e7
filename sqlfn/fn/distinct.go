package fn

import (
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Distinct wraps an aggregate for COUNT(DISTINCT x): it is given only the
// first row of each set of equal arguments. The wrapper is a Retracter if the
// order of rows means nothing to the aggregate (AnyOrder): what was first may
// leave before its equals.
func Distinct(inner func() Aggregate) func() Aggregate {
	_, takes := inner().(Retracter)
	_, any := inner().(AnyOrder)
	if takes && any {
		return func() Aggregate { return &movingDistinct{distinct{inner: inner(), seen: map[string]int64{}}} }
	}
	return func() Aggregate { return &distinct{inner: inner(), seen: map[string]int64{}} }
}

// AnyOrder is a Retracter that can take back any row it was given, not only
// the oldest.
type AnyOrder interface{ AnyOrder() }

type distinct struct {
	inner Aggregate
	seen  map[string]int64 // rows by their arguments
	key   []byte           // reused
}

func (d *distinct) keyOf(args []value.Value) []byte {
	d.key = d.key[:0]
	for _, a := range args {
		d.key = value.AppendKey(d.key, a)
	}
	return d.key
}

// Add implements Aggregate.
func (d *distinct) Add(c *Ctx, args []value.Value) error {
	key := d.keyOf(args)
	if n := d.seen[string(key)]; n > 0 {
		d.seen[string(key)] = n + 1
		return nil
	}
	if err := d.inner.Add(c, args); err != nil {
		return err
	}
	d.seen[string(key)] = 1
	return nil
}

// Result implements Aggregate.
func (d *distinct) Result(c *Ctx) (value.Value, error) { return d.inner.Result(c) }

// Save implements state.Stateful.
func (d *distinct) Save(w *state.Writer) error {
	w.Int(int64(len(d.seen)))
	for k, n := range d.seen {
		w.String(k)
		w.Int(n)
	}
	return d.inner.Save(w)
}

// Load implements state.Stateful.
func (d *distinct) Load(r *state.Reader) error {
	n := r.Len()
	d.seen = make(map[string]int64, n)
	for range n {
		k := r.String()
		d.seen[k] = r.Int()
	}
	return d.inner.Load(r)
}

// movingDistinct is a distinct that can take rows back.
type movingDistinct struct{ distinct }

// Retract implements Retracter.
func (d *movingDistinct) Retract(c *Ctx, args []value.Value) error {
	key := d.keyOf(args)
	if n := d.seen[string(key)]; n > 1 {
		d.seen[string(key)] = n - 1
		return nil
	}
	delete(d.seen, string(key))
	return d.inner.(Retracter).Retract(c, args)
}
