package exec

import (
	"iter"

	"github.com/edgesluice/sluice/sqlfn/expr"
	"github.com/edgesluice/sluice/sqlfn/plan"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// equality finds the right rows that a left row can match by the value of an
// expression, so that a join costs as much as its rows and not their product.
type equality struct {
	left, right expr.Func
	index       index
	key         []byte

	table   *Table // whose rows index holds, at version
	version uint64
}

// index holds the positions of rows by the value they have.
type index struct {
	byKey map[string][]int
	class class
}

// class is a kind of values that compare with each other; values of two
// classes make the comparison fail, or need a conversion that an index cannot
// do.
type class byte

const (
	unseen class = iota
	numbers
	texts
	mixed
)

func newEquality(e *plan.Equality) (*equality, error) {
	q := &equality{}
	var err error
	if q.left, err = expr.Compile(e.Left); err == nil {
		q.right, err = expr.Compile(e.Right)
	}
	return q, err
}

// candidates are the right rows to try for every left one.
type candidates struct {
	all  int // as many right rows, each for every left one
	some [][]int
}

func (c candidates) of(left int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if c.some == nil {
			for k := range c.all {
				if !yield(k) {
					return
				}
			}
			return
		}
		for _, k := range c.some[left] {
			if !yield(k) {
				return
			}
		}
	}
}

// candidates returns the pairs that may meet the condition: those of equal
// keys, or every one if the keys are not all numbers or all texts.
func (j *Join) candidates(left, right []row.Row, s *joinStep) (candidates, error) {
	every := candidates{all: len(right)}
	if s.equal == nil || len(left) == 0 || len(right) == 0 {
		return every, nil
	}
	ix, err := s.equal.indexOf(j.ctx, right, j.layout.Inputs[s.right].Table)
	if err != nil || ix.class == mixed {
		return every, nil // the condition itself tells what is wrong
	}
	found := candidates{some: make([][]int, len(left))}
	for i := range left {
		v, err := s.equal.left(j.ctx, &left[i])
		switch {
		case err != nil:
			return every, nil
		case v.IsNull() || ix.class == unseen:
			continue // NULL equals nothing
		case classOf(v) != ix.class:
			return every, nil
		}
		s.equal.key = value.AppendKey(s.equal.key[:0], v)
		found.some[i] = ix.byKey[string(s.equal.key)]
	}
	return found, nil
}

// indexOf returns the index of the right rows. That of a table is kept until
// the table changes.
func (q *equality) indexOf(ctx *Ctx, rows []row.Row, t *Table) (*index, error) {
	if t != nil && q.table == t && q.version == t.version {
		return &q.index, nil
	}
	q.table = nil
	q.index = index{byKey: make(map[string][]int, len(rows))}
	for i := range rows {
		v, err := q.right(ctx, &rows[i])
		if err != nil {
			return nil, err
		}
		if v.IsNull() {
			continue
		}
		c := classOf(v)
		if q.index.class != unseen && q.index.class != c {
			c = mixed
		}
		q.index.class = c
		if c == mixed {
			break
		}
		q.key = value.AppendKey(q.key[:0], v)
		q.index.byKey[string(q.key)] = append(q.index.byKey[string(q.key)], i)
	}
	if t != nil {
		q.table, q.version = t, t.version
	}
	return &q.index, nil
}

func classOf(v value.Value) class {
	switch {
	case v.IsNumber():
		return numbers
	case v.Kind() == value.String:
		return texts
	}
	return mixed
}
