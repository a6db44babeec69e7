package conn

import (
	"runtime"
	"syscall"
	"time"
)

// nap sleeps for less than the run-time's timers can, which round up to a
// millisecond while nothing else happens.
func nap(d time.Duration) {
	runtime.Gosched() // let those run first who were given something to do
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil)
}
