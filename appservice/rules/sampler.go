package rules

// sampleEvery is the shortest time between two log lines of the same kind, ms.
const sampleEvery = 10_000

// sampler lets the first of many alike events through and then one in a while.
type sampler struct {
	next    int64
	skipped int64
}

// sample tells whether to log now, and how many were left out before.
func (s *sampler) sample(now int64) (skipped int64, ok bool) {
	if now < s.next {
		s.skipped++
		return 0, false
	}
	skipped, s.skipped = s.skipped, 0
	s.next = now + sampleEvery
	return skipped, true
}
