// Package memory is the source of rows that other rules sent to a memory sink.
// They come by reference, nothing is encoded or decoded. DATASOURCE is the
// topic; + stands for one level of it and # for the last ones.
//
//	CREATE STREAM alarms () WITH (TYPE="memory", DATASOURCE="plant/+/alarms")
package memory

import (
	"context"
	"errors"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "memory", Table: true,
		Doc: param.T("Rows that other rules sent to a memory sink.", "其他规则发送到内存动作的行。"),
		New: func() sources.Source { return &source{} },

		NewTable: func() sources.Table { return &Table{} },
	})
}

type source struct{}

// Params implements sources.Source.
func (s *source) Params(*param.Set) {}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	if env.Datasource == "" {
		return errors.New("memory source: DATASOURCE is empty, it names the topic")
	}
	if err := topic.CheckFilter(env.Datasource); err != nil {
		return err
	}
	var rows []row.Row
	stop := topic.Default.Subscribe(env.Datasource, func(m topic.Message) error {
		rows = append(rows[:0], m.Batch.Rows...)
		for i := range rows {
			rows[i].TS, rows[i].Meta, rows[i].In = 0, nil, 0 // they arrive here and now
		}
		b := m.Batch
		b.Rows = rows
		err := deliver(sources.Message{Batch: &b, Meta: meta(m.Topic)})
		clear(rows)
		return err
	})
	defer stop()
	env.Status.Connected()
	<-ctx.Done()
	return ctx.Err()
}

// meta is the topic a row came from.
type meta string

// Key implements row.Meta.
func (m meta) Key(name string) value.Value {
	if name == "topic" {
		return value.OfString(string(m))
	}
	return value.Value{}
}

// All implements row.Meta.
func (m meta) All() value.Value {
	return value.OfSorted([]value.Member{{Name: "topic", Val: value.OfString(string(m))}})
}
