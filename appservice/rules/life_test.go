package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/row"
)

func TestARuleRunsFromItsCreation(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", "SELECT a FROM demo WHERE a > 1", "")
	st, err := b.Status("r1")
	if err != nil || st.State != Running || st.LastStart != start.UnixMilli() {
		t.Errorf("status right after creation: %+v, %v", st, err)
	}
	f.add(`{"a":1}`, `{"a":2}`, `{"a":3,"b":4}`)
	out.want(t, `[{"a":2}]`, `[{"a":3}]`)
}

func TestStopAndStartRememberWhetherTheRuleIsToRun(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, EXTRA="{\"fromEnd\":true}"`)
	out := b.rule(t, "r1", "SELECT a FROM demo", "")
	b.state(t, "r1", Running)
	if err := b.Stop("r1"); err != nil {
		t.Fatal(err)
	}
	st, _ := b.Status("r1")
	if st.State != Stopped || st.Message != "canceled manually" || len(st.Nodes) == 0 {
		t.Errorf("stopped rule: %+v", st)
	}
	if _, live, _ := f.count(); live != 0 {
		t.Error("the source of a stopped rule runs")
	}
	if text, _ := b.Text("r1"); !strings.HasSuffix(string(text), `"triggered":false}`) {
		t.Errorf("text of the stopped rule: %s", text)
	}
	for range 2 { // the second does nothing
		if err := b.Start("r1"); err != nil {
			t.Fatal(err)
		}
	}
	b.until(t, "r1", "connected", func(st Status) bool { return st.Nodes[0].Link().Status == 1 })
	f.add(`{"a":7}`)
	out.want(t, `[{"a":7}]`)
	if opens, _, _ := f.count(); opens != 2 {
		t.Errorf("the source was opened %d times", opens)
	}
	if err := b.Restart("r1"); err != nil {
		t.Fatal(err)
	}
	if st, _ := b.Status("r1"); st.State != Running {
		t.Errorf("restarted rule is %q", st.State)
	}
}

func TestStoppingDoesNotWaitForASinkThatIsAway(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	if _, err := b.Create([]byte(`{"id": "r1", "sql": "SELECT a FROM demo", "actions": [{"away": {}}]}`)); err != nil {
		t.Fatal(err)
	}
	f.add(`{"a":1}`)
	sink := func(st Status) Node { return st.Nodes[len(st.Nodes)-1] }
	b.until(t, "r1", "waiting for its sink", func(st Status) bool {
		n := sink(st)
		return n.Link().Status == -1 && n.Buffered() == 1
	})
	stopped := make(chan error)
	go func() { stopped <- b.Stop("r1") }()
	select {
	case err := <-stopped: // the clock stands still: no timeout has helped
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the rule does not stop")
	}
}

func TestARuleOverAFiniteSourceStopsWhenItsSinksAreClosed(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.sink("r1")
	var during State
	out.onDone = func() {
		st, _ := b.Status("r1")
		during = st.State
	}
	b.rule(t, "r1", "SELECT a FROM demo", "")
	f.add(`{"a":1}`, `{"a":2}`)
	f.end()
	st := b.state(t, "r1", Stopped)
	if st.Message != "" {
		t.Errorf("message %q", st.Message)
	}
	if during != Running {
		t.Errorf("the sink was closed when the rule was %q", during)
	}
	out.want(t, `[{"a":1}]`, `[{"a":2}]`)
	if st.Nodes[0].Stats.In.Load() != 2 {
		t.Errorf("source counted %d", st.Nodes[0].Stats.In.Load())
	}
}

func TestTheEndOfAFileReleasesEventTimeWindows(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, TIMESTAMP="ts"`)
	out := b.rule(t, "r1", "SELECT count(*) AS n FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)", `"isEventTime": true, "lateTolerance": 0`)
	f.add(`{"ts":1700000000000}`, `{"ts":1700000001000}`, `{"ts":1700000012000}`)
	f.end()
	b.state(t, "r1", Stopped)
	out.want(t, `[{"n":2}]`, `[{"n":1}]`)
}

