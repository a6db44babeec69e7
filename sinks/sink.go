// Package sinks connects the engine to where results go: the Sink interface
// every driver implements, the registry of drivers, and the Outlet that
// selects, templates, encodes, batches and queues for all of them.
package sinks

import (
	"context"
	"log/slog"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Sink writes results to one place. Params is called first, once, and declares
// the properties; they are bound before Connect. One goroutine calls the rest.
type Sink interface {
	Params(p *param.Set)
	Connect(ctx context.Context, env Env) error
	// Write returns nil when the far side has the payload. An error that
	// IsRetryable leaves the payload in the queue; any other drops it, counted.
	Write(ctx context.Context, p Payload) error
	Close() error
}

// Env is what a driver gets beside its properties.
type Env struct {
	Rule    string
	DataDir string
	Log     *slog.Logger
	Clock   clock.Clock
	Status  Status
}

// Status tells how the link is.
type Status interface {
	Connecting()
	Connected()
	Disconnected(err error)
}

// Payload is one message for a sink: encoded bytes, and the rows they were
// made of for sinks that store tuples or have dynamic properties.
type Payload struct {
	Data   []byte // encoded; nil for Tuples sinks
	Schema *row.Schema
	Rows   []row.Row
	Single bool  // sendSingle: Rows has one row
	Err    error // an error of the rule, sent because of sendError
}

// Value is what dynamic properties and templates see: the row as an Object
// with sendSingle, else the array of rows.
func (p *Payload) Value() value.Value {
	if p.Single && len(p.Rows) == 1 {
		return row.Object(p.Schema, &p.Rows[0])
	}
	vs := make([]value.Value, len(p.Rows))
	for i := range p.Rows {
		vs[i] = row.Object(p.Schema, &p.Rows[i])
	}
	return value.OfArray(vs)
}

// Tuples is implemented by sinks that take rows, not bytes.
type Tuples interface{ TakesRows() }

// Flusher is implemented by sinks that buffer: it is called when the queue is
// empty.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Pinger is implemented by sinks that can test their connection.
type Pinger interface {
	Ping(ctx context.Context, env Env) error
}
