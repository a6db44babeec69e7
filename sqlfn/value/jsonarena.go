package value

// Arena copies small texts side by side into larger pieces of memory: one
// allocation for many, and a text that is kept holds a few kilobytes at most,
// not the payload it was cut from.
type Arena struct{ free []byte }

const (
	arenaPiece = 4 << 10
	arenaText  = 512 // longer ones get memory of their own
)

// Copy returns a copy of b that is never written again.
func (a *Arena) Copy(b []byte) []byte {
	if len(b) > len(a.free) {
		if len(b) > arenaText {
			return append([]byte(nil), b...)
		}
		a.free = make([]byte, arenaPiece)
	}
	n := copy(a.free, b)
	c := a.free[:n:n]
	a.free = a.free[n:]
	return c
}
