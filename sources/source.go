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
	Key        string // KEY option, of tables
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
	Fresh   bool        // the source begins again at its beginning (row.Batch.Fresh)
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

// Finite is implemented by a Source that may come to an end. The streams that
// are joined with a table wait until such a table was read.
type Finite interface{ Finite() bool }

// Pinger is implemented by a Source that can test its connection.
type Pinger interface {
	Ping(ctx context.Context, env Env) error
}

// Table answers questions by key: what the driver of a lookup table implements.
// Params is called first, once, and its properties are bound before Open.
type Table interface {
	Params(p *param.Set)
	// Open prepares the table. A far side that is away is not its error: Lookup
	// fails as long as that lasts and recovers by itself.
	Open(ctx context.Context, env Env) error
	// Lookup returns, as objects, the rows in which every key has its value. The
	// rules that join the table call it at the same time, each from its own
	// goroutine. No row is not an error.
	Lookup(ctx context.Context, q Query) ([]value.Value, error)
	Close() error
}

// Query asks a Table for the rows in which Keys[i] equals Values[i], none of
// which is NULL. Fields are the columns that are used of them, nil: all.
type Query struct {
	Keys   []string
	Values []value.Value
	Fields []string
}
