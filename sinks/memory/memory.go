// Package memory is the sink that hands rows to the memory sources of other
// rules, by reference and without encoding.
//
//	{"memory": {"topic": "plant/{{.line}}/alarms"}}
//
// Rows may say what they do to a lookup table fed from the topic: a column
// named by rowkindField holds insert, update, upsert or delete, the one named by
// keyField the key.
package memory

import (
	"context"
	"fmt"

	"github.com/edgesluice/sluice/internal/topic"
	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sinks.Register(&sinks.Driver{
		Name: "memory",
		Doc:  param.T("Hands rows to the memory sources of other rules.", "将行传给其他规则的内存源。"),
		New:  func() sinks.Sink { return &sink{} },
	})
}

type sink struct {
	topic    param.Template
	kind     string
	keyField string
}

// Params implements sinks.Sink.
func (s *sink) Params(p *param.Set) {
	p.Template(&s.topic, "topic", "", param.T("topic to publish to", "发布的主题"), param.Required())
	p.String(&s.kind, "rowkindField", "", param.T("column that says what a row does to a table: insert, update, upsert or delete", "说明该行对表的操作的列：insert、update、upsert 或 delete"))
	p.String(&s.keyField, "keyField", "", param.T("column with the key of updates and deletes", "更新和删除所用键的列"))
	p.Check(func() error {
		if s.topic.Static() {
			return topic.CheckName(s.topic.Text)
		}
		return nil
	})
}

// TakesRows implements sinks.Tuples.
func (s *sink) TakesRows() {}

// Connect implements sinks.Sink.
func (s *sink) Connect(context.Context, sinks.Env) error { return nil }

// Write implements sinks.Sink. It blocks while rules on the topic are behind.
func (s *sink) Write(_ context.Context, p sinks.Payload) error {
	m := topic.Message{Topic: s.topic.Text, Batch: row.Batch{Schema: p.Schema, Rows: p.Rows}}
	if !s.topic.Static() {
		name, err := s.topic.Eval(p.Value().Any())
		if err == nil {
			err = topic.CheckName(name)
		}
		if err != nil {
			return err
		}
		m.Topic = name
	}
	if s.kind != "" && p.Err == nil {
		var err error
		if m.Kinds, err = s.kinds(&p); err != nil {
			return err
		}
	}
	if s.keyField != "" && p.Err == nil {
		m.Keys = column(&p, s.keyField)
	}
	topic.Default.Publish(m)
	return nil
}

// Close implements sinks.Sink.
func (s *sink) Close() error { return nil }

// kinds reads the rowkindField of each row.
func (s *sink) kinds(p *sinks.Payload) ([]string, error) {
	kinds := make([]string, len(p.Rows))
	for i, v := range column(p, s.kind) {
		switch k := v.String(); k {
		case "":
			kinds[i] = "insert"
		case "insert", "update", "upsert", "delete":
			kinds[i] = k
		default:
			return nil, fmt.Errorf("invalid rowkind %s", k)
		}
	}
	return kinds, nil
}

// column returns a column of all rows by name.
func column(p *sinks.Payload, name string) []value.Value {
	slot := p.Schema.Slot(name)
	vs := make([]value.Value, len(p.Rows))
	for i := range p.Rows {
		r := &p.Rows[i]
		if slot >= 0 {
			vs[i] = r.Col(slot)
		}
		if !vs[i].Present() {
			vs[i], _ = r.Rest.Lookup(name)
		}
	}
	return vs
}
