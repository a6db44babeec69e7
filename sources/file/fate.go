package file

import "sync"

// fates are the files that are to be deleted or moved once every rule has
// their rows safely. A file whose rows a rule has lost stays.
type fates struct {
	mu      sync.Mutex
	pending map[string]bool // by name
}

// waits tells whether a file was read but is not yet disposed of: it must not
// be read again.
func (f *fates) waits(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending[name]
}

// begin starts to follow a file.
func (f *fates) begin(name string, dispose func()) *fate {
	return &fate{fates: f, name: name, dispose: dispose, open: 1}
}

// fate is what becomes of one file. A nil fate means that nothing does.
type fate struct {
	fates   *fates
	name    string
	dispose func()
	open    int // messages under way, and one for the reading itself
	lost    bool
}

// ack returns the Ack of one more message.
func (f *fate) ack() func(error) {
	if f == nil {
		return nil
	}
	f.fates.mu.Lock()
	f.open++
	f.fates.mu.Unlock()
	return f.settle
}

// finish tells that the file was read to its end.
func (f *fate) finish() {
	if f == nil {
		return
	}
	f.fates.mu.Lock()
	if f.fates.pending == nil {
		f.fates.pending = map[string]bool{}
	}
	f.fates.pending[f.name] = true
	f.fates.mu.Unlock()
	f.settle(nil)
}

func (f *fate) settle(err error) {
	f.fates.mu.Lock()
	f.lost = f.lost || err != nil
	f.open--
	over, lost := f.open == 0, f.lost
	f.fates.mu.Unlock()
	if !over {
		return
	}
	if !lost {
		f.dispose()
	}
	f.fates.mu.Lock()
	delete(f.fates.pending, f.name)
	f.fates.mu.Unlock()
}
