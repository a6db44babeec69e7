package conn

import (
	"fmt"
	"strings"
)

// TopicFilter is an MQTT topic filter: levels between slashes, + for any one
// level, # at the end for any number of levels, $share/<group>/ in front for a
// shared subscription.
type TopicFilter string

// Valid tells what is wrong with the filter.
func (f TopicFilter) Valid() error {
	if rest, ok := strings.CutPrefix(string(f), "$share/"); ok {
		group, _, more := strings.Cut(rest, "/")
		if group == "" || !more || strings.ContainsAny(group, "+#") {
			return fmt.Errorf("topic filter %q: a shared subscription is $share/<group>/<filter>", string(f))
		}
	}
	p := f.plain()
	if p == "" || len(p) > 65535 || strings.ContainsRune(p, 0) {
		return fmt.Errorf("topic filter %q: must have 1 to 65535 bytes, none of them zero", string(f))
	}
	for p, more := p, true; more; {
		var level string
		level, p, more = strings.Cut(p, "/")
		if len(level) > 1 && strings.ContainsAny(level, "+#") {
			return fmt.Errorf("topic filter %q: + and # must stand alone between slashes", string(f))
		}
		if level == "#" && more {
			return fmt.Errorf("topic filter %q: # must be the last level", string(f))
		}
	}
	return nil
}

// Shared is true for $share/<group>/<filter>.
func (f TopicFilter) Shared() bool { return strings.HasPrefix(string(f), "$share/") }

// plain is the filter without $share/<group>/.
func (f TopicFilter) plain() string {
	if rest, ok := strings.CutPrefix(string(f), "$share/"); ok {
		_, p, _ := strings.Cut(rest, "/")
		return p
	}
	return string(f)
}

// system is true where a wildcard in the first level must not reach: topics
// that begin with $.
func system(filter, topic string) bool {
	return strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#"))
}

// Match is true if messages on the topic belong to the filter.
func (f TopicFilter) Match(topic string) bool {
	p := f.plain()
	if system(p, topic) {
		return false
	}
	for {
		want, p1, more := strings.Cut(p, "/")
		if want == "#" {
			return true
		}
		have, t1, tmore := strings.Cut(topic, "/")
		switch {
		case want != "+" && want != have:
			return false
		case !more:
			return !tmore
		case !tmore:
			return p1 == "#" // a/# takes a too
		}
		p, topic = p1, t1
	}
}

// Overlaps is true if a topic exists that both filters match.
func (f TopicFilter) Overlaps(g TopicFilter) bool {
	a, b := f.plain(), g.plain()
	if system(a, b) || system(b, a) {
		return false
	}
	for {
		al, a1, amore := strings.Cut(a, "/")
		bl, b1, bmore := strings.Cut(b, "/")
		switch {
		case al == "#" || bl == "#":
			return true
		case al != bl && al != "+" && bl != "+":
			return false
		case !amore && !bmore:
			return true
		case !amore:
			return b1 == "#"
		case !bmore:
			return a1 == "#"
		}
		a, b = a1, b1
	}
}

// Covers is true if f matches every topic that g matches, and a subscription
// to f makes one to g superfluous.
func (f TopicFilter) Covers(g TopicFilter) bool {
	if f.Shared() && f != g {
		return false // f gets only its share
	}
	a, b := f.plain(), g.plain()
	if system(a, b) {
		return false
	}
	for {
		al, a1, amore := strings.Cut(a, "/")
		bl, b1, bmore := strings.Cut(b, "/")
		switch {
		case al == "#":
			return true
		case bl == "#" || al != bl && al != "+":
			return false
		case !amore:
			return !bmore
		case !bmore:
			return a1 == "#"
		}
		a, b = a1, b1
	}
}
