package rules

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func optionsOf(t *testing.T, text string) (Options, error) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return parseOptions(nil, m, time.UTC)
}

func TestOptionsHaveDefaults(t *testing.T) {
	o, err := optionsOf(t, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if o.LateTolerance != time.Second || o.Concurrency != 1 || o.BufferLength != 1024 || o.CheckpointInterval != 5*time.Minute ||
		o.SendError || o.EventTime || o.QoS != 0 || o.Restart.Attempts != 0 || o.Restart.Delay != time.Second || o.Restart.Multiplier != 2 || o.Restart.MaxDelay != 30*time.Second {
		t.Errorf("defaults are %+v", o)
	}
}

func TestConfiguredOptionsLieUnderThoseOfTheRule(t *testing.T) {
	o, err := parseOptions(map[string]any{"qos": 1, "sendError": true}, map[string]any{"sendError": false}, time.UTC)
	if err != nil || o.QoS != 1 || o.SendError {
		t.Errorf("qos %d, sendError %v, %v", o.QoS, o.SendError, err)
	}
}

func TestDurationsAreMillisecondsOrText(t *testing.T) {
	for text, want := range map[string]time.Duration{`1500`: 1500 * time.Millisecond, `"1m30s"`: 90 * time.Second, `0`: 0} {
		o, err := optionsOf(t, `{"lateTolerance": `+text+`}`)
		if err != nil || o.LateTolerance != want {
			t.Errorf("%s: %v, %v", text, o.LateTolerance, err)
		}
	}
}

func TestBadOptionsAreRefusedByName(t *testing.T) {
	for _, test := range []struct{ options, want string }{
		{`{"bufferLength": 0}`, "invalidBufferLength:bufferLength must be greater than 0."},
		{`{"concurrency": -1}`, "invalidConcurrency:concurrency must be greater than 0."},
		{`{"lateTolerance": -1}`, "invalidLateTol:lateTolerance must be greater than 0."},
		{`{"restartStrategy": {"attempts": -1}}`, "invalidRestartAttempts:restart attempts must not be negative."},
		{`{"qos": 3}`, "invalidQos:qos must be 0, 1 or 2."},
		{`{"cron": "* * *", "duration": "1m"}`, `invalidCron:cron "* * *"`},
		{`{"cron": "* * * * *"}`, "invalidCron:cron needs duration"},
		{`{"bufferLenght": 10}`, `the options block has no property "bufferLenght", did you mean "bufferLength"?`},
		{`{"isEventTime": "yes"}`, `the options block: invalid isEventTime yes: expected type bool`},
		{`{"lateTolerance": "soon"}`, `invalid lateTolerance soon`},
		{`{"restartStrategy": {"atempts": 1}}`, `did you mean "attempts"?`},
		{`{"cronDatetimeRange": [{"begin": "2023-06-26", "end": "2023-06-27 10:00:00"}]}`, `cronDatetimeRange 0: begin "2023-06-26" is not a time`},
		{`{"cronDatetimeRange": [{"begin": "2023-06-26 10:00:00", "end": "2023-06-26 10:00:00"}]}`, `cronDatetimeRange 0: end is not after begin`},
	} {
		if _, err := optionsOf(t, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\ngot  %v\nwant %s", test.options, err, test.want)
		}
	}
}

func TestOptionsOfOtherReleasesAreAccepted(t *testing.T) {
	_, err := optionsOf(t, `{"debug": false, "logFilename": "x.log", "notifySub": true, "enableRuleTracer": false, "experiment": {"useSliceTuple": true},
		"planOptimizeStrategy": {"enableIncrementalWindow": true}, "enableSaveStateBeforeStop": true, "forceExitTimeout": 10,
		"disableBufferFullDiscard": true, "restartStrategy": {"attempts": 5, "delay": 1000, "multiplier": 2, "maxDelay": 30000, "jitterFactor": 0.1}}`)
	if err != nil {
		t.Error(err)
	}
}

func TestRestartsWaitLongerEachTime(t *testing.T) {
	r := Restart{Attempts: 5, Delay: time.Second, Multiplier: 2, MaxDelay: 5 * time.Second}
	for n, want := range []time.Duration{1, 2, 4, 5, 5} {
		if got := r.wait(n, 0.9); got != want*time.Second {
			t.Errorf("restart %d waits %v, want %v", n, got, want*time.Second)
		}
	}
	r.Jitter = 0.5
	if lo, hi := r.wait(0, 0), r.wait(0, 1); lo != 500*time.Millisecond || hi != 1500*time.Millisecond {
		t.Errorf("jitter gives %v to %v", lo, hi)
	}
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestSchedules(t *testing.T) {
	day := `{"begin": "2024-05-02 00:00:00", "end": "2024-05-03 00:00:00"}`
	for _, test := range []struct {
		name, options, now string
		on                 bool
		change             string
	}{
		{"before the first range", `{"cronDatetimeRange": [` + day + `]}`, "2024-05-01 12:00:00", false, "2024-05-02 00:00:00"},
		{"inside a range", `{"cronDatetimeRange": [` + day + `]}`, "2024-05-02 12:00:00", true, "2024-05-03 00:00:00"},
		{"the end is not inside", `{"cronDatetimeRange": [` + day + `]}`, "2024-05-03 00:00:00", false, ""},
		{"between two ranges", `{"cronDatetimeRange": [` + day + `, {"begin": "2024-05-05 00:00:00", "end": "2024-05-06 00:00:00"}]}`, "2024-05-04 00:00:00", false, "2024-05-05 00:00:00"},
		{"waiting for cron", `{"cron": "0 * * * *", "duration": "10m"}`, "2024-05-01 12:30:00", false, "2024-05-01 13:00:00"},
		{"cron has just started", `{"cron": "0 * * * *", "duration": "10m"}`, "2024-05-01 13:00:00", true, "2024-05-01 13:10:00"},
		{"in the middle of a run", `{"cron": "0 * * * *", "duration": "10m"}`, "2024-05-01 13:09:59", true, "2024-05-01 13:10:00"},
		{"the run is over", `{"cron": "0 * * * *", "duration": "10m"}`, "2024-05-01 13:10:00", false, "2024-05-01 14:00:00"},
		{"cron outside the range", `{"cron": "0 * * * *", "duration": "10m", "cronDatetimeRange": [` + day + `]}`, "2024-05-01 13:05:00", false, "2024-05-02 00:00:00"},
		{"cron inside the range", `{"cron": "0 * * * *", "duration": "10m", "cronDatetimeRange": [` + day + `]}`, "2024-05-02 13:05:00", true, "2024-05-02 13:10:00"},
		{"the range ends first", `{"cron": "55 * * * *", "duration": "10m", "cronDatetimeRange": [` + day + `]}`, "2024-05-02 23:56:00", true, "2024-05-03 00:00:00"},
		{"no start is left in the range", `{"cron": "0 12 * * *", "duration": "10m", "cronDatetimeRange": [` + day + `]}`, "2024-05-02 13:00:00", false, ""},
		{"a day that never comes", `{"cron": "0 0 31 2 *", "duration": "10m"}`, "2024-05-02 13:00:00", false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := optionsOf(t, test.options)
			if err != nil {
				t.Fatal(err)
			}
			on, change := o.active(at(test.now))
			var want time.Time
			if test.change != "" {
				want = at(test.change)
			}
			if on != test.on || !change.Equal(want) {
				t.Errorf("got %v until %v, want %v until %v", on, change, test.on, want)
			}
		})
	}
}
