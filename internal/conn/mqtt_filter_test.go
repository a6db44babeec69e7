package conn

import (
	"slices"
	"strings"
	"testing"
)

func TestTopicFilterTellsWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ filter, err string }{
		{"devices/+/state", ""},
		{"#", ""},
		{"+", ""},
		{"/", ""},
		{"$share/group/devices/#", ""},
		{"", "must have 1 to 65535 bytes"},
		{strings.Repeat("a", 65536), "must have 1 to 65535 bytes"},
		{"a\x00b", "none of them zero"},
		{"a/#/b", "# must be the last level"},
		{"a#", "must stand alone"},
		{"a/b+/c", "must stand alone"},
		{"$share/group", "a shared subscription is"},
		{"$share//a", "a shared subscription is"},
		{"$share/g+/a", "a shared subscription is"},
		{"$share/g/", "must have 1 to 65535 bytes"},
	} {
		err := TopicFilter(tt.filter).Valid()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%.40q: %v, want %q", tt.filter, err, tt.err)
		}
	}
}

func TestTopicFilterMatches(t *testing.T) {
	for _, tt := range []struct {
		filter string
		yes    string
		no     string
	}{
		{"a/b", "a/b", "a a/b/c a/ /a/b"},
		{"a/+", "a/b a/", "a a/b/c"},
		{"a/#", "a a/ a/b a/b/c", "b ab"},
		{"+/b", "a/b /b", "a/c b $SYS/b"},
		{"#", "a a/b /", "$SYS/broker $hw/events"},
		{"$hw/events/device/+/twin/update", "$hw/events/device/d1/twin/update", "hw/events/device/d1/twin/update"},
		{"$share/g/a/+", "a/b", "a $share/g/a/b"},
		{"+/+", "a/b /", "a"},
	} {
		for _, topic := range strings.Fields(tt.yes) {
			if !TopicFilter(tt.filter).Match(topic) {
				t.Errorf("%s does not match %s", tt.filter, topic)
			}
		}
		for _, topic := range strings.Fields(tt.no) {
			if TopicFilter(tt.filter).Match(topic) {
				t.Errorf("%s matches %s", tt.filter, topic)
			}
		}
	}
}

// TestTopicFiltersOverlapAndCoverAsTheirTopicsSay compares with the definition
// over all filters and topics of up to three levels.
func TestTopicFiltersOverlapAndCoverAsTheirTopicsSay(t *testing.T) {
	filters, topics := levels([]string{"a", "b", "+", "$x"}), levels([]string{"a", "b", "c", "$x"})
	for _, f := range slices.Clone(filters) {
		if strings.Count(f, "/") < 2 {
			filters = append(filters, f+"/#")
		}
	}
	filters = append(filters, "#")
	topics = append(topics, "a/b/c/a", "$x/b/c/a", "c/c/c/c", "b/b/c/d")
	for _, fs := range filters {
		for _, gs := range filters {
			f, g := TopicFilter(fs), TopicFilter(gs)
			overlaps, covers := false, true
			for _, topic := range topics {
				overlaps = overlaps || f.Match(topic) && g.Match(topic)
				covers = covers && (f.Match(topic) || !g.Match(topic))
			}
			if got := f.Overlaps(g); got != overlaps {
				t.Errorf("%s overlaps %s: %v", f, g, got)
			}
			if f.Covers(g) && !covers {
				t.Errorf("%s covers %s", f, g)
			}
			if covers && !f.Covers(g) && !strings.HasPrefix(fs, "+/") && !strings.HasSuffix(fs, "+/#") {
				t.Errorf("%s does not cover %s", f, g)
			}
		}
	}
}

func levels(names []string) []string {
	var out []string
	for _, a := range names {
		out = append(out, a)
		for _, b := range names {
			out = append(out, a+"/"+b)
			for _, c := range names {
				out = append(out, a+"/"+b+"/"+c)
			}
		}
	}
	return out
}

func TestSharedFilterCoversOnlyItself(t *testing.T) {
	if TopicFilter("$share/g/a/#").Covers("a/b") {
		t.Error("a share of a/# is not all of a/b")
	}
	if !TopicFilter("$share/g/a/#").Covers("$share/g/a/#") || !TopicFilter("a/#").Covers("$share/g/a/b") {
		t.Error("the same filter, and an unshared one, do cover")
	}
}
