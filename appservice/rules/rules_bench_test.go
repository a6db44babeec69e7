package rules

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/internal/kv"
	_ "github.com/edgesluice/sluice/sinks/nop"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/exec"
)

// BenchmarkThreeHundredRulesOnASharedStream is the cost of one message that
// goes to 300 rules, a tenth of which let it pass.
func BenchmarkThreeHundredRulesOnASharedStream(b *testing.B) {
	db, log := kv.NewMemory(), slog.New(slog.DiscardHandler)
	cat, err := catalog.Open(catalog.Config{DB: db, Log: log})
	if err != nil {
		b.Fatal(err)
	}
	set := New(Config{DB: db, Catalog: cat, Clock: clock.Wall, Log: log})
	defer set.Close(b.Context())
	cat.Exec(`CREATE STREAM demo () WITH (TYPE="hand", DATASOURCE="bench", SHARED="true")`)
	const rules = 300
	for i := range rules {
		text := fmt.Sprintf(`{"id": "r%d", "sql": "SELECT deviceId, temperature, humidity, seq FROM demo WHERE temperature > %d", "actions": [{"nop": {}}]}`, i, 20+i%20*10)
		if _, err := set.Create([]byte(text)); err != nil {
			b.Fatal(err)
		}
	}
	f := feed_("bench")
	var filters []*exec.Stats
	set.Each(func(_ string, st Status) { filters = append(filters, st.Nodes[1].Stats) })
	wait := func(want int64) {
		for total := int64(0); total < want; {
			total = 0
			for _, s := range filters {
				total += s.In.Load()
			}
			runtime.Gosched()
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.add(`{"deviceId":"dev_42","temperature":31.25,"humidity":57,"pressure":1013.2,"ts":1700000000000,"seq":1,"site":"plant-7"}`)
		wait(int64(i+1) * rules)
	}
}
