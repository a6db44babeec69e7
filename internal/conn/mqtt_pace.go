package conn

import "time"

// pacer keeps a busy reader from waking up for every packet. A broker sends
// one small packet after the other, and a reader that is woken for each of
// them, with all who wait for it, spends most of its time in the kernel. As
// network cards do, it pauses a little before it waits again while packets
// come in quick succession, so that one wake-up brings several. A packet that
// comes alone is never delayed.
type pacer struct {
	sock    *socket // may be nil
	since   time.Time
	packets int // since then
	busy    bool
}

const (
	paceWindow = 2 * time.Millisecond
	paceBusy   = 4                      // packets in a millisecond
	paceNap    = 500 * time.Microsecond // timers may round it up to a millisecond
)

// pause is called before a read that may have to wait for the network.
func (p *pacer) pause() {
	if p.busy {
		p.sock.gather(true)
		time.Sleep(paceNap)
	}
}

// woke is called when the read returned.
func (p *pacer) woke() {
	now := time.Now()
	if d := now.Sub(p.since); d >= paceWindow {
		p.busy = p.packets >= paceBusy*int(min(d, time.Minute)/time.Microsecond)/1000
		p.since, p.packets = now, 0
	}
}
