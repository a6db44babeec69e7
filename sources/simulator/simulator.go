// Package simulator is the source that makes events up: it sends the rows of a
// list one after another, for demonstrations and tests.
//
//	{"data": [{"temperature": 22.5, "humidity": 50}], "interval": "1s", "loop": true}
//
// The rows are JSON whatever the stream's FORMAT, and are converted to declared
// columns as JSON is. Used for a lookup table, the list is the table. The hub
// calls Run in a goroutine of its own.
package simulator

import (
	"context"
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/format/json"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "simulator",
		Doc:  param.T("Sends the rows of a list one after another.", "依次发送列表中的各行。"),
		New:  func() sources.Source { return &Source{} },

		NewTable: func() sources.Table { return &Table{} },
	})
}

// Source sends made-up rows.
type Source struct {
	data     any
	interval time.Duration
	loop     bool
	rows     []value.Value // objects
	payloads [][]byte      // the same as JSON
}

// Params implements sources.Source.
func (s *Source) Params(p *param.Set) {
	p.Any(&s.data, "data", []any{map[string]any{"humidity": 50, "temperature": 22.5}}, param.T("rows to send, a list of objects", "要发送的行，对象列表"))
	p.Duration(&s.interval, "interval", time.Second, param.T("time between two rows", "两行之间的时间"), param.Min(1))
	p.Bool(&s.loop, "loop", true, param.T("begin again behind the last row", "发送完最后一行后从头开始"))
	p.Check(s.prepare)
}

// prepare turns data into rows.
func (s *Source) prepare() error {
	data := value.From(s.data)
	if data.Kind() == value.String {
		var err error
		if data, err = value.ParseJSON(data.Bytes(), value.JSONOptions{IntWhole: true}); err != nil {
			return fmt.Errorf("invalid data: %w", err)
		}
	}
	if data.Kind() == value.Object {
		data = value.OfArray([]value.Value{data})
	}
	if !data.IsArray() || data.Len() == 0 {
		return fmt.Errorf("invalid data %s: the value must be a list of objects", data)
	}
	s.rows, s.payloads = data.Values(), nil
	for i, r := range s.rows {
		if r.Kind() != value.Object {
			return fmt.Errorf("invalid data: element %d is no object but of type %s", i, r.Kind())
		}
		text, err := value.AppendJSON(nil, r)
		if err != nil {
			return fmt.Errorf("invalid data: element %d: %w", i, err)
		}
		s.payloads = append(s.payloads, text)
	}
	return nil
}

// Decoder implements sources.Decoding.
func (s *Source) Decoder(cfg format.Config) (format.Decoder, error) { return json.NewDecoder(cfg) }

// Finite implements sources.Finite.
func (s *Source) Finite() bool { return !s.loop }

// Run implements sources.Source. The first row is sent at once.
func (s *Source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	env.Status.Connected()
	for i := 0; ; i++ {
		if i == len(s.payloads) {
			if !s.loop {
				return nil
			}
			i = 0
		}
		if err := deliver(sources.Message{Payload: s.payloads[i]}); err != nil {
			return err
		}
		tick, stop := env.Clock.After(s.interval)
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// Table is the list as a lookup table.
type Table struct{ source Source }

// Params implements sources.Table: those of the source.
func (t *Table) Params(p *param.Set) { t.source.Params(p) }

// Open implements sources.Table.
func (t *Table) Open(context.Context, sources.Env) error { return nil }

// Close implements sources.Table.
func (t *Table) Close() error { return nil }

// Lookup implements sources.Table.
func (t *Table) Lookup(_ context.Context, q sources.Query) ([]value.Value, error) {
	var found []value.Value
	for _, r := range t.source.rows {
		if matches(r, q.Keys, q.Values) {
			found = append(found, r)
		}
	}
	return found, nil
}

func matches(r value.Value, keys []string, vals []value.Value) bool {
	for i, k := range keys {
		if v, _ := r.Lookup(k); v.IsNull() || !value.Equal(v, vals[i]) {
			return false
		}
	}
	return true
}
