package sqltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/diag"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/state"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// epoch is the time at which scripts begin.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// ruleID is the name of the rule, as rule_id() gives it.
const ruleID = "script"

// runner plays one rule.
type runner struct {
	rule     rule
	streams  streams
	clock    *clock.Virtual
	store    *state.Memory
	epoch    uint64
	pipeline *sqlfn.Pipeline
	decoders []format.Decoder
	encoder  format.Encoder
	got      []emission
	counts   map[string]int64 // of pipelines that crashed
	failures int64
	lookups  map[string][]value.Value // rows of lookup tables, objects
	files    []step                   // rows of tables that are read as a whole
}

func (c *testCase) run() error {
	r, steps, err := c.begin()
	if want, ok := c.expect["error"]; ok {
		return checkError(want, err)
	}
	if err != nil {
		return errors.New(detail(err))
	}
	if want, ok := c.expect["explain"]; ok {
		if d := diffText(want, r.pipeline.Explain()); d != "" {
			return fmt.Errorf("explain differs:%s", d)
		}
	}
	if err := r.play(steps); err != nil {
		return err
	}
	return r.check(c)
}

// begin makes the pipeline; the steps are those behind the start.
func (c *testCase) begin() (*runner, []step, error) {
	r := &runner{rule: c.rule, clock: clock.NewVirtual(epoch), store: state.NewMemory(), counts: map[string]int64{}, lookups: map[string][]value.Value{}}
	steps, err := parseInput(c.input)
	if err != nil {
		return nil, nil, err
	}
	if len(steps) > 0 && steps[0].verb == "start" {
		r.clock.Set(epoch.Add(steps[0].at))
		steps = steps[1:]
	}
	return r, steps, r.start(c.ddl)
}

func (r *runner) play(steps []step) error {
	for _, s := range steps {
		if err := r.step(s); err != nil {
			return fmt.Errorf("at @%v: %w", s.at, err)
		}
	}
	return nil
}

func (r *runner) check(c *testCase) error {
	var failed []error
	if text, ok := c.expect["output"]; ok {
		want, err := parseOutput(text)
		if err != nil {
			return err
		}
		if d := diff(want, r.got); d != "" {
			failed = append(failed, fmt.Errorf("output differs:%s", d))
		}
	}
	if text, ok := c.expect["status"]; ok {
		failed = append(failed, r.checkStatus(text))
	}
	return errors.Join(failed...)
}

// checkError compares the text of an error, without or with its hint, or its
// text with the place.
func checkError(want string, err error) error {
	if want = strings.TrimSpace(want); err == nil {
		return fmt.Errorf("rule was accepted, want the error: %s", want)
	}
	var e *diag.Error
	if matches(want, err.Error()) || matches(want, detail(err)) || errors.As(err, &e) && matches(want, e.Msg) {
		return nil
	}
	return fmt.Errorf("error differs:%s", diffText(want, detail(err)))
}

func detail(err error) string {
	var e *diag.Error
	if errors.As(err, &e) {
		return e.Detail()
	}
	return err.Error()
}

// start makes the pipeline.
func (r *runner) start(ddl string) error {
	var err error
	if r.streams, err = parseDDL(ddl); err != nil {
		return err
	}
	js, err := format.Lookup("json")
	if err != nil {
		return err
	}
	if r.encoder, err = js.NewEncoder(format.Config{}); err != nil {
		return err
	}
	return r.compile()
}

func (r *runner) compile() error {
	sel, err := parse.Select(r.rule.SQL)
	if err != nil {
		return err
	}
	o := r.rule.Options
	var late func(string, row.Batch)
	if o.LateStream != "" {
		late = r.late
	}
	r.pipeline, err = sqlfn.Compile(sel, r.streams, sqlfn.Options{
		IdleTimeout: o.IdleTimeout, Late: late,
		Rule: ruleID, EventTime: o.EventTime, LateTolerance: o.LateTolerance, SendNil: o.SendNil, SendMeta: o.SendMeta,
		IgnoreCase: o.IgnoreCase, Clock: r.clock, Loc: o.Zone, Lookup: r.lookup,
	})
	if err != nil {
		return err
	}
	r.decoders = nil
	for _, in := range r.pipeline.Inputs() {
		d, err := r.streams.decoder(in, o.Zone)
		if err != nil {
			return err
		}
		r.decoders = append(r.decoders, d)
	}
	return nil
}

