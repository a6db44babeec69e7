//go:build !linux

package conn

import (
	"runtime"
	"time"
)

// nap sleeps for a moment.
func nap(d time.Duration) {
	runtime.Gosched()
	time.Sleep(d)
}
