package timefmt

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// scanner reads a text into the fields of a time.
type scanner struct {
	rest string
	ok   bool

	year, month, day     int
	hour, min, sec, nsec int
	bc, twelve, pm       bool
	loc                  *time.Location
	zone                 string // an abbreviation, resolved at the end
}

func newScanner(text string, loc *time.Location) *scanner {
	return &scanner{rest: text, ok: true, year: 1970, month: 1, day: 1, loc: loc}
}

// Parse reads a text written by the pattern. Fields that the pattern lacks
// are those of midnight, 1 January 1970; a text without a zone is in loc. A
// fraction behind the seconds is read even if the pattern has none.
func (l *Layout) Parse(text string, loc *time.Location) (time.Time, error) {
	s := newScanner(text, loc)
	for i := range l.parts {
		s.part(&l.parts[i])
		if l.endsInSeconds(i) {
			s.fraction(false)
		}
	}
	t, err := s.time()
	if err != nil {
		return time.Time{}, fmt.Errorf("%w does not match %s", notTime(text), l.pattern)
	}
	return t, nil
}

// endsInSeconds tells whether part i is seconds and the pattern does not itself
// go on with a fraction.
func (l *Layout) endsInSeconds(i int) bool {
	if k := l.parts[i].kind; k != second1 && k != second2 {
		return false
	}
	if i+1 == len(l.parts) {
		return true
	}
	next := &l.parts[i+1]
	return next.kind != fraction && !strings.HasPrefix(next.text, ".") && !strings.HasPrefix(next.text, ",")
}

func (s *scanner) part(p *part) {
	switch p.kind {
	case literal:
		s.text(p.text)
	case year4:
		s.year = s.number(4, 4)
	case year2:
		if s.year = s.number(2, 2) + 2000; s.year >= 2069 {
			s.year -= 100
		}
	case era:
		s.bc = s.word("AD", "BC") == 1
	case month1, month2:
		s.month = s.number(int(p.kind-month1)+1, 2)
	case monthShort, monthLong:
		s.month = s.name(p.kind == monthShort, 12, func(i int) string { return time.Month(i + 1).String() }) + 1
	case day1, day2:
		s.day = s.number(int(p.kind-day1)+1, 2)
	case weekdayShort, weekdayLong:
		s.name(p.kind == weekdayShort, 7, func(i int) string { return time.Weekday(i).String() })
	case hour24:
		s.hour = s.number(2, 2)
	case hour1, hour2:
		s.hour, s.twelve = s.number(int(p.kind-hour1)+1, 2), true
	case ampm:
		s.pm, s.twelve = s.word("AM", "PM") == 1, true
	case minute1, minute2:
		s.min = s.number(int(p.kind-minute1)+1, 2)
	case second1, second2:
		s.sec = s.number(int(p.kind-second1)+1, 2)
	case fraction:
		s.fraction(p.bare)
	case zoneName:
		s.abbreviation()
	default:
		s.offset()
	}
}

// time puts the fields together and refuses those out of range.
func (s *scanner) time() (time.Time, error) {
	if s.twelve {
		s.ok = s.ok && s.hour >= 1 && s.hour <= 12
		s.hour %= 12
		if s.pm {
			s.hour += 12
		}
	}
	if s.bc {
		s.year = 1 - s.year
	}
	if !s.ok || s.rest != "" || s.month < 1 || s.month > 12 || s.hour > 23 || s.min > 59 || s.sec > 59 {
		return time.Time{}, errNotTime
	}
	t := time.Date(s.year, time.Month(s.month), s.day, s.hour, s.min, s.sec, s.nsec, s.loc)
	if s.day < 1 || int(time.Date(s.year, time.Month(s.month), s.day, 0, 0, 0, 0, time.UTC).Month()) != s.month {
		return time.Time{}, errNotTime
	}
	if s.zone != "" {
		return time.ParseInLocation(time.DateTime+" MST", t.Format(time.DateTime)+" "+s.zone, s.loc)
	}
	return t, nil
}

var errNotTime = errors.New("not a time")

func (s *scanner) text(want string) {
	rest, ok := strings.CutPrefix(s.rest, want)
	s.rest, s.ok = rest, s.ok && ok
}

// number reads at least lo and at most hi digits.
func (s *scanner) number(lo, hi int) int {
	n, i := 0, 0
	for i < hi && i < len(s.rest) && isDigit(s.rest[i]) {
		n = n*10 + int(s.rest[i]-'0')
		i++
	}
	s.ok = s.ok && i >= lo
	s.rest = s.rest[i:]
	return n
}

// word reads one of the words in any case and returns which.
func (s *scanner) word(words ...string) int {
	for i, w := range words {
		if len(s.rest) >= len(w) && strings.EqualFold(s.rest[:len(w)], w) {
			s.rest = s.rest[len(w):]
			return i
		}
	}
	s.ok = false
	return -1
}

// name reads the name of a month or weekday.
func (s *scanner) name(short bool, n int, of func(int) string) int {
	words := make([]string, n)
	for i := range words {
		words[i] = of(i)
		if short {
			words[i] = words[i][:3]
		}
	}
	return s.word(words...)
}

// fraction reads digits behind a point or comma, if there are any; bare means
// that the point was read already.
func (s *scanner) fraction(bare bool) {
	if !bare {
		if len(s.rest) < 2 || s.rest[0] != '.' && s.rest[0] != ',' || !isDigit(s.rest[1]) {
			return
		}
		s.rest = s.rest[1:]
	}
	s.nsec = 0
	scale := 100_000_000
	for s.rest != "" && isDigit(s.rest[0]) {
		s.nsec += int(s.rest[0]-'0') * scale
		scale /= 10
		s.rest = s.rest[1:]
	}
}

// abbreviation reads a zone name such as UTC or CET.
func (s *scanner) abbreviation() {
	i := 0
	for i < len(s.rest) && (s.rest[i] >= 'A' && s.rest[i] <= 'Z') {
		i++
	}
	s.ok = s.ok && i > 0
	s.zone, s.rest = s.rest[:i], s.rest[i:]
	if s.zone == "Z" {
		s.zone, s.loc = "", time.UTC
	}
}

// offset reads Z, +hh, +hhmm or +hh:mm.
func (s *scanner) offset() {
	if s.rest == "" {
		s.ok = false
		return
	}
	sign := 1
	switch s.rest[0] {
	case 'Z':
		s.rest, s.loc = s.rest[1:], time.UTC
		return
	case '+':
	case '-':
		sign = -1
	default:
		s.ok = false
		return
	}
	s.rest = s.rest[1:]
	hours, mins := s.number(2, 2), 0
	s.rest = strings.TrimPrefix(s.rest, ":")
	if s.rest != "" && isDigit(s.rest[0]) {
		mins = s.number(2, 2)
	}
	s.ok = s.ok && hours < 24 && mins < 60
	s.loc = fixedZone(sign * (hours*3600 + mins*60))
}

func fixedZone(secs int) *time.Location {
	if secs == 0 {
		return time.UTC
	}
	return time.FixedZone("", secs)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
