package window

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Watermark puts rows in order of their event time. It holds a row until the
// watermark, the newest time seen on every input less the tolerance, has
// reached it; rows behind the watermark are late and dropped, counted.
type Watermark struct {
	inputs    []watermarkInput
	tolerance int64
	loc       *time.Location
	late      *exec.Stats
	mark      int64 // what has been released
	held      []row.Row
	unordered bool
}

// TimeColumn says where an input's rows have their event time.
type TimeColumn struct {
	Name   string
	Slot   int
	Format string // TIMESTAMP_FORMAT
}

type watermarkInput struct {
	TimeColumn
	layout *timefmt.Layout
	newest int64
}

const beginningOfTime = math.MinInt64 / 2

// NewWatermark makes the operator; columns has one entry an input, without a
// Name for a table, which does not count. Late rows
// are counted in stats.
func NewWatermark(columns []TimeColumn, tolerance time.Duration, loc *time.Location, stats *exec.Stats) (*Watermark, error) {
	w := &Watermark{tolerance: tolerance.Milliseconds(), loc: loc, late: stats, mark: beginningOfTime}
	for _, c := range columns {
		in := watermarkInput{TimeColumn: c, newest: beginningOfTime}
		if c.Name == "" {
			in.newest = exec.EndOfTime
		}
		if c.Format != "" {
			var err error
			if in.layout, err = timefmt.Compile(c.Format); err != nil {
				return nil, err
			}
		}
		w.inputs = append(w.inputs, in)
	}
	return w, nil
}

// Now returns the watermark; ok is false before the first row of every input.
func (w *Watermark) Now() (at int64, ok bool) { return w.mark, w.mark > beginningOfTime }

// Push implements exec.Operator.
func (w *Watermark) Push(b row.Batch, out exec.Emitter) error {
	for i := range b.Rows {
		r := b.Rows[i]
		in := &w.inputs[r.In]
		ts, err := w.time(in, &r)
		if err != nil {
			out.Fail(err)
			continue
		}
		if ts < w.mark {
			w.late.Late.Add(1)
			continue
		}
		r.TS = ts
		if n := len(w.held); n > 0 && w.held[n-1].TS > ts {
			w.unordered = true
		}
		w.held = append(w.held, r)
		if ts > in.newest {
			in.newest = ts
			w.raise()
		}
	}
	return w.release(b.Schema, out)
}

func (w *Watermark) time(in *watermarkInput, r *row.Row) (int64, error) {
	v := r.Col(in.Slot)
	if v.Kind() == value.Int {
		return v.Int(), nil
	}
	if v.IsNull() {
		return 0, fmt.Errorf("cannot find timestamp field %s in tuple", in.Name)
	}
	t, err := expr.Time(v, in.layout, w.loc)
	if err != nil {
		return 0, fmt.Errorf("cannot convert timestamp field %s to timestamp with error %w", in.Name, err)
	}
	return t.UnixMilli(), nil
}

// raise moves the watermark to the least advanced input's time.
func (w *Watermark) raise() {
	least := w.inputs[0].newest
	for _, in := range w.inputs[1:] {
		least = min(least, in.newest)
	}
	if least > beginningOfTime {
		w.mark = max(w.mark, least-w.tolerance)
	}
}

// release emits the held rows up to the watermark in order of time; rows of
// equal time keep their order of arrival.
func (w *Watermark) release(schema *row.Schema, out exec.Emitter) error {
	if w.unordered {
		slices.SortStableFunc(w.held, func(a, b row.Row) int { return int(min(max(a.TS-b.TS, -1), 1)) })
		w.unordered = false
	}
	n := len(w.held)
	for n > 0 && w.held[n-1].TS > w.mark {
		n--
	}
	if n == 0 {
		return nil
	}
	err := out.Emit(row.Batch{Schema: schema, Rows: w.held[:n]})
	kept := copy(w.held, w.held[n:])
	clear(w.held[kept:])
	w.held = w.held[:kept]
	return err
}

// Advance implements exec.Operator: the clock means nothing to event time but
// at its end, when everything is released.
func (w *Watermark) Advance(now int64, out exec.Emitter) error {
	if now != exec.EndOfTime {
		return nil
	}
	for _, r := range w.held {
		w.mark = max(w.mark, r.TS)
	}
	return w.release(nil, out)
}

// Save implements state.Stateful.
func (w *Watermark) Save(sw *state.Writer) error {
	sw.Int(w.mark)
	sw.Int(int64(len(w.inputs)))
	for _, in := range w.inputs {
		sw.Int(in.newest)
	}
	saveRows(sw, w.held)
	return nil
}

// Load implements state.Stateful.
func (w *Watermark) Load(r *state.Reader) error {
	w.mark = r.Int()
	if n := r.Len(); n != len(w.inputs) {
		r.Fail("snapshot: %d inputs, the rule has %d", n, len(w.inputs))
		return r.Err()
	}
	for i := range w.inputs {
		w.inputs[i].newest = r.Int()
	}
	w.held = loadRows(r)
	w.unordered = true
	return r.Err()
}