func TestProcessingTimeWindowsFireByTheClock(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", "SELECT count(*) AS n FROM demo GROUP BY TUMBLINGWINDOW(ss, 10)", "")
	f.add(`{"a":1}`, `{"a":2}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[1].Stats.In.Load() == 2 })
	b.clock.Set(start.Add(10 * time.Second))
	out.want(t, `[{"n":2}]`)
}

func TestAnInvalidUpdateLeavesTheOldRuleRunning(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", "SELECT a FROM demo", "")
	for _, bad := range []string{
		`nonsense`, b.text("r1", "SELECT a FORM demo", ""), b.text("r1", "SELECT a FROM nosuch", ""), b.text("r1", "SELECT nosuch(a) FROM demo", ""),
		b.text("r1", "SELECT a FROM demo", `"qos": 7`), `{"sql": "SELECT a FROM demo", "actions": [{"shelf": {}}]}`, b.text("other", "SELECT a FROM demo", ""),
	} {
		if err := b.Update("r1", []byte(bad)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
	f.add(`{"a":1}`)
	out.want(t, `[{"a":1}]`)
	if opens, live, _ := f.count(); opens != 1 || live != 1 {
		t.Errorf("source opened %d times, %d live", opens, live)
	}
}

func TestAnUpdateReplacesTheRunningRule(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, EXTRA="{\"fromEnd\":true}"`)
	out := b.rule(t, "r1", "SELECT a FROM demo", "")
	if err := b.Update("r1", []byte(b.text("r1", "SELECT a + 1 AS b FROM demo", ""))); err != nil {
		t.Fatal(err)
	}
	b.until(t, "r1", "connected", func(st Status) bool { return st.Nodes[0].Link().Status == 1 })
	f.add(`{"a":1}`)
	out.want(t, `[{"b":2}]`)
}

