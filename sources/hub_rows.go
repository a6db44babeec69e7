package sources

import (
	"log/slog"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// mapping carries rows of one schema over to another by column name. It
// remembers the last pair of schemas it saw.
type mapping struct {
	from, to *row.Schema
	slots    []int // column of to for each column of from, -1: none
	same     bool  // the columns are the same ones in the same slots
}

func (m *mapping) set(from, to *row.Schema) {
	if m.from == from && m.to == to {
		return
	}
	m.from, m.to = from, to
	m.slots = m.slots[:0]
	m.same = len(from.Cols) <= len(to.Cols)
	for i, c := range from.Cols {
		slot := to.Slot(c.Name)
		m.slots = append(m.slots, slot)
		m.same = m.same && slot == i
	}
}

// appendRows appends the rows of b, which stay as they are, under the schema
// to.
func (m *mapping) appendRows(dst []row.Row, b *row.Batch, to *row.Schema) []row.Row {
	m.set(b.Schema, to)
	for i := range b.Rows {
		r := b.Rows[i]
		if !m.same || r.Rest.Len() > 0 {
			r.Cols, r.Rest = m.columns(&b.Rows[i])
		}
		dst = append(dst, r)
	}
	return dst
}

// columns returns the values of r under m.to. A column wins over a member of
// Rest with the same name.
func (m *mapping) columns(r *row.Row) ([]value.Value, value.Value) {
	cols := make([]value.Value, len(m.to.Cols))
	var rest []value.Member
	for _, e := range r.Rest.Members() {
		if slot := m.to.Slot(e.Name); slot >= 0 {
			cols[slot] = e.Val
		} else if m.to.Open {
			rest = append(rest, e)
		}
	}
	for i, slot := range m.slots {
		v := r.Col(i)
		switch {
		case !v.Present():
		case slot >= 0:
			cols[slot] = v
		case m.to.Open:
			rest = append(rest, value.Member{Name: m.from.Cols[i].Name, Val: v})
		}
	}
	if !m.to.Open {
		return cols, value.Value{}
	}
	return cols, value.OfObject(rest)
}

// sampler lets one warning a second through.
type sampler struct {
	next int64 // ms
	held int64 // warnings left out since the last one
}

func (s *sampler) warn(log *slog.Logger, now int64, msg string, err error) {
	if now < s.next {
		s.held++
		return
	}
	log.Warn(msg, "error", err, "unreported", s.held)
	s.next, s.held = now+1000, 0
}
