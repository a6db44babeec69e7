package rules

import (
	"context"
	"encoding/json"
	"time"

	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// mock is a source that delivers given rows in place of a stream's own source,
// for trials.
type mock struct {
	rows     []json.RawMessage
	interval time.Duration
	loop     bool
}

// Params implements sources.Source.
func (m *mock) Params(*param.Set) {}

// Run implements sources.Source.
func (m *mock) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	env.Status.Connected()
	for again := true; again && len(m.rows) > 0; again = m.loop {
		for _, row := range m.rows {
			if err := deliver(sources.Message{Payload: row}); err != nil {
				return err
			}
			if err := m.pause(ctx, env); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *mock) pause(ctx context.Context, env sources.Env) error {
	if m.interval <= 0 {
		return ctx.Err()
	}
	tick, stop := env.Clock.After(m.interval)
	defer stop()
	select {
	case <-tick:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
