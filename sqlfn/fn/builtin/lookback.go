package builtin

import (
	"fmt"

	"github.com/edgesluice/sluice/sqlfn/fn"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func lookbacks() []*fn.Func {
	const a = `[{"a":1},{"a":1},{"a":null},{},{"a":2}]`
	return []*fn.Func{
		{Name: "lag", Sig: "(x any, offset? int literal, default? any, ignoreNull? bool) -> any", Mark: 'A',
			Doc: param.T("The value of x offset events ago (1 if not given), default if there is none; events without a value do not count unless ignoreNull is FALSE.",
				"offset（默认 1）个事件之前 x 的值，没有时为 default；除非 ignoreNull 为 FALSE，空值不计入。"),
			Examples: []fn.Example{on(a, "lag(a)", "1"), on(`[{"a":1}]`, "lag(a, 1, 9)", "9"), on(a, "lag(a, 2)", "1"), on(a, "lag(a, 1, 9, false)", "null")},
			Check: func(args []value.Value) error {
				if len(args) > 1 && (args[1].Int() < 1 || args[1].Int() > maxLag) {
					return fmt.Errorf("the offset of lag must be 1 to %d, not %d", maxLag, args[1].Int())
				}
				return nil
			},
			NewAnalytic: func() fn.Analytic { return new(lag) }},
		{Name: "latest", Sig: "(x any, default? any) -> any", Mark: 'A',
			Doc:         param.T("The last value of x that is not NULL, this event's included; default before the first.", "x 最近的非空值（包括当前事件）；此前没有时为 default。"),
			Examples:    []fn.Example{on(a, "latest(a)", "2"), on(`[{"a":1},{"a":null}]`, "latest(a)", "1"), on(`[{"a":null}]`, "latest(a, 7)", "7")},
			NewAnalytic: func() fn.Analytic { return new(latest) }},
	}
}

// maxLag bounds the memory of a lag.
const maxLag = 100_000

// lag is a ring of the last values.
type lag struct {
	ring []value.Value
	next int // where the next value goes
	full bool
}

func (a *lag) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	offset := 1
	if len(args) > 1 && args[1].Kind() == value.Int {
		offset = int(min(max(args[1].Int(), 1), maxLag))
	}
	if len(a.ring) != offset {
		*a = lag{ring: make([]value.Value, offset)}
	}
	var out value.Value
	switch {
	case a.full:
		out = a.ring[a.next]
	case len(args) > 2:
		out = args[2]
	}
	keepNull := len(args) > 3 && args[3].Kind() == value.Bool && !args[3].Bool()
	if !args[0].IsNull() || keepNull {
		a.ring[a.next] = args[0].Clone()
		a.next++
		if a.next == offset {
			a.next, a.full = 0, true
		}
	}
	if out.IsNull() {
		return null, nil
	}
	return out, nil
}

func (a *lag) Save(w *state.Writer) error {
	w.Value(value.OfArray(a.ring))
	w.Int(int64(a.next))
	w.Bool(a.full)
	return nil
}

func (a *lag) Load(r *state.Reader) error {
	a.ring = append([]value.Value(nil), r.Value().Values()...)
	a.next, a.full = int(r.Int()), r.Bool()
	if r.Err() == nil && (a.next < 0 || a.next > 0 && a.next >= len(a.ring)) {
		r.Fail("snapshot: lag position %d of %d", a.next, len(a.ring))
	}
	return r.Err()
}

// latest keeps the last value.
type latest struct{ last value.Value }

func (a *latest) Eval(_ *fn.Ctx, args []value.Value) (value.Value, error) {
	if !args[0].IsNull() {
		a.last = args[0].Clone()
	}
	if a.last.IsNull() && len(args) > 1 {
		return args[1], nil
	}
	return a.last, nil
}

func (a *latest) Save(w *state.Writer) error {
	w.Value(a.last)
	return nil
}

func (a *latest) Load(r *state.Reader) error {
	a.last = r.Value()
	return r.Err()
}
