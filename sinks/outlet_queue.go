package sinks

import (
	"context"
	"errors"
	"sync"
)

// Item is one message on its way to a sink.
type Item struct {
	Payload Payload
	Weight  int         // rows in it, at least 1
	done    func(error) // told when this item and all before it are settled; may be nil
	mark    bool        // no message: somebody waits for all before it
}

// Queue is where messages wait between the rule's goroutine, which puts, and
// the sink's, which takes and settles. Messages leave in the order they came.
type Queue interface {
	// Put adds items; it blocks while the queue is full, until ctx ends. n tells
	// how many it has added.
	Put(ctx context.Context, items []Item) (n int, err error)
	// Ready receives when there may be something to take.
	Ready() <-chan struct{}
	// Take appends up to max items that were not taken yet. They stay in the
	// queue, and count towards its bound, until they are settled.
	Take(buf []Item, max int) []Item
	// Settle removes the n oldest items: the far side has them, or nobody wants
	// them any more.
	Settle(n int) error
	// Len returns the number of items and rows that are not settled.
	Len() (items, rows int)
	// Close makes Put fail.
	Close() error
}

// ErrClosed is what an Outlet returns after Close.
var ErrClosed = errors.New("outlet is closed")

// memoryQueue is a Queue that does not outlive the process.
type memoryQueue struct {
	limit int // rows
	ready chan struct{}

	mu     sync.Mutex
	items  []Item // a ring
	head   int    // oldest item
	count  int    // items in the ring
	taken  int    // of them, handed out
	rows   int
	peak   int           // of count since it was last 0
	room   chan struct{} // closed by the next Settle; nil unless a Put waits
	closed bool
}

// NewMemoryQueue returns a queue for about so many rows: an item always fits
// into an empty queue.
func NewMemoryQueue(rows int) Queue {
	return &memoryQueue{limit: max(rows, 1), ready: make(chan struct{}, 1)}
}

// Ready implements Queue.
func (q *memoryQueue) Ready() <-chan struct{} { return q.ready }

// Put implements Queue.
func (q *memoryQueue) Put(ctx context.Context, items []Item) (n int, err error) {
	for {
		added, room, err := q.add(items[n:])
		n += added
		if room == nil || err != nil {
			return n, err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
	}
}

// add adds what there is room for. If that is not all it returns the channel
// that is closed when there may be more.
func (q *memoryQueue) add(items []Item) (n int, room <-chan struct{}, err error) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return 0, nil, ErrClosed
	}
	fresh := q.taken == q.count
	for n < len(items) && (q.rows == 0 || q.rows+items[n].Weight <= q.limit) {
		q.push(&items[n])
		n++
	}
	if n < len(items) {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room = q.room
	}
	q.mu.Unlock()
	if fresh && n > 0 {
		select {
		case q.ready <- struct{}{}:
		default:
		}
	}
	return n, room, nil
}

func (q *memoryQueue) push(it *Item) {
	if q.count == len(q.items) {
		grown := make([]Item, max(2*q.count, 8))
		n := copy(grown, q.items[q.head:])
		copy(grown[n:], q.items[:q.head])
		q.items, q.head = grown, 0
	}
	q.items[(q.head+q.count)&(len(q.items)-1)] = *it
	q.count++
	q.peak = max(q.peak, q.count)
	q.rows += it.Weight
}

// Take implements Queue.
func (q *memoryQueue) Take(buf []Item, max int) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; q.taken < q.count && max > 0; max-- {
		buf = append(buf, q.items[(q.head+q.taken)&(len(q.items)-1)])
		q.taken++
	}
	return buf
}

// Settle implements Queue.
func (q *memoryQueue) Settle(n int) error {
	q.mu.Lock()
	for range n {
		it := &q.items[q.head]
		q.rows -= it.Weight
		*it = Item{}
		q.head = (q.head + 1) & (len(q.items) - 1)
	}
	q.count -= n
	q.taken -= n
	if q.count == 0 {
		if len(q.items) > 64 && q.peak < len(q.items)/8 { // a burst is over
			q.items, q.head = nil, 0
		}
		q.peak = 0
	}
	room := q.room
	q.room = nil
	q.mu.Unlock()
	if room != nil {
		close(room)
	}
	return nil
}

// Len implements Queue.
func (q *memoryQueue) Len() (items, rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count, q.rows
}

// Close implements Queue.
func (q *memoryQueue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return nil
}
