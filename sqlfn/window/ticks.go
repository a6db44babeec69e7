package window

import (
	"time"

	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/state"
)

var unitMS = map[string]int64{"DD": 86400_000, "HH": 3600_000, "MI": 60_000, "SS": 1000, "MS": 1}

// ticks are the ends of tumbling and hopping windows: the first is aligned to
// the clock in the rule's time zone, the others follow at a fixed distance.
type ticks struct {
	unit     string
	n        int64 // distance in units
	length   int64 // ms
	distance int64 // ms
	loc      *time.Location
	begin    int64 // where the first window starts
	next     int64 // the next end
	running  bool
}

func newTicks(n *plan.Window, cfg Config) *ticks {
	t := &ticks{unit: n.Unit, n: n.Size, length: n.Size * unitMS[n.Unit], loc: cfg.Ctx.Loc}
	if n.Kind == ast.Hopping {
		t.n = n.Second
	}
	t.distance = t.n * unitMS[n.Unit]
	if !cfg.EventTime {
		t.start(cfg.Start)
	}
	return t
}

// start sets the first window: it begins at once and ends at the next mark.
func (t *ticks) start(at int64) {
	t.begin, t.next, t.running = at, NextMark(at, t.unit, t.n, t.loc), true
}

// from is the start of the window that ends at next.
func (t *ticks) from() int64 { return max(t.next-t.length, t.begin) }

// step moves to the next window.
func (t *ticks) step() { t.next += t.distance }

// maxGap is how many empty windows in a row are reported one by one. A longer
// gap is a service that was down, a clock that was set, or a device with a
// false time: only the last window of it is reported.
const maxGap = 1000

// skip moves over a long gap to the last window that is due at now.
func (t *ticks) skip(now int64) {
	if due := (now - t.next) / t.distance; due > maxGap {
		t.next += due * t.distance
	}
}

func (t *ticks) save(w *state.Writer) {
	w.Bool(t.running)
	w.Int(t.begin)
	w.Int(t.next)
}

func (t *ticks) load(r *state.Reader) {
	t.running, t.begin, t.next = r.Bool(), r.Int(), r.Int()
}

// NextMark returns the first mark after at: multiples of n units counted from
// the start of the day (DD, HH), hour (MI), minute (SS) or second (MS).
func NextMark(at int64, unit string, n int64, loc *time.Location) int64 {
	t := time.UnixMilli(at).In(loc)
	y, mo, d := t.Date()
	var base time.Time
	switch unit {
	case "DD":
		return time.Date(y, mo, d+int(n), 0, 0, 0, 0, loc).UnixMilli()
	case "HH":
		base = time.Date(y, mo, d, 0, 0, 0, 0, loc)
	case "MI":
		base = time.Date(y, mo, d, t.Hour(), 0, 0, 0, loc)
	case "SS":
		base = time.Date(y, mo, d, t.Hour(), t.Minute(), 0, 0, loc)
	default:
		base = time.Date(y, mo, d, t.Hour(), t.Minute(), t.Second(), 0, loc)
	}
	step := n * unitMS[unit]
	from := base.UnixMilli()
	return from + ((at-from)/step+1)*step
}
