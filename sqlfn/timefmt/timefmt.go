// Package timefmt writes and reads times by the pattern letters of the SQL
// dialect, as in format_time and the stream option TIMESTAMP_FORMAT, and reads
// times in the forms that need no pattern.
//
//	l, err := timefmt.Compile("yyyy-MM-dd HH:mm:ssSSS")
//	l.Format(t)                        // 2020-01-02 03:04:05.123
//	timefmt.Parse("2020-1-2", loc)     // midnight of that day in loc
//
// The letters:
//
//	yyyy YYYY 2020   yy YY 20      G AD          M 1   MM 01   MMM Jan   MMMM January
//	d 2   dd 02      EEE Thu       EEEE Thursday HH 03   h 3   hh 03   a AM
//	m 4   mm 04      s 5   ss 05   SSS .123      z zone name   Z +0000
//	X +00 XX +0000   XXX +00:00    \x 'text'     stand for themselves
//
// A Layout is immutable and may be shared.
package timefmt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Layout is a compiled pattern.
type Layout struct {
	pattern string
	parts   []part
}

// part is one run of a letter, or literal text.
type part struct {
	kind field
	n    int    // digits of a fraction
	bare bool   // of a fraction: the text before it ends in the point already
	text string // of literal
}

type field uint8

const (
	literal field = iota
	year4
	year2
	era
	month1
	month2
	monthShort
	monthLong
	day1
	day2
	weekdayShort
	weekdayLong
	hour24
	hour1
	hour2
	ampm
	minute1
	minute2
	second1
	second2
	fraction
	zoneName
	zoneDigits // +0000
	zoneHours  // +00
	zoneColon  // +00:00
)

// letters says which field a letter stands for when repeated 1, 2, .. times.
func letters(c byte) []field {
	switch c {
	case 'y', 'Y':
		return []field{1: year2, 3: year4}
	case 'G':
		return []field{era}
	case 'M':
		return []field{month1, month2, monthShort, monthLong}
	case 'd':
		return []field{day1, day2}
	case 'E':
		return []field{2: weekdayShort, 3: weekdayLong}
	case 'H':
		return []field{1: hour24}
	case 'h':
		return []field{hour1, hour2}
	case 'a':
		return []field{ampm}
	case 'm':
		return []field{minute1, minute2}
	case 's':
		return []field{second1, second2}
	case 'S':
		return []field{fraction, fraction, fraction, fraction, fraction, fraction, fraction, fraction, fraction}
	case 'z':
		return []field{zoneName}
	case 'Z':
		return []field{zoneDigits}
	case 'X':
		return []field{zoneHours, zoneDigits, zoneColon}
	}
	return nil
}

