// Package sqltest runs scripts that say what a query makes of events. Time
// stands still in them but for what the script says, so that hours pass in no
// time and every run is the same. The scripts under testdata are the tests of
// the language; `sluice test FILE...` runs those of users.
//
// A script is a txtar archive. Text in front of the first section says what it
// shows.
//
//	Late by less than the tolerance: counted. Later: dropped.
//	-- ddl --
//	CREATE STREAM demo (ts BIGINT, temp FLOAT) WITH (DATASOURCE="demo", TIMESTAMP="ts")
//	-- rule --
//	{"sql": "SELECT count(*) AS n FROM demo GROUP BY TUMBLINGWINDOW(ss, 2)",
//	 "options": {"isEventTime": true, "lateTolerance": 500}}
//	-- input --
//	@0s    demo {"ts": 1577836801900, "temp": 20}
//	@1s    demo {"ts": 1577836801500, "temp": 21}
//	@3s    demo {"ts": 1577836802600, "temp": 22}
//	-- output --
//	@3s    [{"n":2}]
//	-- status --
//	late 0
//
// Sections:
//
//   - ddl: CREATE statements, separated by semicolons or blank lines.
//   - rule: the JSON of a rule, of which sql and options count, or just SQL.
//   - input: what happens, a line each: "@time stream event" gives an event to
//     a stream, in the stream's format. The time is counted from the script's
//     beginning, 2020-01-01T00:00:00Z. "@time wait" lets time pass, "@time
//     start" as the first line starts the rule later than at 0s, "@time
//     checkpoint" saves the state, "@time crash" drops the rule and starts it
//     again from the last checkpoint, "@time end" and "@time end stream" say
//     that sources have no more events. Times wanted by windows come first.
//   - output: a line for each emission, "@time [rows]", or "@time error: text",
//     where "..." stands for anything; "@time late stream: [rows]" for what
//     the option lateStream sends away.
//   - status: "late 1", "errors 1", or "3_filter in 5" for one stage.
//   - explain: the plan. error: why the rule is refused.
//
// A script may have several rules; each is checked by the sections behind it.
// ddl and input stay in force until they are given again.
package sqltest

import (
	"errors"
	"fmt"
)

// Run runs one script. The error says for each rule that failed what was
// wanted (-) and what came (+).
func Run(name string, data []byte) error {
	cases, err := parseScript(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var failed []error
	for i, c := range cases {
		if err := c.run(); err != nil {
			if len(cases) > 1 {
				err = fmt.Errorf("rule %d: %w\nin: %s", i+1, err, c.rule.SQL)
			}
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(failed...)
}
