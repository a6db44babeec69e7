package exec

import (
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
)

// Table holds the rows of a scan table, the newest Retain of them.
type Table struct {
	Retain int // 0: all
	rows   []row.Row
	// version changes with the rows.
	version uint64
}

// Put adds rows, which must be in the rule's layout.
func (t *Table) Put(rows []row.Row) {
	t.version++
	for i := range rows {
		t.rows = append(t.rows, Keep(&rows[i]))
	}
	if n := len(t.rows) - t.Retain; t.Retain > 0 && n > 0 {
		kept := copy(t.rows, t.rows[n:])
		clear(t.rows[kept:])
		t.rows = t.rows[:kept]
	}
}

// Clear forgets all rows.
func (t *Table) Clear() {
	t.version++
	t.rows = nil
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Save implements state.Stateful. A table that keeps all rows is read as a
// whole when its source starts: it has nothing to remember.
func (t *Table) Save(w *state.Writer) error {
	if t.Retain == 0 {
		w.Int(0)
		return nil
	}
	w.Int(int64(len(t.rows)))
	for i := range t.rows {
		w.Row(&t.rows[i])
	}
	return nil
}

// Load implements state.Stateful.
func (t *Table) Load(r *state.Reader) error {
	t.version++
	t.rows = make([]row.Row, r.Len())
	for i := range t.rows {
		t.rows[i] = r.Row()
	}
	return r.Err()
}
