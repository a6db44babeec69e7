package sql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/timefmt"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// source runs a query each interval. With an index field it goes on behind the
// last row it has seen, also after a restart.
type source struct {
	place
	interval           time.Duration
	internal, template map[string]any
	query              query
	sql                param.Template // of templateSqlQueryCfg; "": internalSqlQueryCfg
}

// query is internalSqlQueryCfg, and what templateSqlQueryCfg has in common with
// it.
type query struct {
	table    string
	limit    int
	field    string
	start    any
	kind     string
	pattern  string
	template string
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	s.params(p)
	p.Duration(&s.interval, "interval", 10*time.Second, param.T("time between two queries", "两次查询之间的时间"), param.Min(1))
	p.Object(&s.internal, "internalSqlQueryCfg", nil, param.T("table, limit, indexField, indexValue, indexFieldType, dateTimeFormat", "table、limit、indexField、indexValue、indexFieldType、dateTimeFormat"))
	p.Object(&s.template, "templateSqlQueryCfg", nil, param.T("TemplateSql, and the index members of internalSqlQueryCfg", "TemplateSql，以及 internalSqlQueryCfg 的 index 成员"))
	p.Check(s.check)
}

func (s *source) check() error {
	switch {
	case s.internal != nil && s.template != nil:
		return errors.New("internalSqlQueryCfg and templateSqlQueryCfg exclude each other")
	case s.template != nil:
		if err := s.query.bind("templateSqlQueryCfg", s.template); err != nil {
			return err
		}
		var err error
		s.sql, err = param.NewTemplate("TemplateSql", s.query.template)
		return err
	case s.internal != nil:
		return s.query.bind("internalSqlQueryCfg", s.internal)
	}
	return nil
}

func (q *query) bind(name string, props map[string]any) error {
	t := param.T("", "")
	p := param.New(name)
	p.String(&q.table, "table", "", t)
	p.Int(&q.limit, "limit", 0, t, param.Min(0))
	p.String(&q.field, "indexField", "", t, param.Alias("indexFieldName"))
	p.Any(&q.start, "indexValue", nil, t, param.Alias("indexFieldValue"))
	p.String(&q.kind, "indexFieldType", "", t, param.Alias("indexFieldDataType"))
	p.String(&q.pattern, "dateTimeFormat", "", t, param.Alias("indexFieldDateTimeFormat"))
	p.String(&q.template, "TemplateSql", "", t)
	return p.Bind(props)
}

// Rewindable implements sources.Seeker.
func (s *source) Rewindable() bool { return s.query.field != "" }

// place of the last row that was seen.
type offset struct {
	Index any  `json:"index"`
	Time  bool `json:"time,omitempty"`
}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	if s.query.table == "" && s.query.template == "" {
		if s.query.table = env.Datasource; s.query.table == "" {
			return errors.New("sql source: no query, set internalSqlQueryCfg, templateSqlQueryCfg or DATASOURCE")
		}
	}
	last, err := s.begin(env)
	if err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.db.Close()
	for {
		if last, err = s.pull(ctx, env, last, deliver); err != nil {
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

// begin returns the index to go on behind; nil: from the beginning.
func (s *source) begin(env sources.Env) (any, error) {
	if env.Resume == nil {
		if text, ok := s.query.start.(string); ok && strings.EqualFold(s.query.kind, "datetime") {
			return parseTime(text, s.query.pattern)
		}
		return s.query.start, nil
	}
	var o offset
	d := json.NewDecoder(strings.NewReader(string(env.Resume)))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		return nil, fmt.Errorf("sql source: the saved offset %q is broken: %w", env.Resume, err)
	}
	switch x := o.Index.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i, nil
		}
		return x.Float64()
	case string:
		if o.Time {
			return time.Parse(time.RFC3339Nano, x)
		}
	}
	return o.Index, nil
}

func parseTime(text, pattern string) (time.Time, error) {
	if pattern != "" {
		layout, err := timefmt.Compile(pattern)
		if err != nil {
			return time.Time{}, fmt.Errorf("dateTimeFormat: %w", err)
		}
		if t, err := layout.Parse(text, time.UTC); err == nil {
			return t, nil
		}
	}
	t, err := timefmt.Parse(text, time.UTC)
	if err != nil {
		return t, fmt.Errorf("indexValue: %w", err)
	}
	return t, nil
}

// pull runs the query once and returns the index of the last row.
func (s *source) pull(ctx context.Context, env sources.Env, last any, deliver func(sources.Message) error) (any, error) {
	text, args, err := s.statement(last)
	if err != nil {
		return last, err
	}
	found, err := s.rows(ctx, text, args...)
	if err != nil {
		return last, err
	}
	env.Status.Connected()
	schema := &row.Schema{Open: true}
	for _, obj := range found {
		m := sources.Message{Batch: &row.Batch{Schema: schema, Rows: []row.Row{{Rest: obj}}}}
		if v, ok := obj.Lookup(s.query.field); ok && !v.IsNull() {
			last = v.Any()
			if m.Offset, err = offsetOf(v); err != nil {
				return last, err
			}
		}
		if err := deliver(m); err != nil {
			return last, err
		}
	}
	return last, nil
}

func offsetOf(v value.Value) ([]byte, error) {
	return json.Marshal(offset{v.Any(), v.Kind() == value.Time})
}

func (s *source) statement(last any) (string, []any, error) {
	q := &s.query
	if q.template != "" {
		text, err := s.sql.Eval(map[string]any{q.field: shown(last, q.pattern)})
		return text, nil, err
	}
	text := "SELECT * FROM " + s.name(q.table)
	var args []any
	if q.field != "" && last != nil {
		text += " WHERE " + s.column(q.field) + " > " + s.dialect.mark(1)
		if f, ok := last.(float64); ok && f == float64(int64(f)) {
			last = int64(f)
		}
		args = append(args, last)
	}
	if q.field != "" {
		text += " ORDER BY " + s.column(q.field) + " ASC"
	}
	if q.limit > 0 {
		text += fmt.Sprintf(s.dialect.limit, q.limit)
	}
	return text, args, nil
}

// shown is an index in a template's SQL.
func shown(last any, pattern string) any {
	t, ok := last.(time.Time)
	if !ok {
		return last
	}
	if layout, err := timefmt.Compile(pattern); err == nil && pattern != "" {
		return layout.Format(t)
	}
	return t.Format("2006-01-02 15:04:05.999999")
}

// Ping implements sources.Pinger.
func (s *source) Ping(ctx context.Context, _ sources.Env) error {
	if err := s.open(); err != nil {
		return err
	}
	defer s.db.Close()
	return s.db.PingContext(ctx)
}
