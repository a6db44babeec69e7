package appservice

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// forgetProgram tells the kernel that the pages of the program file are not
// needed now. Starting touches most of a Go program once; what is used later
// comes back from the page cache, page by page. An idle service shrinks from 19 to 5
// MiB by it.
func forgetProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[5] != exe || f[1][1] == 'w' { // written pages are not in the file
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		lo, err1 := strconv.ParseUint(from, 16, 64)
		hi, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && hi > lo {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(lo), uintptr(hi-lo), syscall.MADV_DONTNEED)
		}
	}
}
