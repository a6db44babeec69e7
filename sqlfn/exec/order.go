package exec

import (
	"fmt"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Order sorts each batch; NULL comes last in both directions, equal rows keep
// their order.
type Order struct {
	Timeless
	ctx  *Ctx
	keys []expr.Func
	desc []bool
}

// NewOrder makes the operator of ORDER BY.
func NewOrder(n *plan.Order, ctx *Ctx) (*Order, error) {
	o := &Order{ctx: ctx}
	for _, by := range n.By {
		f, err := expr.Compile(by.X)
		if err != nil {
			return nil, err
		}
		o.keys = append(o.keys, f)
		o.desc = append(o.desc, by.Desc)
	}
	return o, nil
}

type keyedRow struct {
	row  row.Row
	keys []value.Value
}

// Push implements Operator.
func (o *Order) Push(b row.Batch, out Emitter) error {
	sorted, err := o.sort(b.Rows)
	if err != nil {
		out.Fail(fmt.Errorf("run Order By error: %w", err))
		return nil
	}
	b.Rows = sorted
	return out.Emit(b)
}

func (o *Order) sort(rows []row.Row) ([]row.Row, error) {
	keyed := make([]keyedRow, len(rows))
	for i := range rows {
		keyed[i] = keyedRow{rows[i], make([]value.Value, len(o.keys))}
		for j, f := range o.keys {
			v, err := f(o.ctx, &rows[i])
			if err != nil {
				return nil, err
			}
			keyed[i].keys[j] = v
		}
	}
	var err error
	slices.SortStableFunc(keyed, func(a, b keyedRow) int {
		c, e := o.compare(a, b)
		if e != nil {
			err = e
		}
		return c
	})
	out := make([]row.Row, len(rows))
	for i := range keyed {
		out[i] = keyed[i].row
	}
	return out, err
}

func (o *Order) compare(a, b keyedRow) (int, error) {
	for i := range o.keys {
		x, y := a.keys[i], b.keys[i]
		switch {
		case x.IsNull() && y.IsNull():
			continue
		case x.IsNull():
			return 1, nil
		case y.IsNull():
			return -1, nil
		}
		c, ok := value.Compare(x, y)
		if !ok {
			return 0, fmt.Errorf("incompatible types for comparison: %s and %s", typeName(x), typeName(y))
		}
		if o.desc[i] {
			c = -c
		}
		if c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

var typeNames = map[value.Kind]string{
	value.Int: "int64", value.Uint: "uint64", value.Float: "float64", value.String: "string", value.Bool: "bool",
	value.Bytes: "[]uint8", value.Time: "time.Time", value.Object: "map[string]interface {}",
}

func typeName(v value.Value) string {
	if n := typeNames[v.Kind()]; n != "" {
		return n
	}
	return "[]interface {}"
}

// Limit keeps the first rows of each batch.
type Limit struct {
	Timeless
	n int
}

// NewLimit makes the operator of LIMIT.
func NewLimit(n *plan.Limit) *Limit { return &Limit{n: int(n.N)} }

// Push implements Operator.
func (l *Limit) Push(b row.Batch, out Emitter) error {
	if l.n == 0 {
		return nil
	}
	b.Rows = b.Rows[:min(l.n, len(b.Rows))]
	return out.Emit(b)
}
