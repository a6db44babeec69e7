package rest

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// hostUsage tells what this process uses of the machine, as far as /proc says;
// elsewhere the figures are 0.
type hostUsage struct {
	mu   sync.Mutex
	at   time.Time
	cpu  float64 // seconds used until at
	last float64 // percent between the last two reads
}

const (
	clockTick = 100 // USER_HZ on every Linux Go supports
	minGap    = time.Second
)

// read returns the CPU in percent of a core since the last read, resident
// memory and the machine's memory, both in bytes.
func (h *hostUsage) read(now time.Time) (percent float64, used, total int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if gap := now.Sub(h.at); h.at.IsZero() || gap >= minGap {
		cpu := processSeconds()
		if !h.at.IsZero() {
			h.last = (cpu - h.cpu) / gap.Seconds() * 100
		}
		h.at, h.cpu = now, cpu
	}
	return h.last, procKB("/proc/self/status", "VmRSS:") << 10, procKB("/proc/meminfo", "MemTotal:") << 10
}

func processSeconds() float64 {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / clockTick
}

func procKB(file, key string) int64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}
