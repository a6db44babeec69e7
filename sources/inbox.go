package sources

import (
	"sync"
	"sync/atomic"

	"github.com/edgesluice/sluice/sqlfn/row"
)

// Inbox is the bounded queue in front of a rule. Hubs put in what arrives, the
// rule's goroutine takes everything that came since it last looked: under load
// batches grow by themselves, a lone row is never held back to fill one.
//
//	for {
//		select {
//		case <-in.Ready():
//			for _, d := range in.Take() {
//				err := pipeline.Push(d.Input, d.Batch, out)
//				d.Done(err)
//			}
//		case <-ctx.Done(): ...
//		}
//	}
//
// One goroutine calls Take. Any number of hubs, one for each stream of the
// rule, put in.
type Inbox struct {
	ready chan struct{}
	limit int

	turn   sync.Mutex           // held while the rule is run; guards direct
	direct func(*Delivery) bool // see Direct

	mu    sync.Mutex
	queue []Delivery    // waiting, oldest first
	taken []Delivery    // handed out by the last Take
	rows  int           // in queue
	room  chan struct{} // closed by the next Take; nil unless a hub waits for room
	side  int           // which half of small the queue may use
	used  bool          // that half is in use
	small [2][smallRows]row.Row
}

// Delivery is what the rule's goroutine takes: a batch of one input, or the
// news that a message could not be decoded, or that the source is exhausted.
// Batch.Rows and the Delivery's place in the slice are valid until the next
// Take; to settle it later, copy the Delivery.
type Delivery struct {
	Input  int // as given to Attach
	Batch  row.Batch
	Offset []byte // where the source resumes behind this batch, if it can
	Err    error  // an event could not be decoded; there is no Batch
	End    bool   // the source is exhausted; there is no Batch

	acks  []func(error)
	share *share
	chunk *chunk
}

const (
	smallRows = 8   // kept in the Inbox itself: what an idle rule needs
	chunkRows = 256 // in pooled memory, once more arrive together
	copyRows  = 32  // batches up to this size are copied together, larger ones shared
)

// chunk is pooled room for rows that are copied together.
type chunk [chunkRows]row.Row

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// share is the rows of a large batch that several inboxes point to.
type share struct {
	refs atomic.Int32
	rows []row.Row
}

var shares = sync.Pool{New: func() any { return new(share) }}

func (s *share) release() {
	if s.refs.Add(-1) == 0 {
		clear(s.rows)
		s.rows = s.rows[:0]
		shares.Put(s)
	}
}

// NewInbox returns an Inbox that holds about so many rows: a batch always fits
// if nothing else waits.
func NewInbox(rows int) *Inbox {
	return &Inbox{ready: make(chan struct{}, 1), limit: max(rows, 1)}
}

// Ready receives when there is something to take, and after Wake.
func (in *Inbox) Ready() <-chan struct{} { return in.ready }

// Wake makes Ready receive, so that a rule's goroutine can wait on one channel
// only: a timer or a stop that wants its attention calls Wake.
func (in *Inbox) Wake() {
	select {
	case in.ready <- struct{}{}:
	default:
	}
}

// Len returns the number of rows that wait.
func (in *Inbox) Len() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.rows
}

// Take returns everything that arrived since the last call, oldest first; nil
// if nothing did. What the last call returned is given back by that.
func (in *Inbox) Take() []Delivery {
	in.mu.Lock()
	in.recycle()
	in.taken, in.queue = in.queue, in.taken[:0]
	in.rows = 0
	in.side ^= 1
	in.used = false
	room := in.room
	in.room = nil
	taken := in.taken
	in.mu.Unlock()
	if room != nil {
		close(room)
	}
	return taken
}

// recycle gives back the rows that the last Take handed out.
func (in *Inbox) recycle() {
	for i := range in.taken {
		d := &in.taken[i]
		switch {
		case d.share != nil:
			d.share.release()
		case d.chunk != nil:
			clear(d.Batch.Rows)
			chunks.Put(d.chunk)
		default:
			clear(d.Batch.Rows)
		}
		*d = Delivery{}
	}
}