func (r *runner) now() time.Duration { return r.clock.Now().Sub(epoch) }

// step lets time pass until the step's, with all that is due on the way, and
// does it.
func (r *runner) step(s step) error {
	if err := r.passTime(s.at); err != nil {
		return err
	}
	switch s.verb {
	case "wait":
		return nil
	case "checkpoint":
		return r.checkpoint()
	case "crash":
		return r.crash()
	case "end":
		return r.end(s.stream)
	}
	return r.event(s)
}

// maxWakes bounds how often a pipeline is woken between two lines.
const maxWakes = 1_000_000

func (r *runner) passTime(to time.Duration) error {
	for range maxWakes {
		at, ok := r.pipeline.NextWake()
		due := time.UnixMilli(at).UTC()
		if !ok || due.Sub(epoch) > to {
			r.clock.Set(epoch.Add(to))
			return nil
		}
		if due.After(r.clock.Now()) {
			r.clock.Set(due)
		}
		if err := r.pipeline.Advance(clock.MS(r.clock.Now()), r); err != nil {
			return err
		}
		if again, ok := r.pipeline.NextWake(); ok && again <= at {
			return fmt.Errorf("pipeline was woken at %v and wants to be woken again at %v", due, time.UnixMilli(again).UTC())
		}
	}
	return fmt.Errorf("pipeline was woken %d times", maxWakes)
}

func (r *runner) event(s step) error {
	known := false
	for i, in := range r.pipeline.Inputs() {
		if in.Stream != s.stream {
			continue
		}
		known = true
		b := row.Batch{Schema: in.Want}
		if err := r.decoders[i].Decode(s.payload, &b); err != nil {
			r.Fail(err)
			continue
		}
		if in.Lookup {
			r.fill(in, b)
			continue
		}
		for k := range b.Rows {
			b.Rows[k].TS = clock.MS(r.clock.Now())
			b.Rows[k].In = int32(i)
			b.Rows[k].Meta = r.meta(in.Stream)
		}
		if err := r.pipeline.Push(i, b, r); err != nil {
			return err
		}
	}
	if r.isFile(s.stream) {
		r.files = append(r.files, s)
	}
	if !known && r.streams[s.stream] == nil {
		return fmt.Errorf("stream %q is not created in ddl", s.stream)
	}
	return nil // a stream that other rules of the script read
}

// fill puts rows into a lookup table.
func (r *runner) fill(in sqlfn.Input, b row.Batch) {
	for i := range b.Rows {
		r.lookups[in.Stream] = append(r.lookups[in.Stream], row.Object(b.Schema, &b.Rows[i]))
	}
}

// lookup answers for the lookup tables of a script, whose rows are what its
// input sent to them.
func (r *runner) lookup(table string, keys []string, vals []value.Value, _ []string) ([]value.Value, error) {
	var found []value.Value
	for _, obj := range r.lookups[table] {
		hit := true
		for i, k := range keys {
			v, _ := obj.Lookup(k)
			hit = hit && value.Equal(v, vals[i])
		}
		if hit {
			found = append(found, obj)
		}
	}
	return found, nil
}

// meta is what a broker would tell about an event.
func (r *runner) meta(stream string) row.Meta {
	topic := r.streams[stream].Options.Datasource
	return row.ObjectMeta{Obj: value.OfObject([]value.Member{
		{Name: "messageId", Val: value.OfInt(0)}, {Name: "qos", Val: value.OfInt(0)}, {Name: "topic", Val: value.OfString(topic)},
	})}
}

