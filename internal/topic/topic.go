// Package topic is publish and subscribe inside the process: the memory sink
// of one rule feeds the memory sources of others, rows by reference.
//
//	stop := topic.Default.Subscribe("plant/+/alarms", func(m topic.Message) error { ... })
//	topic.Default.Publish(topic.Message{Topic: "plant/1/alarms", Batch: batch})
package topic

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Message is what is published. Nobody may write to it afterwards.
type Message struct {
	Topic string
	Batch row.Batch
	Kinds []string      // what each row does to a table: insert update upsert delete; nil: insert
	Keys  []value.Value // by which key, for updates and deletes; nil if there is none
}

// Space is a set of topics.
type Space struct {
	mu   sync.RWMutex
	subs []*subscription
}

// Default is the one that all memory sources and sinks of the process use.
var Default = &Space{}

type subscription struct {
	filter []string
	take   func(Message) error
	turn   sync.Mutex // held during take
	over   bool       // guarded by turn
}

// Subscribe calls take for every message whose topic the filter matches: one
// at a time, in the publisher's goroutine. take may block: that holds up the
// publisher. When the returned function has returned take is not running and
// will not be called again.
func (s *Space) Subscribe(filter string, take func(Message) error) (stop func()) {
	sub := &subscription{filter: strings.Split(filter, "/"), take: take}
	s.mu.Lock()
	s.subs = append(slices.Clip(s.subs), sub)
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.subs = slices.DeleteFunc(slices.Clone(s.subs), func(o *subscription) bool { return o == sub })
		s.mu.Unlock()
		sub.turn.Lock()
		sub.over = true
		sub.turn.Unlock()
	}
}

// Publish hands a message to all who subscribed to its topic.
func (s *Space) Publish(m Message) {
	s.mu.RLock()
	subs := s.subs
	s.mu.RUnlock()
	var levels []string
	for _, sub := range subs {
		if levels == nil {
			levels = strings.Split(m.Topic, "/")
		}
		if match(sub.filter, levels) {
			sub.give(m)
		}
	}
}

func (sub *subscription) give(m Message) {
	sub.turn.Lock()
	defer sub.turn.Unlock()
	if !sub.over && sub.take(m) != nil {
		sub.over = true // it is stopping
	}
}

// match compares a topic with a filter of MQTT's kind: + is one level, # the
// rest, also none.
func match(filter, topic []string) bool {
	for i, f := range filter {
		switch {
		case f == "#":
			return true
		case i == len(topic) || f != "+" && f != topic[i]:
			return false
		}
	}
	return len(filter) == len(topic)
}

// CheckFilter refuses a filter with a wildcard that is only a part of a level,
// or a # that is not the last one.
func CheckFilter(filter string) error {
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		switch {
		case l == "+" || l == "#" && i == len(levels)-1:
		case strings.ContainsAny(l, "+#"):
			return fmt.Errorf("topic %q: a wildcard stands for whole levels, # for the last ones", filter)
		}
	}
	return nil
}

// CheckName refuses wildcards in a topic to publish to.
func CheckName(name string) error {
	if strings.ContainsAny(name, "+#") {
		return fmt.Errorf("topic %q shouldn't contain # or +", name)
	}
	return nil
}