// Done tells that the rule is through with a delivery: nil when its results
// are where they cannot get lost. It is called once for each delivery, from
// any goroutine; it costs nothing when the source does not ask.
func (d *Delivery) Done(err error) {
	for _, ack := range d.acks {
		ack(err)
	}
	d.acks = nil
}

// Asks tells whether anybody waits for Done.
func (d *Delivery) Asks() bool { return len(d.acks) > 0 }

// parcel is one run of rows on its way to the inboxes.
type parcel struct {
	batch  row.Batch
	offset []byte
	ack    func(error) // nil if nobody asks
	share  *share      // nil: the rows are to be copied
}

// giveUp settles one inbox's part in a parcel that it does not get.
func (p *parcel) giveUp(err error) {
	if p.share != nil {
		p.share.release()
	}
	if p.ack != nil {
		p.ack(err)
	}
}

// put adds a parcel of a tap if there is room. If not, and wait is set, it
// returns the channel that is closed when there may be room.
func (in *Inbox) put(t *Tap, p *parcel, wait bool) (ok bool, room <-chan struct{}) {
	n := len(p.batch.Rows)
	in.mu.Lock()
	if t.detached {
		in.mu.Unlock()
		p.giveUp(ErrDetached)
		return true, nil
	}
	if in.rows > 0 && in.rows+n > in.limit {
		if wait {
			if in.room == nil {
				in.room = make(chan struct{})
			}
			room = in.room
		}
		in.mu.Unlock()
		return false, room
	}
	idle := len(in.queue) == 0
	in.rows += n
	if p.share != nil {
		in.queue = append(in.queue, Delivery{Input: t.input, Batch: p.batch, share: p.share})
	} else {
		in.copyIn(t.input, p.batch)
	}
	last := &in.queue[len(in.queue)-1]
	if p.offset != nil {
		last.Offset = p.offset
	}
	if p.ack != nil {
		last.acks = append(last.acks, p.ack)
	}
	in.mu.Unlock()
	if idle {
		in.Wake()
	}
	return true, nil
}

// copyIn appends a few rows to the delivery at the end of the queue, or starts
// a new one.
func (in *Inbox) copyIn(input int, b row.Batch) {
	if n := len(in.queue); n > 0 {
		t := &in.queue[n-1]
		if t.Input == input && t.Batch.Schema == b.Schema && t.Batch.Timed == b.Timed && !b.Fresh && t.share == nil && t.Err == nil && !t.End &&
			len(t.Batch.Rows)+len(b.Rows) <= cap(t.Batch.Rows) {
			t.Batch.Rows = append(t.Batch.Rows, b.Rows...)
			return
		}
	}
	d := Delivery{Input: input, Batch: b}
	if !in.used && len(b.Rows) <= smallRows {
		in.used = true
		d.Batch.Rows = append(in.small[in.side][:0], b.Rows...)
	} else {
		d.chunk = chunks.Get().(*chunk)
		d.Batch.Rows = append(d.chunk[:0], b.Rows...)
	}
	in.queue = append(in.queue, d)
}

// note adds an event without rows. Errors are left out when the inbox is full:
// they were counted, and must not crowd out rows.
func (in *Inbox) note(t *Tap, d Delivery) {
	d.Input = t.input
	in.mu.Lock()
	if t.detached {
		in.mu.Unlock()
		return
	}
	if d.Err != nil {
		if in.rows >= in.limit {
			in.mu.Unlock()
			return
		}
		in.rows++
	}
	in.queue = append(in.queue, d)
	in.mu.Unlock()
	in.Wake()
}

// leave drops what waits of a tap, lets nothing more in from it, and returns
// the acks it owes.
func (in *Inbox) leave(t *Tap) (owed []func(error)) {
	in.mu.Lock()
	defer in.mu.Unlock()
	t.detached = true
	kept := in.queue[:0]
	for _, d := range in.queue {
		if d.Input != t.input {
			kept = append(kept, d)
			continue
		}
		in.rows -= len(d.Batch.Rows)
		if d.Err != nil {
			in.rows--
		}
		owed = append(owed, d.acks...)
		if d.share != nil {
			d.share.release()
		} // copied rows are left to the collector: this is not a hot path
	}
	clear(in.queue[len(kept):])
	in.queue = kept
	if in.room != nil {
		close(in.room)
		in.room = nil
	}
	return owed
}
