package sinks

import (
	"time"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// joiner collects rows of several emissions for one message (batchSize,
// lingerInterval).
type joiner struct {
	on     bool
	size   int           // rows; 0: only linger counts
	linger time.Duration // since the first row; 0: only size counts
	items  []Item
	due    <-chan time.Time // nil while nothing lingers
	stop   func()
}

// add takes an item; full is true when the message is to be sent.
func (j *joiner) add(it *Item, c clock.Clock) (full bool) {
	if len(j.items) == 0 && j.linger > 0 {
		j.due, j.stop = c.After(j.linger)
	}
	j.items = append(j.items, *it)
	return j.size > 0 && len(j.items) >= j.size
}

// message makes one message of what was collected and begins the next.
func (j *joiner) message() message {
	m := message{items: len(j.items)}
	m.payload.Schema, m.payload.Rows = j.rows()
	var dones []func(error)
	for i := range j.items {
		m.rows += j.items[i].Weight
		if done := j.items[i].done; done != nil {
			dones = append(dones, done)
		}
	}
	if dones != nil {
		m.done = func(err error) {
			for _, done := range dones {
				done(err)
			}
		}
	}
	clear(j.items)
	j.items = j.items[:0]
	if j.stop != nil {
		j.stop()
	}
	j.due, j.stop = nil, nil
	return m
}

// rows returns the collected rows under one schema.
func (j *joiner) rows() (*row.Schema, []row.Row) {
	s := j.items[0].Payload.Schema
	rows := make([]row.Row, 0, len(j.items))
	for i := range j.items {
		p := &j.items[i].Payload
		if p.Schema != s {
			return j.objects()
		}
		rows = append(rows, p.Rows...)
	}
	return s, rows
}

// objects is rows for items whose schemas differ.
func (j *joiner) objects() (*row.Schema, []row.Row) {
	rows := make([]row.Row, 0, len(j.items))
	for i := range j.items {
		p := &j.items[i].Payload
		for k := range p.Rows {
			r := p.Rows[k]
			r.Rest, r.Cols = row.Object(p.Schema, &r), nil
			rows = append(rows, r)
		}
	}
	return anySchema, rows
}