// Compile reads a pattern.
func Compile(pattern string) (*Layout, error) {
	l := &Layout{pattern: pattern}
	for rest := pattern; rest != ""; {
		n, err := l.next(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return l, nil
}

// next takes the first part of a pattern and returns its length.
func (l *Layout) next(rest string) (int, error) {
	c := rest[0]
	switch c {
	case '\\':
		_, size := utf8.DecodeRuneInString(rest[1:])
		l.literal(rest[1 : 1+size])
		return 1 + size, nil
	case '\'':
		return l.quoted(rest)
	}
	fields := letters(c)
	if fields == nil {
		_, size := utf8.DecodeRuneInString(rest)
		l.literal(rest[:size])
		return size, nil
	}
	n := len(rest) - len(strings.TrimLeft(rest, rest[:1]))
	if n > len(fields) || fields[n-1] == literal {
		return 0, wrongRepeat(rest[:n])
	}
	p := part{kind: fields[n-1], n: n}
	if p.kind == fraction && len(l.parts) > 0 {
		before := l.parts[len(l.parts)-1].text
		p.bare = strings.HasSuffix(before, ".") || strings.HasSuffix(before, ",")
	}
	l.parts = append(l.parts, p)
	return n, nil
}

// quoted takes 'text'; two quotes in a row are one.
func (l *Layout) quoted(rest string) (int, error) {
	end := strings.IndexByte(rest[1:], '\'')
	switch end {
	case -1:
		return 0, fmt.Errorf("invalid time format %s: the quote is not closed", rest)
	case 0:
		l.literal("'")
	default:
		l.literal(rest[1 : 1+end])
	}
	return end + 2, nil
}

func (l *Layout) literal(s string) {
	if n := len(l.parts); n > 0 && l.parts[n-1].kind == literal {
		l.parts[n-1].text += s
		return
	}
	l.parts = append(l.parts, part{text: s})
}

func wrongRepeat(run string) error {
	letter := run[:1]
	switch letter {
	case "y", "Y":
		letter = "Y/y"
	case "H":
		return fmt.Errorf("invalid time format %s of H, only HH is supported", run)
	}
	return fmt.Errorf("invalid time format %s for %s", run, letter)
}

// String returns the pattern.
func (l *Layout) String() string { return l.pattern }

// Format writes t.
func (l *Layout) Format(t time.Time) string {
	var buf [64]byte
	return string(l.Append(buf[:0], t))
}

// Append writes t behind dst.
func (l *Layout) Append(dst []byte, t time.Time) []byte {
	for i := range l.parts {
		dst = l.parts[i].append(dst, t)
	}
	return dst
}

func (p *part) append(dst []byte, t time.Time) []byte {
	switch p.kind {
	case literal:
		return append(dst, p.text...)
	case year4:
		y, _ := yearOfEra(t)
		return pad(dst, y, 4)
	case year2:
		y, _ := yearOfEra(t)
		return pad(dst, y%100, 2)
	case era:
		_, name := yearOfEra(t)
		return append(dst, name...)
	case month1:
		return strconv.AppendInt(dst, int64(t.Month()), 10)
	case month2:
		return pad(dst, int(t.Month()), 2)
	case monthShort:
		return append(dst, t.Month().String()[:3]...)
	case monthLong:
		return append(dst, t.Month().String()...)
	case day1:
		return strconv.AppendInt(dst, int64(t.Day()), 10)
	case day2:
		return pad(dst, t.Day(), 2)
	case weekdayShort:
		return append(dst, t.Weekday().String()[:3]...)
	case weekdayLong:
		return append(dst, t.Weekday().String()...)
	}
	if p.kind >= zoneName {
		return p.appendZone(dst, t)
	}
	return p.appendClock(dst, t)
}

func (p *part) appendClock(dst []byte, t time.Time) []byte {
	switch p.kind {
	case hour24:
		return pad(dst, t.Hour(), 2)
	case hour1:
		return strconv.AppendInt(dst, int64(hour12(t)), 10)
	case hour2:
		return pad(dst, hour12(t), 2)
	case ampm:
		if t.Hour() < 12 {
			return append(dst, "AM"...)
		}
		return append(dst, "PM"...)
	case minute1:
		return strconv.AppendInt(dst, int64(t.Minute()), 10)
	case minute2:
		return pad(dst, t.Minute(), 2)
	case second1:
		return strconv.AppendInt(dst, int64(t.Second()), 10)
	case second2:
		return pad(dst, t.Second(), 2)
	}
	if !p.bare { // fraction: the letters bring the point with them
		dst = append(dst, '.')
	}
	n := len(dst)
	return pad(dst, t.Nanosecond(), 9)[:n+p.n]
}

func (p *part) appendZone(dst []byte, t time.Time) []byte {
	name, off := t.Zone()
	if p.kind == zoneName {
		return append(dst, name...)
	}
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = pad(append(dst, sign), off/3600, 2)
	switch p.kind {
	case zoneDigits:
		dst = pad(dst, off/60%60, 2)
	case zoneColon:
		dst = pad(append(dst, ':'), off/60%60, 2)
	}
	return dst
}

func yearOfEra(t time.Time) (int, string) {
	if y := t.Year(); y > 0 {
		return y, "AD"
	}
	return 1 - t.Year(), "BC"
}

func hour12(t time.Time) int {
	if h := t.Hour() % 12; h != 0 {
		return h
	}
	return 12
}

// pad writes n with leading zeros.
func pad(dst []byte, n, width int) []byte {
	for limit := pow10(width - 1); limit > 1 && n < limit; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
