// Package sources connects the engine to where readings come from: the Source
// interface every driver implements, the registry of drivers, and the Hub that
// reads each stream once for all rules on it.
package sources

import (
	"context"
	"log/slog"

	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

// Source reads events from one place. Params is called first, once, and
// declares the properties; they are bound before Run.
type Source interface {
	Params(p *param.Set)
	// Run delivers events in order until ctx ends. nil means that the source is
	// exhausted (a file was read); an error means that the link is broken: Run
	// is called again with back-off. deliver blocks when rules are behind; its
	// error (ctx ended) is returned.
	Run(ctx context.Context, env Env, deliver func(Message) error) error
}

// Env is what a driver gets beside its properties.
type Env struct {
	Stream     string // name of the stream
	Datasource string // DATASOURCE option
	DataDir    string // for relative paths
	Log        *slog.Logger
	Clock      clock.Clock
	Status     Status
	Resume     []byte // Offset of the last message that was processed, nil: start afresh
}

// Status tells how the link is.
type Status interface {
	Connecting()
	Connected()
	Disconnected(err error)
}

// Message is one event as a driver delivers it: Payload bytes for the stream's
// format, or Batch rows that need no decoding.
type Message struct {
	Payload []byte // never written again after delivery, unless Lines is set
	Lines   bool   // Payload holds one document a line; a bad line loses only itself (format.DecodeLines). It is decoded when deliver returns
	Batch   *row.Batch
	Meta    row.Meta
	TS      int64       // arrival or event time, ms; 0: now
	Offset  []byte      // where to resume behind this message, if the source can
	Ack     func(error) // told once when every rule has the message safely; may be nil
}

// Decoding is implemented by a Source whose payloads are not in the stream's
// FORMAT (edgex): it makes the decoder for the wanted columns itself. A nil
// Decoder without an error leaves it to FORMAT. It is called before Run, and
// again whenever rules that join want more.
type Decoding interface {
	Decoder(cfg format.Config) (format.Decoder, error)
}

// Seeker is implemented by a Source that can start from an Offset (Env.Resume).
type Seeker interface{ Rewindable() bool }

// Pinger is implemented by a Source that can test its connection.
type Pinger interface {
	Ping(ctx context.Context, env Env) error
}

// Lookuper is implemented by sources for lookup tables.
type Lookuper interface {
	Lookup(ctx context.Context, keys []string, vals []value.Value) ([]value.Value, error)
}