func TestRulesRunAgainAfterTheServiceWasKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	open := func() *kv.Bolt {
		db, err := kv.Open(path, discard)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	b := newBench(t, db)
	f := b.stream(t, "demo", "")
	b.rule(t, "on", "SELECT a FROM demo", "")
	b.rule(t, "off", "SELECT a FROM demo", "")
	b.rule(t, "gone", "SELECT a FROM demo", "")
	if _, err := b.Create([]byte(`{"id": "temporary", "temp": true, "sql": "SELECT a FROM demo", "actions": [{"shelf": {"into": "x"}}]}`)); err != nil {
		t.Fatal(err)
	}
	b.Stop("off")
	b.Delete("gone")
	db.Close() // nobody says goodbye to the rules

	db2 := open()
	defer db2.Close()
	db2.Put(kv.Rules, "broken", []byte(`{"id": "broken"`))
	db2.Put(kv.Rules, "orphan", []byte(b.text("orphan", "SELECT a FROM nosuch", "")))
	again := newBench(t, db2)
	again.name = b.name
	if err := again.Load(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range again.List() {
		got = append(got, fmt.Sprintf("%s %s", r.ID, r.Status))
	}
	want := "broken stopped by error, off stopped, on running, orphan stopped by error"
	if strings.Join(got, ", ") != want {
		t.Errorf("after the restart: %v, want %s", got, want)
	}
	f.add(`{"a":1}`)
	again.sink("on").want(t, `[{"a":1}]`, `[{"a":1}]`) // of the killed service and of the new one
	if err := again.Start("broken"); err == nil {
		t.Error("a rule that cannot be read was started")
	}
	if err := again.Update("broken", []byte(again.text("broken", "SELECT a FROM demo", ""))); err != nil {
		t.Errorf("a broken rule cannot be mended: %v", err)
	}
	if err := again.Delete("orphan"); err != nil {
		t.Errorf("an orphan cannot be deleted: %v", err)
	}
}

// breaking is a pipeline that fails or panics when it sees a row.
type breaking struct {
	Pipeline
	push func() error
}

func (p breaking) Push(in int, b row.Batch, out exec.Emitter) error {
	if err := p.push(); err != nil {
		return err
	}
	return p.Pipeline.Push(in, b, out)
}

func TestAPanicFailsItsRuleAndSparesTheOthers(t *testing.T) {
	b := newBench(t, nil, compileWith(func(id string, p Pipeline) Pipeline {
		if id == "bad" {
			return breaking{p, func() error { panic("index out of luck") }}
		}
		return p
	}))
	f := b.stream(t, "demo", `, SHARED="true"`)
	good := b.rule(t, "good", "SELECT a FROM demo", "")
	b.rule(t, "bad", "SELECT a FROM demo", "")
	f.add(`{"a":1}`)
	st := b.state(t, "bad", Failed)
	if !strings.HasPrefix(st.Message, "panic: index out of luck\n") || !strings.Contains(st.Message, "rules.(*run).take") {
		t.Errorf("message has no stack: %s", st.Message)
	}
	f.add(`{"a":2}`)
	good.want(t, `[{"a":1}]`, `[{"a":2}]`)
	if st, _ := b.Status("good"); st.State != Running {
		t.Errorf("the other rule is %q", st.State)
	}
}

func TestAFailedRuleIsStartedAgainAsItsStrategySays(t *testing.T) {
	var runs atomic.Int32
	b := newBench(t, nil, compileWith(func(id string, p Pipeline) Pipeline {
		return breaking{p, func() error { runs.Add(1); return errBoom }}
	}))
	f := b.stream(t, "demo", "")
	f.add(`{"a":1}`)
	b.rule(t, "r1", "SELECT a FROM demo", `"restartStrategy": {"attempts": 2, "delay": 1000, "jitterFactor": 0}`)
	if st := b.state(t, "r1", Failed); st.Message != "boom" {
		t.Errorf("message %q", st.Message)
	}
	b.until(t, "r1", "run three times", func(Status) bool {
		b.clock.Set(b.clock.Now().Add(500 * time.Millisecond))
		return runs.Load() == 3
	})
	b.state(t, "r1", Failed)
	e, _ := b.find("r1", "")
	select {
	case <-e.done:
	case <-time.After(patience):
		t.Error("the rule is still tried after its two attempts")
	}
}

func TestAStrategyOfNoAttemptsLeavesTheRuleStopped(t *testing.T) {
	b := newBench(t, nil, compileWith(func(id string, p Pipeline) Pipeline {
		return breaking{p, func() error { return errBoom }}
	}))
	f := b.stream(t, "demo", "")
	f.add(`{"a":1}`)
	b.rule(t, "r1", "SELECT a FROM demo", "")
	b.state(t, "r1", Failed)
	if err := b.Start("r1"); err != nil { // by hand it can be tried again
		t.Error(err)
	}
	b.state(t, "r1", Failed)
}

func TestAScheduledRuleRunsInItsTime(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	// The clock stands at 22:13:20.
	b.rule(t, "r1", "SELECT a FROM demo", `"cron": "15 * * * *", "duration": "1m"`)
	st, _ := b.Status("r1")
	if st.State != Waiting || st.NextStart != time.Date(2023, 11, 14, 22, 15, 0, 0, time.UTC).UnixMilli() {
		t.Fatalf("before its time: %+v", st)
	}
	b.advance(t, 10*time.Second, "r1", Running)
	f.add(`{"a":1}`)
	b.sink("r1").want(t, `[{"a":1}]`)
	st = b.advance(t, 10*time.Second, "r1", Waiting)
	if st.NextStart != time.Date(2023, 11, 14, 23, 15, 0, 0, time.UTC).UnixMilli() {
		t.Errorf("next start %v", time.UnixMilli(st.NextStart).UTC())
	}
	if err := b.Stop("r1"); err != nil {
		t.Fatal(err)
	}
	if st, _ := b.Status("r1"); st.State != Stopped || st.NextStart != 0 {
		t.Errorf("stopped by hand: %+v", st)
	}
}

func TestADurationEndsTheRule(t *testing.T) {
	b := newBench(t, nil)
	b.stream(t, "demo", "")
	b.rule(t, "r1", "SELECT a FROM demo", `"duration": "1m"`)
	b.clock.Set(start.Add(59 * time.Second))
	if st, _ := b.Status("r1"); st.State != Running {
		t.Fatalf("after 59 s the rule is %q", st.State)
	}
	if st := b.advance(t, time.Second, "r1", Stopped); st.Message != "duration terminated" {
		t.Errorf("message %q", st.Message)
	}
}

func TestErrorsOfRowsAreCountedAndSentIfAsked(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	loud := b.rule(t, "loud", "SELECT 1 / a AS x FROM demo", `"sendError": true`)
	quiet := b.rule(t, "quiet", "SELECT 1 / a AS x FROM demo", "")
	f.add(`{"a":0}`, `{"a":1}`, `{"a":`)
	quiet.want(t, `[{"x":1}]`)
	b.until(t, "loud", "told of two errors", func(st Status) bool {
		loud.mu.Lock()
		defer loud.mu.Unlock()
		n, _ := st.Exceptions()
		return n >= 2 && len(loud.got) >= 2
	})
	b.until(t, "quiet", "told of two errors", func(st Status) bool { n, _ := st.Exceptions(); return n >= 2 })
	loud.mu.Lock()
	defer loud.mu.Unlock()
	if !strings.Contains(loud.got[0], "divided by zero") || loud.got[1] != `[{"x":1}]` {
		t.Errorf("sink has %q", loud.got)
	}
}

func TestOneSourceServesAllRulesOnASharedStream(t *testing.T) {
	b := newBench(t, nil)
	shared, own := b.stream(t, "shared", `, SHARED="true"`), b.stream(t, "own", "")
	for _, id := range []string{"s1", "s2"} {
		b.rule(t, id, "SELECT a FROM shared", "")
	}
	for _, id := range []string{"o1", "o2"} {
		b.rule(t, id, "SELECT a FROM own", "")
	}
	b.until(t, "o2", "connected", func(Status) bool {
		n, _, _ := own.count()
		m, _, _ := shared.count()
		return n == 2 && m == 1
	})
	shared.add(`{"a":1}`)
	own.add(`{"a":2}`)
	for id, want := range map[string]string{"s1": `[{"a":1}]`, "s2": `[{"a":1}]`, "o1": `[{"a":2}]`, "o2": `[{"a":2}]`} {
		b.sink(id).want(t, want)
	}
	b.Stop("s1")
	shared.add(`{"a":3}`)
	b.sink("s2").want(t, `[{"a":1}]`, `[{"a":3}]`)
	b.Stop("s2")
	if _, live, _ := shared.count(); live != 0 {
		t.Error("the shared source runs without a rule")
	}
}

func TestMessagesAreAcknowledgedWhenTheirResultsAreWritten(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", "SELECT a FROM demo WHERE a > 1", `"qos": 1`)
	f.add(`{"a":1}`, `{"a":2}`)
	out.want(t, `[{"a":2}]`)
	b.until(t, "r1", "acknowledged", func(Status) bool { _, _, acked := f.count(); return len(acked) == 2 })
	if _, _, acked := f.count(); acked[0] != nil || acked[1] != nil {
		t.Errorf("acknowledged with %v", acked)
	}
}

func TestAQueryShowsResultsUntilItsViewerLeaves(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	q, err := b.Query("SELECT a, 6 / a AS b FROM demo")
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	lines, done := make(chan string), make(chan error)
	go func() {
		done <- q.Run(ctx, func(line []byte) error {
			select {
			case lines <- string(line):
			case <-ctx.Done():
			}
			return ctx.Err()
		})
	}()
	f.add(`{"a":2}`, `{"a":0}`)
	got := ""
	for range 2 {
		select {
		case line := <-lines:
			got += line + "\n"
		case <-time.After(patience):
			t.Fatal("no line")
		}
	}
	if !strings.Contains(got, `[{"a":2,"b":3}]`) || !strings.Contains(got, "divided by zero") {
		t.Errorf("lines %s", got)
	}
	leave()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the query goes on")
	}
	if _, live, _ := f.count(); live != 0 {
		t.Error("the source of a query runs on")
	}
	if len(b.List()) != 0 {
		t.Error("a query is listed")
	}
	if _, err := b.Query("SHOW STREAMS"); err == nil || err.Error() != "invalid rule json: SQL SHOW STREAMS is not a select statement." {
		t.Errorf("query of a statement: %v", err)
	}
}

