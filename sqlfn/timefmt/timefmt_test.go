package timefmt_test

import (
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/timefmt"
)

var moment = time.Date(2020, 1, 2, 3, 4, 5, 123456789, time.UTC)

func TestEachPatternLetterWritesItsField(t *testing.T) {
	india := time.FixedZone("IST", 5*3600+1800)
	for pattern, want := range map[string]string{
		"yyyy-MM-dd HH:mm:ssSSS XXX": "2020-01-02 03:04:05.123 +00:00",
		"YYYY yyyy YY yy":            "2020 2020 20 20",
		"G":                          "AD",
		"M MM MMM MMMM":              "1 01 Jan January",
		"d dd EEE EEEE":              "2 02 Thu Thursday",
		"h hh a":                     "3 03 AM",
		"m mm s ss":                  "4 04 5 05",
		"ssSSSSSS":                   "05.123456",
		"ss.SSS":                     "05.123",
		"z Z X XX XXX":               "UTC +0000 +00 +0000 +00:00",
		`\y 'yyyy' ''`:               "y yyyy '",
		"中文 yyyy/T":                  "中文 2020/T",
	} {
		l, err := timefmt.Compile(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		if got := l.Format(moment); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
	l, _ := timefmt.Compile("z Z X XX XXX hh a")
	if got, want := l.Format(moment.Add(12*time.Hour).In(india)), "IST +0530 +05 +0530 +05:30 08 PM"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAWrongRepeatOfALetterIsRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"yyy":     "invalid time format yyy for Y/y",
		"H":       "invalid time format H of H, only HH is supported",
		"MMMMM":   "invalid time format MMMMM for M",
		"E":       "invalid time format E for E",
		"yyyy 'a": "invalid time format 'a: the quote is not closed",
	} {
		if _, err := timefmt.Compile(pattern); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", pattern, err, want)
		}
	}
}

func TestAPatternReadsWhatItWrites(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	for _, pattern := range []string{
		"yyyy-MM-dd HH:mm:ssSSSSSSSSS", "yy/M/d h:m:s a SSSSSSSSS XXX", "EEEE, d MMMM yyyy HH:mm:ss.SSSSSSSSS Z",
		"EEE dd MMM YYYY G hh'h'mm:ssSSSSSSSSS a XX", "yyyyMMddHHmmssSSSSSSSSS",
	} {
		l, err := timefmt.Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{moment.In(shanghai), moment.Add(21 * time.Hour).In(shanghai), time.Date(1999, 12, 31, 23, 59, 59, 1, shanghai)} {
			got, err := l.Parse(l.Format(at), shanghai)
			if err != nil || !got.Equal(at) {
				t.Errorf("%s: %s became %v, %v", pattern, l.Format(at), got, err)
			}
		}
	}
}

