package rules

import (
	"context"
	"fmt"

	"github.com/edgesluice/sluice/sinks"
	"github.com/edgesluice/sluice/sqlfn/exec"
	"github.com/edgesluice/sluice/sqlfn/format"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// direct is an outlet without a queue: the rule's goroutine writes.
type direct struct {
	name   string
	sink   sinks.Sink
	env    sinks.Env
	enc    format.Encoder
	single bool
	stats  exec.Stats
	link   *exec.Link
}

func (s *Set) newOutlet(r *Rule, a Action, p *run) (outlet, error) {
	props, _, err := s.cfg.Catalog.SinkProps(a.Type, a.Props)
	if err != nil {
		return nil, err
	}
	d, err := sinks.Lookup(a.Type)
	if err != nil {
		return nil, err
	}
	o := &direct{name: a.name(), sink: d.New(), link: exec.NewLink(s.cfg.Clock)}
	set := param.New(fmt.Sprintf("sink %q", d.Name))
	o.sink.Params(set)
	set.AllowUnknown()
	if err := set.Bind(props); err != nil {
		return nil, err
	}
	o.single, _ = props["sendSingle"].(bool)
	o.env = sinks.Env{Rule: r.ID, DataDir: s.cfg.DataDir, Log: p.log, Clock: s.cfg.Clock, Status: o.link}
	f, err := format.Lookup("json")
	if err != nil {
		return nil, err
	}
	o.enc, err = f.NewEncoder(format.Config{})
	return o, err
}

func (o *direct) start() { _ = o.sink.Connect(context.Background(), o.env) }

func (o *direct) send(ctx context.Context, b row.Batch, done func(error)) error {
	var data []byte
	var err error
	o.stats.In.Add(int64(len(b.Rows)))
	if o.single {
		for i := range b.Rows {
			data, _ = o.enc.EncodeRow(nil, b.Schema, &b.Rows[i])
			err = o.sink.Write(ctx, sinks.Payload{Data: data, Schema: b.Schema, Rows: b.Rows[i : i+1], Single: true})
		}
	} else {
		data, _ = o.enc.EncodeRows(nil, b.Schema, b.Rows)
		err = o.sink.Write(ctx, sinks.Payload{Data: data, Schema: b.Schema, Rows: b.Rows})
	}
	if done != nil {
		done(err)
	}
	return nil
}

func (o *direct) fail(err error) {
	_ = o.sink.Write(context.Background(), sinks.Payload{Err: err, Data: []byte(err.Error())})
}

func (o *direct) flush(context.Context) error { return nil }
func (o *direct) close(context.Context) error { return o.sink.Close() }
func (o *direct) nodes() []Node {
	return []Node{{Kind: "sink", Name: o.name, Stats: &o.stats, Link: o.link.State}}
}
