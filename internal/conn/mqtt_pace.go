package conn

import "time"

// pacer keeps a busy reader from waking up for every packet. A broker sends
// one small packet after the other, and a reader that is woken for each of
// them spends most of its time in the kernel. As network cards do, it pauses
// a little before the next read while packets come in quick succession, so
// that one read brings several. A packet that comes alone is never delayed.
type pacer struct {
	last    time.Time // when the last read returned
	packets int       // since then
	streak  int       // how busy it has been
}

const (
	paceGap    = 120 * time.Microsecond // reads closer together than this are a burst
	paceNap    = 150 * time.Microsecond
	paceStreak = 8 // so many reads in a burst and the pauses begin
)

// pause is called before a read that would have to wait for the network.
func (p *pacer) pause() {
	if p.streak >= paceStreak {
		nap(paceNap)
	}
}

// woke is called when the read returned.
func (p *pacer) woke() {
	now := time.Now()
	if now.Sub(p.last) < paceGap || p.streak >= paceStreak && p.packets > 1 {
		p.streak = min(p.streak+1, 2*paceStreak)
	} else {
		p.streak = max(p.streak-paceStreak/2, 0)
	}
	p.last, p.packets = now, 0
}
