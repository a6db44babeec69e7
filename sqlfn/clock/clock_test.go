package clock

import (
	"testing"
	"time"
)

func TestTimesOfDevicesAreBelievedWithinReason(t *testing.T) {
	const now = 1_700_000_000_000
	for _, tt := range []struct {
		at, now int64
		want    bool
	}{
		{now, now, true}, {now + day, now, true}, {now + day + 1, now, false}, {year2000, now, true}, {year2000 - 1, now, false}, {0, now, false}, {-5, now, false},
		{now + day + 1, 0, true}, {year2100, 0, true}, {year2100 + 1, 0, false}, {1 << 62, 0, false},
	} {
		if got := Plausible(tt.at, tt.now); got != tt.want {
			t.Errorf("%d at %d: %v", tt.at, tt.now, got)
		}
	}
}

func TestAVirtualClockMovesOnlyWhenTold(t *testing.T) {
	v := NewVirtual(time.UnixMilli(1000))
	first, _ := v.After(time.Second)
	second, stop := v.After(time.Second)
	at0, _ := v.After(0)
	<-at0
	if v.Waiting() != 2 || MS(v.Now()) != 1000 {
		t.Errorf("%d timers at %d", v.Waiting(), MS(v.Now()))
	}
	stop()
	v.Set(time.UnixMilli(1999))
	select {
	case <-first:
		t.Error("it fired early")
	default:
	}
	v.Set(time.UnixMilli(2000))
	if at := <-first; MS(at) != 2000 || v.Waiting() != 0 {
		t.Errorf("fired at %d, %d timers left", MS(at), v.Waiting())
	}
	select {
	case <-second:
		t.Error("a stopped timer fired")
	default:
	}
}
