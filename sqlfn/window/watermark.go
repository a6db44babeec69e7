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
// reached it; rows behind the watermark are late and dropped, counted. An input
// that was silent for the idle timeout does not hold the watermark back until
// it speaks again.
type Watermark struct {
	WatermarkConfig
	inputs    []watermarkInput
	tolerance int64
	idle      int64 // ms; 0: silence means nothing
	mark      int64 // what has been released
	held      []row.Row
	unordered bool
}

// WatermarkConfig is what a Watermark needs.
type WatermarkConfig struct {
	Columns   []TimeColumn // one an input; the zero one is a table, which does not count
	Tolerance time.Duration
	Idle      time.Duration // 0: an input is waited for however long it is silent
	Loc       *time.Location
	Stats     *exec.Stats      // counts late rows
	Clock     func() int64     // ms, by which an input is silent
	Late      func(r *row.Row) // is given late rows; may be nil
}

// TimeColumn says where an input's rows have their event time.
type TimeColumn struct {
	Name   string
	Slot   int
	Format string // TIMESTAMP_FORMAT
	Own    bool   // the rows have it themselves, in Row.TS; no column
}

type watermarkInput struct {
	TimeColumn
	layout *timefmt.Layout
	newest int64 // time of a row
	heard  int64 // when the last one came, ms
	silent bool
}

const beginningOfTime = math.MinInt64 / 2

// NewWatermark makes the operator.
func NewWatermark(cfg WatermarkConfig) (*Watermark, error) {
	w := &Watermark{WatermarkConfig: cfg, tolerance: cfg.Tolerance.Milliseconds(), mark: beginningOfTime}
	streams := 0
	for _, c := range cfg.Columns {
		in := watermarkInput{TimeColumn: c, newest: beginningOfTime, heard: cfg.Clock()}
		if c == (TimeColumn{}) {
			in.newest = exec.EndOfTime
		} else {
			streams++
		}
		if c.Format != "" {
			var err error
			if in.layout, err = timefmt.Compile(c.Format); err != nil {
				return nil, err
			}
		}
		w.inputs = append(w.inputs, in)
	}
	if streams > 1 { // a single one has nobody to hold back
		w.idle = cfg.Idle.Milliseconds()
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
		if w.idle > 0 {
			in.heard, in.silent = w.Clock(), false
		}
		if ts < w.mark {
			w.Stats.Late.Add(1)
			if w.Late != nil {
				w.Late(&r)
			}
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
	if in.Own {
		return r.TS, nil
	}
	v := r.Col(in.Slot)
	if v.Kind() == value.Int {
		return v.Int(), nil
	}
	if v.IsNull() {
		return 0, fmt.Errorf("cannot find timestamp field %s in tuple", in.Name)
	}
	t, err := expr.Time(v, in.layout, w.Loc)
	if err != nil {
		return 0, fmt.Errorf("cannot convert timestamp field %s to timestamp with error %w", in.Name, err)
	}
	return t.UnixMilli(), nil
}

// raise moves the watermark to the time of the least advanced input of those
// that are not silent.
func (w *Watermark) raise() {
	least := int64(exec.EndOfTime)
	for _, in := range w.inputs {
		if !in.silent {
			least = min(least, in.newest)
		}
	}
	if least > beginningOfTime && least < exec.EndOfTime {
		w.mark = max(w.mark, least-w.tolerance)
	}
}

// Listen tells what time it is by the clock: inputs may have become silent.
func (w *Watermark) Listen(now int64, out exec.Emitter) error {
	changed := false
	for i := range w.inputs {
		in := &w.inputs[i]
		if w.waitsFor(in) && in.heard+w.idle <= now {
			in.silent, changed = true, true
		}
	}
	if !changed {
		return nil
	}
	w.raise()
	return w.release(nil, out)
}

// waitsFor tells whether an input could become silent.
func (w *Watermark) waitsFor(in *watermarkInput) bool {
	return w.idle > 0 && in.Name != "" && !in.silent
}

// NextWake implements exec.Waker, by the clock: when Listen is wanted.
func (w *Watermark) NextWake() (at int64, ok bool) {
	for i := range w.inputs {
		if in := &w.inputs[i]; w.waitsFor(in) && (!ok || in.heard+w.idle < at) {
			at, ok = in.heard+w.idle, true
		}
	}
	return at, ok
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
		sw.Bool(in.silent)
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
		w.inputs[i].newest, w.inputs[i].silent = r.Int(), r.Bool()
	}
	w.held = loadRows(r)
	w.unordered = true
	return r.Err()
}
