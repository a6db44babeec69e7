package rules

import (
	"time"

	"github.com/robfig/cron/v3"
)

// scheduled tells whether the rule runs at certain times only.
func (o *Options) scheduled() bool { return o.Cron != "" || len(o.Ranges) > 0 }

// active tells whether a scheduled rule runs at a time, and when that changes
// next; the zero time means never.
func (o *Options) active(now time.Time) (on bool, change time.Time) {
	on, change = o.inRange(now)
	if o.Cron == "" {
		return on, change
	}
	plan, err := cron.ParseStandard(o.Cron)
	if err != nil { // checked when the rule was parsed
		return on, change
	}
	start := plan.Next(now.Add(-o.Duration))
	if start.IsZero() { // no such day
		return false, time.Time{}
	}
	if start.After(now) { // a start inside the duration before now would be running
		return false, o.nextStart(plan, now)
	}
	stop := start.Add(o.Duration)
	if !on {
		return false, o.nextStart(plan, now)
	}
	return true, earlier(stop, change)
}

// nextStart is the first start of the cron plan after now that lies in one of
// the ranges.
func (o *Options) nextStart(plan cron.Schedule, now time.Time) time.Time {
	at := plan.Next(now)
	for !at.IsZero() {
		on, change := o.inRange(at)
		if on {
			return at
		}
		if change.IsZero() {
			return time.Time{}
		}
		at = plan.Next(change.Add(-time.Nanosecond))
	}
	return at
}

// inRange tells whether a time lies in one of the ranges (in all time, if there
// are none) and when that changes next.
func (o *Options) inRange(now time.Time) (on bool, change time.Time) {
	if len(o.Ranges) == 0 {
		return true, time.Time{}
	}
	for _, r := range o.Ranges {
		switch {
		case now.Before(r.Begin):
			if !on {
				change = earlier(change, r.Begin)
			}
		case now.Before(r.End):
			if !on || r.End.After(change) {
				change = r.End
			}
			on = true
		}
	}
	return on, change
}

// earlier returns the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