func TestAPatternReadsAFractionItDoesNotMention(t *testing.T) {
	l, _ := timefmt.Compile("yyyy-MM-dd HH:mm:ss XXX")
	got, err := l.Parse("2020-01-02 03:04:05.123456789 +00:00", time.UTC)
	if err != nil || !got.Equal(moment) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAPatternRefusesTextsThatAreNoSuchTime(t *testing.T) {
	l, _ := timefmt.Compile("yyyy-MM-dd HH:mm")
	for _, text := range []string{"", "2020-13-01 00:00", "2020-02-30 00:00", "2020-01-00 00:00", "2020-01-01 24:00", "2020-01-01 23:60", "2020-01-01 23:00x", "20-01-01 23:00"} {
		if got, err := l.Parse(text, time.UTC); err == nil {
			t.Errorf("%q became %v", text, got)
		}
	}
	twelve, _ := timefmt.Compile("hh:mm a")
	for _, text := range []string{"13:00 PM", "00:10 AM", "10:10 XM"} {
		if got, err := twelve.Parse(text, time.UTC); err == nil {
			t.Errorf("%q became %v", text, got)
		}
	}
}

func TestZoneNamesAreThoseOfTheLocation(t *testing.T) {
	l, _ := timefmt.Compile("yyyy-MM-dd HH:mm:ss z")
	got, err := l.Parse("2020-01-02 03:04:05 UTC", time.FixedZone("CST", 8*3600))
	if err != nil || !got.Equal(moment.Truncate(time.Second)) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestPlainFormsNeedNoPattern(t *testing.T) {
	loc := time.FixedZone("CST", 8*3600)
	at := func(y, mo, d, h, m, s, ns int, l *time.Location) time.Time {
		return time.Date(y, time.Month(mo), d, h, m, s, ns, l)
	}
	for text, want := range map[string]time.Time{
		"2020-01-02T03:04:05Z":            at(2020, 1, 2, 3, 4, 5, 0, time.UTC),
		"2020-01-02T03:04:05.123456789Z":  moment,
		"2020-01-02T03:04:05+05:30":       at(2020, 1, 1, 21, 34, 5, 0, time.UTC),
		"2020-01-02T03:04:05-0330":        at(2020, 1, 2, 6, 34, 5, 0, time.UTC),
		"2020-01-02T03:04:05":             at(2020, 1, 2, 3, 4, 5, 0, loc),
		"2020-01-02 03:04:05":             at(2020, 1, 2, 3, 4, 5, 0, loc),
		"2020-1-2 3:4:5.5":                at(2020, 1, 2, 3, 4, 5, 500_000_000, loc),
		"2020-1-2 3:4":                    at(2020, 1, 2, 3, 4, 0, 0, loc),
		"2020-1-2 3":                      at(2020, 1, 2, 3, 0, 0, 0, loc),
		"2020/1/2":                        at(2020, 1, 2, 0, 0, 0, 0, loc),
		"2020.12.31":                      at(2020, 12, 31, 0, 0, 0, 0, loc),
		" 20200102 ":                      at(2020, 1, 2, 0, 0, 0, 0, loc),
		"Thu Jan  2 03:04:05 2020":        at(2020, 1, 2, 3, 4, 5, 0, loc),
		"Thu Jan  2 03:04:05 UTC 2020":    at(2020, 1, 2, 3, 4, 5, 0, time.UTC),
		"Thu, 02 Jan 2020 03:04:05 +0000": at(2020, 1, 2, 3, 4, 5, 0, time.UTC),
		"02 Jan 20 03:04 +0000":           at(2020, 1, 2, 3, 4, 0, 0, time.UTC),
		"03:04:05":                        at(0, 1, 1, 3, 4, 5, 0, loc),
		"3:04":                            at(0, 1, 1, 3, 4, 0, 0, loc),
		moment.String():                   moment,
	} {
		if got, err := timefmt.Parse(text, loc); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"zz", "", "2020-", "2020-02-30", "2020-01-02 25:00", "2020-01-02T03:04:05 nowhere", "2020-01-02T03:04:05+99:99"} {
		_, err := timefmt.Parse(text, loc)
		if want := "Can't parse string as time: " + text; err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2020-01-02T03:04:05.1Z", "2020-1-2", "Thu Jan  2 03:04:05 2020", "3:04"} {
		f.Add(s, "yyyy-MM-dd HH:mm:ssSSS XXX")
	}
	f.Fuzz(func(t *testing.T, text, pattern string) {
		if at, err := timefmt.Parse(text, time.UTC); err == nil && at.Year() >= 0 && at.Year() <= 9999 {
			again, err := timefmt.Parse(at.Format(time.RFC3339Nano), time.UTC)
			if _, off := at.Zone(); off%60 == 0 && (err != nil || !again.Equal(at)) {
				t.Errorf("%q: %v became %v, %v", text, at, again, err)
			}
		}
		if l, err := timefmt.Compile(pattern); err == nil {
			l.Format(moment)
			_, _ = l.Parse(text, time.UTC)
		}
	})
}

func BenchmarkFormat(b *testing.B) {
	l, _ := timefmt.Compile("yyyy-MM-dd HH:mm:ssSSS XXX")
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = l.Append(buf[:0], moment)
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := timefmt.Parse("2020-01-02T03:04:05.123Z", time.UTC); err != nil {
			b.Fatal(err)
		}
	}
}
