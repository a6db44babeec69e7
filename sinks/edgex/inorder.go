package edgex

import "sync"

// inOrder calls done functions in the order of the messages. A row without any
// value makes no event and is done at once, but not before those ahead of it.
type inOrder struct {
	mu    sync.Mutex
	queue []*waiting
}

type waiting struct {
	done func(error)
	over bool
	err  error
}

func (o *inOrder) add(done func(error)) *waiting {
	w := &waiting{done: done}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, w)
	return w
}

// drop takes back the last one added.
func (o *inOrder) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = o.queue[:len(o.queue)-1]
}

// finish tells w and those behind it that were finished before.
func (o *inOrder) finish(w *waiting, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w.over, w.err = true, err
	n := 0
	for n < len(o.queue) && o.queue[n].over {
		o.queue[n].done(o.queue[n].err)
		n++
	}
	o.queue = append(o.queue[:0], o.queue[n:]...)
}
