package demo

import (
	"fmt"
	"strings"

	"github.com/edgesluice/sluice/devicemodel"
)

// welcome says what there is to see.
func (d *Demo) welcome() {
	d.print("Sluice: virtual EdgeX devices publish events on an MQTT broker (%s);\nSQL rules filter and window them; the results appear below.\n\n", d.cfg.Broker.Addr())
}

func (d *Demo) showStream(stream string, m *devicemodel.Model) {
	cols := m.Schema().Cols
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name + " " + strings.ToUpper(c.Type.String())
	}
	d.print("stream  %s (%s)\n", stream, strings.Join(names, ", "))
}

func (d *Demo) showRule(r *rule) {
	d.print("rule    %s: %s\n", r.ID, r.SQL)
}

// next gives three commands to go on with.
func (d *Demo) next(rs []rule) {
	d.print(`
REST API: http://%[1]s    Ctrl-C stops. Try next, in another terminal:

  curl http://%[1]s/rules/%[2]s/status
  bin/sluice --server %[1]s describe rule %[2]s
  bin/sluice --server %[1]s query

`, d.cfg.REST, rs[0].ID)
}

// result prints a message of a rule: results/<rule> {"a":1}.
func (d *Demo) result(topic string, payload []byte) {
	_, id, _ := strings.Cut(topic, "/")
	d.print("%s  %-8s %s\n", d.cfg.Clock.Now().Format("15:04:05"), id, payload)
}

func (d *Demo) print(format string, args ...any) { fmt.Fprintf(d.cfg.Out, format, args...) }
