// Package httppull is the source of events that are asked for: it calls an HTTP
// service again and again, and each answer is a payload. As a lookup table it
// calls the service for each question and picks the rows that match.
//
//	CREATE STREAM weather () WITH (TYPE="httppull", DATASOURCE="/now", CONF_KEY="station")
//	{"url": "http://10.0.0.5:8080", "interval": "10s", "headers": {"Accept": "application/json"}}
package httppull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "httppull", Table: true,
		Doc:      param.T("Answers of an HTTP service that is called again and again.", "定期调用 HTTP 服务得到的应答。"),
		New:      func() sources.Source { return &source{} },
		NewTable: func() sources.Table { return &Table{} },
	})
}

type source struct {
	service
	interval    time.Duration
	incremental bool
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	s.params(p)
	p.Duration(&s.interval, "interval", 10*time.Second, param.T("time between two calls", "两次调用之间的时间"), param.Min(1))
	p.Bool(&s.incremental, "incremental", false, param.T("leave out an answer that is equal to the one before", "跳过与上一次相同的应答"))
}

// Run implements sources.Source. The first call is made at once.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	if err := s.open(env); err != nil {
		return err
	}
	defer s.close()
	var last []byte
	for {
		payload, err := s.call(ctx)
		if err != nil {
			return err
		}
		env.Status.Connected()
		if !s.incremental || !bytes.Equal(payload, last) {
			if err := deliver(sources.Message{Payload: payload}); err != nil {
				return err
			}
		}
		last = payload
		tick, stop := env.Clock.After(s.interval)
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return ctx.Err()
		}
	}
}

// Ping implements sources.Pinger.
func (s *source) Ping(ctx context.Context, env sources.Env) error {
	if err := s.open(env); err != nil {
		return err
	}
	defer s.close()
	_, err := s.call(ctx)
	return err
}

// Table is a lookup table: the rows of the answer in which the keys have their
// values. Templates of url, body and headers may use the keys: {{.id}}.
type Table struct{ service }

// Params implements sources.Table.
func (t *Table) Params(p *param.Set) {
	t.params(p)
	p.Accept("interval", "incremental")
}

// Open implements sources.Table.
func (t *Table) Open(_ context.Context, env sources.Env) error { return t.open(env) }

// Close implements sources.Table.
func (t *Table) Close() error {
	t.close()
	return nil
}

var errNoRows = errors.New("the answer is neither a JSON object nor an array of objects")

// Lookup implements sources.Table.
func (t *Table) Lookup(ctx context.Context, q sources.Query) ([]value.Value, error) {
	keys := map[string]any{}
	for i, k := range q.Keys {
		keys[k] = q.Values[i].Any()
	}
	payload, err := t.callWith(ctx, keys)
	if err != nil {
		return nil, err
	}
	answer, err := value.ParseJSON(payload, value.JSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	rows := []value.Value{answer}
	if answer.IsArray() {
		rows = answer.Values()
	}
	var found []value.Value
	for _, r := range rows {
		if r.Kind() != value.Object {
			return nil, errNoRows
		}
		if matches(r, q) {
			found = append(found, r)
		}
	}
	return found, nil
}

// matches tells whether a row has the values that are asked for. A key that the
// row does not have was used to ask the service.
func matches(r value.Value, q sources.Query) bool {
	for i, k := range q.Keys {
		if v, ok := r.Lookup(k); ok && !value.Equal(v, q.Values[i]) {
			return false
		}
	}
	return true
}
