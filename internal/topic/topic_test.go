package topic

import (
	"errors"
	"sync"
	"testing"
)

func TestFiltersMatchAsInMQTT(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
		{"a/b", "a", false},
		{"a", "a/b", false},
		{"a/+", "a/b", true},
		{"a/+", "a/b/c", false},
		{"+/b", "a/b", true},
		{"+", "", true},
		{"#", "a/b/c", true},
		{"a/#", "a/b/c", true},
		{"a/#", "a", true},
		{"a/+/c/#", "a/b/c", true},
		{"a/+/c/#", "a/b/d", false},
	} {
		var got bool
		s := &Space{}
		s.Subscribe(c.filter, func(Message) error { got = true; return nil })
		s.Publish(Message{Topic: c.topic})
		if got != c.want {
			t.Errorf("%s matches %s: %v", c.filter, c.topic, got)
		}
	}
}

func TestBadTopicsAreRefused(t *testing.T) {
	for _, f := range []string{"a/#/b", "a+/b", "a/b#"} {
		if CheckFilter(f) == nil {
			t.Errorf("filter %s is accepted", f)
		}
	}
	for _, f := range []string{"a/#", "+/b", "#", "plain"} {
		if err := CheckFilter(f); err != nil {
			t.Error(err)
		}
	}
	if CheckName("a/+") == nil || CheckName("#") == nil || CheckName("a/b") != nil {
		t.Error("names")
	}
}

func TestNothingComesAfterStop(t *testing.T) {
	s := &Space{}
	inside, leave := make(chan bool), make(chan bool)
	calls := 0
	stop := s.Subscribe("a", func(Message) error {
		calls++
		inside <- true
		<-leave
		return nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { s.Publish(Message{Topic: "a"}) })
	<-inside
	stopped := make(chan bool)
	wg.Go(func() { stop(); close(stopped) })
	select {
	case <-stopped:
		t.Fatal("stop returned while a message is taken")
	default:
	}
	close(leave)
	wg.Wait()
	s.Publish(Message{Topic: "a"})
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestASubscriberThatStopsIsLeftAlone(t *testing.T) {
	s := &Space{}
	calls := 0
	s.Subscribe("a", func(Message) error { calls++; return errors.New("stopping") })
	s.Publish(Message{Topic: "a"})
	s.Publish(Message{Topic: "a"})
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}
