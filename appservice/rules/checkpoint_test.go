package rules

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/edgesluice/sluice/internal/kv"
)

var discard = slog.New(slog.DiscardHandler)

const sum3 = "SELECT sum(a) AS s FROM demo GROUP BY COUNTWINDOW(3)"

func TestAStoppedRuleGoesOnWhereItWas(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", sum3, `"qos": 1`)
	f.add(`{"a":1}`, `{"a":2}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[1].Stats.In.Load() == 2 })
	b.Stop("r1")
	f.add(`{"a":3}`)
	b.Start("r1")
	out.want(t, `[{"s":6}]`)
}

func TestARuleWithoutQosStartsAfresh(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", `, EXTRA="{\"fromEnd\":true}"`)
	out := b.rule(t, "r1", sum3, "")
	b.until(t, "r1", "connected", func(st Status) bool { return st.Nodes[0].Link().Status == 1 })
	f.add(`{"a":1}`, `{"a":2}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[1].Stats.In.Load() == 2 })
	b.Restart("r1")
	b.until(t, "r1", "connected", func(st Status) bool { return st.Nodes[0].Link().Status == 1 })
	f.add(`{"a":10}`, `{"a":20}`, `{"a":30}`)
	out.want(t, `[{"s":60}]`)
}

func TestAKilledRuleGoesOnFromItsLastCheckpoint(t *testing.T) {
	db := kv.NewMemory()
	b := newBench(t, db)
	f := b.stream(t, "demo", "")
	b.rule(t, "r1", sum3, `"qos": 1, "checkpointInterval": "10s"`)
	f.add(`{"a":1}`, `{"a":2}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[1].Stats.In.Load() == 2 })
	b.until(t, "r1", "checkpointed", func(Status) bool {
		b.clock.Set(b.clock.Now().Add(10 * time.Second))
		epoch, _, err := b.cfg.Checkpoints.Latest(context.Background(), "r1")
		return err == nil && epoch > 0
	})
	// Killed: what the old service does from here on goes to another database.
	killed := kv.NewMemory()
	copyAll(t, db, killed)
	f.add(`{"a":3}`, `{"a":4}`, `{"a":5}`, `{"a":6}`)

	again := newBench(t, killed)
	again.name = b.name
	lab.Lock()
	delete(lab.kept, b.name+"/r1")
	lab.Unlock()
	if err := again.Load(); err != nil {
		t.Fatal(err)
	}
	again.sink("r1").want(t, `[{"s":6}]`, `[{"s":15}]`)
}

func copyAll(t *testing.T, from, to kv.DB) {
	t.Helper()
	for _, bucket := range []string{kv.Streams, kv.Rules, kv.Checkpoints} {
		if err := from.Each(bucket, func(k string, v []byte) error { return to.Put(bucket, k, v) }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACheckpointOfAnotherQueryIsLeftAside(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	out := b.rule(t, "r1", sum3, `"qos": 1`)
	f.add(`{"a":1}`, `{"a":2}`)
	b.until(t, "r1", "fed", func(st Status) bool { return st.Nodes[1].Stats.In.Load() == 2 })
	if err := b.Update("r1", []byte(b.text("r1", "SELECT sum(a) AS t FROM demo GROUP BY COUNTWINDOW(2)", `"qos": 1`))); err != nil {
		t.Fatal(err)
	}
	out.want(t, `[{"t":3}]`) // from the beginning of the source
}

func TestADamagedCheckpointIsLeftAside(t *testing.T) {
	b := newBench(t, nil)
	f := b.stream(t, "demo", "")
	b.db.Put(kv.Checkpoints, "r1", []byte("garbage"))
	out := b.rule(t, "r1", sum3, `"qos": 1`)
	f.add(`{"a":1}`, `{"a":2}`, `{"a":3}`)
	out.want(t, `[{"s":6}]`)
}

func TestADeletedRuleLeavesNoCheckpoint(t *testing.T) {
	b := newBench(t, nil)
	b.stream(t, "demo", "")
	b.rule(t, "r1", sum3, `"qos": 1`)
	b.Stop("r1")
	if epoch, _, _ := b.cfg.Checkpoints.Latest(context.Background(), "r1"); epoch == 0 {
		t.Fatal("no checkpoint at stop")
	}
	b.Delete("r1")
	if epoch, parts, _ := b.cfg.Checkpoints.Latest(context.Background(), "r1"); epoch != 0 || parts != nil {
		t.Errorf("checkpoint %d is left", epoch)
	}
}