func (r *runner) checkpoint() error {
	if r.rule.Options.QoS == 0 {
		return errors.New("checkpoint needs a qos of 1 or 2")
	}
	var w state.Writer
	if err := r.pipeline.Save(&w); err != nil {
		return err
	}
	r.epoch++
	return r.store.Commit(context.Background(), ruleID, r.epoch, map[string][]byte{"pipeline": w.Bytes()})
}

func (r *runner) crash() error {
	for name, n := range r.stageCounts() {
		r.counts[name] += n
	}
	if err := r.compile(); err != nil {
		return err
	}
	_, parts, err := r.store.Latest(context.Background(), ruleID)
	if err != nil {
		return err
	}
	if parts != nil {
		rd := state.NewReader(parts["pipeline"])
		if err := errors.Join(r.pipeline.Load(rd), rd.Err()); err != nil {
			return err
		}
	}
	files := r.files
	r.files = nil
	for _, s := range files { // they are read again
		if err := r.event(s); err != nil {
			return err
		}
	}
	return nil
}

// isFile tells whether a stream is a table that is read as a whole.
func (r *runner) isFile(stream string) bool {
	s, err := r.streams.Stream(stream)
	return err == nil && s.Table && !s.Lookup && s.RetainSize == 0
}

func (r *runner) end(stream string) error {
	known := stream == ""
	for i, in := range r.pipeline.Inputs() {
		if stream != "" && in.Stream != stream {
			continue
		}
		known = true
		if err := r.pipeline.End(i, r); err != nil {
			return err
		}
	}
	if !known {
		return fmt.Errorf("stream %q is not in the query", stream)
	}
	return nil
}

// Emit implements exec.Emitter: the content of a window is one line, rows
// outside of windows are a line each.
func (r *runner) Emit(b row.Batch) error {
	if b.Span.Set {
		return r.emit(b.Schema, b.Rows)
	}
	for i := range b.Rows {
		if err := r.emit(b.Schema, b.Rows[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) emit(s *row.Schema, rows []row.Row) error {
	text, err := r.encoder.EncodeRows(nil, s, rows)
	if err != nil {
		r.Fail(err)
		return nil
	}
	r.got = append(r.got, emission{r.now(), string(text)})
	return nil
}

// late shows what goes to the rule's lateStream.
func (r *runner) late(stream string, b row.Batch) {
	text, err := r.encoder.EncodeRows(nil, b.Schema, b.Rows)
	if err != nil {
		r.Fail(err)
		return
	}
	r.got = append(r.got, emission{r.now(), "late " + stream + ": " + string(text)})
}

// Fail implements exec.Emitter.
func (r *runner) Fail(err error) {
	r.failures++
	r.got = append(r.got, emission{r.now(), "error: " + err.Error()})
}

// stageCounts are the counters by name: "late", "3_filter in" ...
func (r *runner) stageCounts() map[string]int64 {
	counts := map[string]int64{"late": 0}
	for _, s := range r.pipeline.Stages() {
		counts["late"] += s.Stats.Late.Load()
		counts[s.Name+" in"] = s.Stats.In.Load()
		counts[s.Name+" out"] = s.Stats.Out.Load()
		counts[s.Name+" errors"] = s.Stats.Errors.Load()
	}
	return counts
}

func (r *runner) checkStatus(text string) error {
	got := r.stageCounts()
	for name, n := range r.counts {
		got[name] += n
	}
	got["errors"] = r.failures
	var failed []error
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		i := strings.LastIndex(line, " ")
		want, err := strconv.ParseInt(line[i+1:], 10, 64)
		if err != nil {
			return fmt.Errorf("status %q: want a name and a number", line)
		}
		name := line[:max(i, 0)]
		n, ok := got[name]
		switch {
		case !ok:
			names := slices.Sorted(maps.Keys(got))
			return diag.New(diag.General, "status %q is not known, there are %s", name, strings.Join(names, ", "))
		case n != want:
			failed = append(failed, fmt.Errorf("status %s is %d, want %d", name, n, want))
		}
	}
	return errors.Join(failed...)
}
