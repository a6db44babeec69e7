package timefmt

import (
	"strings"
	"time"
)

// Parse reads a time in one of the forms that need no pattern: RFC 3339, the
// year-first forms yyyy-M-d[ H[:m[:s]]] (also with . or / or a T), yyyyMMdd,
// the dates of e-mail and Unix tools, and a bare clock time. A text without a
// zone is in loc.
func Parse(text string, loc *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	if len(text) > 4 && (text[4] == '-' || text[4] == '/' || text[4] == '.') {
		if t, err := yearFirst(text, loc); err == nil {
			return t, nil
		}
	}
	for _, layout := range plainLayouts() {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, notTime(text)
}

// notTime is the error for a text that is no time, in the wording that rules
// of Kuiper know.
type notTime string

func (e notTime) Error() string { return "Can't parse string as time: " + string(e) }

func plainLayouts() [13]string {
	return [...]string{
		"20060102", time.ANSIC, time.UnixDate, time.RubyDate,
		time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z,
		"2006-01-02 15:04:05.999999999 -0700 MST", // how Go prints a time
		"15:4:5 Jan 2, 2006 MST", "15:4:5", "15:4",
	}
}

// yearFirst reads by hand what nearly every device sends, some ten times
// faster than trying layouts.
func yearFirst(text string, loc *time.Location) (time.Time, error) {
	s := newScanner(text, loc)
	s.year = s.number(4, 4)
	sep := text[4:5]
	s.text(sep)
	s.month = s.number(1, 2)
	s.text(sep)
	s.day = s.number(1, 2)
	if s.ok && s.rest != "" {
		s.clock()
	}
	return s.time()
}

// clock reads " H", "TH:m", "TH:m:s.fff" and a zone behind it.
func (s *scanner) clock() {
	if s.rest[0] != ' ' && s.rest[0] != 'T' && s.rest[0] != 't' {
		s.ok = false
		return
	}
	s.rest = s.rest[1:]
	s.hour = s.number(1, 2)
	if strings.HasPrefix(s.rest, ":") {
		s.rest = s.rest[1:]
		s.min = s.number(1, 2)
	}
	if strings.HasPrefix(s.rest, ":") {
		s.rest = s.rest[1:]
		s.sec = s.number(1, 2)
		s.fraction(false)
	}
	if s.rest = strings.TrimPrefix(s.rest, " "); s.rest != "" {
		s.offset()
	}
}
