package sinks

import "context"

// AsyncWriter is implemented by sinks that can have many payloads under way.
// WriteAsync hands a payload over and returns; done is called once, possibly
// before WriteAsync returns, from any goroutine: nil when the far side has the
// payload, else an error as Write returns it. done must not block, nor wait
// for a lock that is held while the sink is called.
//
// Payloads reach the far side in the order of the calls, and done is called in
// that order. WriteAsync blocks while too many payloads are under way. When it
// returns an error itself, done is not called. The payload must not be written
// before done was called.
//
// A sink that is a Flusher too gathers payloads: call Flush when no further
// one is at hand, even if they keep coming. Close waits a moment for what is
// under way; a done may still come later.
type AsyncWriter interface {
	WriteAsync(ctx context.Context, p Payload, done func(error)) error
}