func TestRulesChangeConcurrently(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, SHARED="true"`)
	stop := make(chan struct{})
	var feeding, changing sync.WaitGroup
	feeding.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				f.add(`{"a":1}`)
			}
		}
	})
	for i := range 6 {
		changing.Go(func() {
			id := fmt.Sprintf("r%d", i/2) // two of them fight over each rule
			for range 10 {
				b.Create([]byte(b.text(id, "SELECT a FROM demo", "")))
				b.Stop(id)
				b.Start(id)
				b.Update(id, []byte(b.text(id, "SELECT a AS b FROM demo", "")))
				b.List()
				b.Each(func(_ string, st Status) { st.Indented() })
				b.Restart(id)
				b.Delete(id)
			}
		})
	}
	changing.Wait()
	close(stop)
	feeding.Wait()
	if l := b.List(); len(l) != 0 {
		t.Errorf("rules are left: %v", l)
	}
	if _, live, _ := f.count(); live != 0 {
		t.Errorf("%d sources are left", live)
	}
}

func TestLateRowsGoToTheLateStreamWithAllTheirColumns(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, TIMESTAMP="ts"`)
	if _, err := b.cat.Exec(fmt.Sprintf(`CREATE STREAM late () WITH (TYPE="memory", DATASOURCE="%s/late")`, b.name)); err != nil {
		t.Fatal(err)
	}
	late := b.rule(t, "late", "SELECT * FROM late", "")
	b.until(t, "late", "connected", func(st Status) bool { return st.Nodes[0].Link().Status == 1 })
	b.rule(t, "r1", "SELECT count(*) AS n FROM demo GROUP BY TUMBLINGWINDOW(ss, 1)",
		fmt.Sprintf(`"isEventTime": true, "lateTolerance": 0, "lateStream": "%s/late"`, b.name))
	f.add(`{"ts":1700000001500}`, `{"ts":1700000000200,"a":7,"b":{"c":1}}`)
	late.want(t, `[{"a":7,"b":{"c":1},"ts":1700000000200}]`)
	_, err := b.Create([]byte(b.text("r2", "SELECT a FROM demo", `"lateStream": "a/#"`)))
	if err == nil || !strings.Contains(err.Error(), "invalidLateStream") {
		t.Errorf("a wildcard as the late stream: %v", err)
	}
}
