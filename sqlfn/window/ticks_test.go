package window_test

import (
	"testing"
	"time"

	"github.com/edgesluice/sluice/sqlfn/window"
)

func TestTheFirstMarkIsAlignedToTheUnit(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*3600)
	tests := []struct {
		name, at string
		unit     string
		n        int64
		loc      *time.Location
		want     string
	}{
		{"ten seconds end at :10", "2020-01-02T03:04:05.500Z", "SS", 10, time.UTC, "2020-01-02T03:04:10Z"},
		{"a mark is never now", "2020-01-02T03:04:10Z", "SS", 10, time.UTC, "2020-01-02T03:04:20Z"},
		{"seven seconds count from the minute", "2020-01-02T03:04:15Z", "SS", 7, time.UTC, "2020-01-02T03:04:21Z"},
		{"more than a minute counts from the minute", "2020-01-02T03:04:15Z", "SS", 90, time.UTC, "2020-01-02T03:05:30Z"},
		{"minutes count from the hour", "2020-01-02T03:04:15Z", "MI", 5, time.UTC, "2020-01-02T03:05:00Z"},
		{"hours count from the day", "2020-01-02T03:04:15Z", "HH", 6, time.UTC, "2020-01-02T06:00:00Z"},
		{"hours count from the day of the zone", "2020-01-02T03:04:15Z", "HH", 6, shanghai, "2020-01-02T12:00:00+08:00"},
		{"days end at midnight of the zone", "2020-01-02T20:00:00Z", "DD", 1, shanghai, "2020-01-04T00:00:00+08:00"},
		{"milliseconds count from the second", "2020-01-02T03:04:05.120Z", "MS", 50, time.UTC, "2020-01-02T03:04:05.150Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, _ := time.Parse(time.RFC3339Nano, tt.at)
			want, _ := time.Parse(time.RFC3339Nano, tt.want)
			got := time.UnixMilli(window.NextMark(at.UnixMilli(), tt.unit, tt.n, tt.loc))
			if !got.Equal(want) {
				t.Errorf("NextMark(%s, %s, %d) = %s, want %s", tt.at, tt.unit, tt.n, got.In(tt.loc), tt.want)
			}
		})
	}
}
