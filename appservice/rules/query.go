package rules

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// queryRule is the rule id that queries run under.
const queryRule = "internal-sluice_query_rule"

// Query is a SELECT that runs while somebody looks at its results. It is no
// rule: it is listed nowhere and leaves nothing behind.
type Query struct {
	set *Set
	run *run
	out *viewer
}

// Query compiles a SELECT.
func (s *Set) Query(sql string) (*Query, error) {
	r := &Rule{ID: queryRule, Name: queryRule, SQL: sql}
	var err error
	if r.Options, err = parseOptions(s.cfg.Defaults, map[string]any{"sendError": true, "qos": 0}, s.cfg.Location); err != nil {
		return nil, err
	}
	if r.Select, err = parseSQL(sql); err != nil {
		return nil, err
	}
	p, err := s.prepare(r)
	if err != nil {
		return nil, err
	}
	out, err := newViewer()
	if err != nil {
		return nil, err
	}
	p.outs = []outlet{out}
	return &Query{s, p, out}, nil
}

// Run runs the query until ctx ends, its sources are exhausted, or show fails:
// the one who looks has left. show is given each emission as a JSON array, or
// an error as {"error": text}; the bytes are valid during the call.
func (q *Query) Run(ctx context.Context, show func(line []byte) error) error {
	q.out.show = show
	if err := q.set.open(ctx, q.run); err != nil {
		q.run.finish(err)
		return err
	}
	err := q.run.loop(ctx)
	q.run.finish(err)
	if errors.Is(err, errExhausted) || ctx.Err() != nil || errors.Is(err, errLeft) {
		return nil
	}
	return err
}

var errLeft = errors.New("nobody looks at the results")

// viewer is an outlet that hands every emission to a function, in the run's own
// goroutine.
type viewer struct {
	show func([]byte) error
	enc  format.Encoder
	buf  []byte
	gone bool
}

func newViewer() (*viewer, error) {
	f, err := format.Lookup("json")
	if err != nil {
		return nil, err
	}
	enc, err := f.NewEncoder(format.Config{})
	return &viewer{enc: enc}, err
}

// Send shows the content of a window as one emission, and each row of a rule
// without a window as one of its own.
func (v *viewer) Send(_ context.Context, b row.Batch, done func(error)) error {
	step := 1
	if b.Span.Set {
		step = max(len(b.Rows), 1)
	}
	var err error
	for at := 0; err == nil && (at < len(b.Rows) || at == 0 && b.Span.Set); at += step {
		if v.buf, err = v.enc.EncodeRows(v.buf[:0], b.Schema, b.Rows[at:min(at+step, len(b.Rows))]); err == nil {
			err = v.pass(v.buf)
		}
	}
	if done != nil {
		done(err)
	}
	return err
}

func (v *viewer) pass(line []byte) error {
	if v.gone || v.show(line) != nil {
		v.gone = true
		return errLeft
	}
	return nil
}

// SendError implements outlet.
func (v *viewer) SendError(_ context.Context, failure error) error {
	line, err := json.Marshal(map[string]string{"error": failure.Error()})
	if err != nil {
		return err
	}
	return v.pass(line)
}

// Roomy implements outlet: its function may block.
func (*viewer) Roomy() bool { return false }

// Start implements outlet.
func (v *viewer) Start() {}

// Flush implements outlet.
func (v *viewer) Flush(context.Context) error { return nil }

// Close implements outlet.
func (v *viewer) Close(context.Context) error { return nil }

func (v *viewer) nodes() []Node { return nil }
