package appservice

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/edgexfoundry/app-functions-sdk-go/v3/pkg/interfaces"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos"
	"github.com/edgexfoundry/go-mod-core-contracts/v3/dtos/requests"

	"github.com/edgesluice/sluice/sources/edgex/wire"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/parse"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// Filter passes an event on, unchanged, if the SQL condition is true for it and
// ends the pipeline otherwise. Readings are columns by resource name, typed by
// their valueType; meta(deviceName) and the other keys of meta() work.
//
//	hot, err := appservice.Filter("Temperature > 30 AND meta(deviceName) LIKE 'oven-%'")
//	err = service.SetDefaultFunctionsPipeline(hot, ...)
func Filter(where string) (interfaces.AppFunction, error) {
	f, err := newFunction("Filter", "SELECT * FROM events WHERE "+where, clock.Wall)
	if err != nil {
		return nil, err
	}
	return f.filter, nil
}

// Project makes an event of the SELECT list: a reading for each field.
//
//	appservice.Project("Temperature * 1.8 + 32 AS Fahrenheit, Spectrum[0:4] AS Low")
func Project(fields string) (interfaces.AppFunction, error) {
	return sqlFunction("Project", "SELECT "+fields+" FROM events")
}

// Window collects events and makes, when the window ends, an event of the
// SELECT list for each group: Window("TUMBLINGWINDOW(ss, 5)", "avg(T) AS T",
// "meta(deviceName)"). The call that opens a window of time returns when it
// ends, as the SDK's own batch function does; other calls end at once.
func Window(window, fields string, groupBy ...string) (interfaces.AppFunction, error) {
	return sqlFunction("Window", windowQuery(window, fields, groupBy))
}

func windowQuery(window, fields string, groupBy []string) string {
	sql := "SELECT " + fields + " FROM events GROUP BY "
	for _, g := range groupBy {
		sql += g + ", "
	}
	return sql + window
}

// SQL runs a whole query over one stream of any name, the events:
// "SELECT avg(T) AS T FROM events WHERE T > 0 GROUP BY COUNTWINDOW(10)".
func SQL(query string) (interfaces.AppFunction, error) { return sqlFunction("SQL", query) }

func sqlFunction(name, query string) (interfaces.AppFunction, error) {
	f, err := newFunction(name, query, clock.Wall)
	if err != nil {
		return nil, err
	}
	return f.query, nil
}

// function is one compiled query in a pipeline of the SDK, which calls it from
// many goroutines.
type function struct {
	name  string
	clock clock.Clock

	mu      sync.Mutex
	pipe    *sqlfn.Pipeline
	decode  *wire.Decoder
	batch   row.Batch
	results []dtos.Event
	like    dtos.Event // the last event: what results keep of it
	err     error
	waiting bool // a call waits for the end of a window
}

// anyStream is a catalog in which every name is a stream without a schema.
type anyStream struct{}

func (anyStream) Stream(name string) (*sqlfn.Stream, error) {
	return &sqlfn.Stream{Name: name, Schema: &row.Schema{Open: true}}, nil
}

func newFunction(name, query string, clk clock.Clock) (*function, error) {
	sel, err := parse.Select(query)
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", name, err)
	}
	pipe, err := sqlfn.Compile(sel, anyStream{}, sqlfn.Options{Rule: name, Clock: clk, Loc: time.Local})
	if err != nil {
		return nil, fmt.Errorf("function %s: %w", name, err)
	}
	ins := pipe.Inputs()
	if len(ins) != 1 {
		return nil, fmt.Errorf("function %s: it has the events of the pipeline only, %d streams cannot be joined", name, len(ins))
	}
	f := &function{name: name, clock: clk, pipe: pipe}
	f.decode = wire.New(wire.Config{Schema: ins[0].Want, NoMeta: !ins[0].Meta})
	f.batch.Schema = ins[0].Want
	return f, nil
}

// filter is an AppFunction.
func (f *function) filter(ctx interfaces.AppFunctionContext, data any) (bool, any) {
	events, err := f.events(ctx, data)
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var kept []dtos.Event
	for _, e := range events {
		f.push(e)
		if len(f.results) > 0 {
			kept = append(kept, e)
		}
		f.results = nil
	}
	return f.answer(kept)
}

// query is an AppFunction.
func (f *function) query(ctx interfaces.AppFunctionContext, data any) (bool, any) {
	events, err := f.events(ctx, data)
	if err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.push(e)
	}
	if len(f.results) == 0 && f.err == nil && !f.waiting {
		f.waiting = true
		f.wait(context.Background())
		f.waiting = false
	}
	results := f.results
	f.results = nil
	return f.answer(results)
}

// answer gives a single event as such, several as a list.
func (f *function) answer(events []dtos.Event) (bool, any) {
	err := f.err
	f.err = nil
	switch {
	case len(events) == 0 && err != nil:
		return false, fmt.Errorf("function %s: %w", f.name, err)
	case len(events) == 0:
		return false, nil
	case len(events) == 1:
		return true, events[0]
	}
	return true, events
}

// events takes what the SDK or a function before this one hands over.
func (f *function) events(ctx interfaces.AppFunctionContext, data any) ([]dtos.Event, error) {
	switch d := data.(type) {
	case dtos.Event:
		return []dtos.Event{d}, nil
	case *dtos.Event:
		return []dtos.Event{*d}, nil
	case []dtos.Event:
		return d, nil
	case requests.AddEventRequest:
		return []dtos.Event{d.Event}, nil
	case nil:
		return nil, fmt.Errorf("function %s in pipeline %q: no event received", f.name, ctx.PipelineId())
	}
	return nil, fmt.Errorf("function %s in pipeline %q: takes an event, got %T; the target type of the pipeline must be event", f.name, ctx.PipelineId(), data)
}

// push runs one event through the pipeline; f.mu is held. The typed decoding of
// readings is the one streams have.
func (f *function) push(e dtos.Event) {
	b, err := json.Marshal(e)
	if err != nil {
		f.Fail(err)
		return
	}
	f.batch.Rows = f.batch.Rows[:0]
	if err := f.decode.Decode(b, &f.batch); err != nil {
		f.Fail(err)
		return
	}
	f.like = e
	for i := range f.batch.Rows {
		f.batch.Rows[i].TS = clock.MS(f.clock.Now()) // windows go by arrival, not by origin
	}
	if err := f.pipe.Push(0, f.batch, f); err != nil {
		f.Fail(err)
	}
}

// wait stays until the pipeline has results or nothing more to wait for; f.mu
// is held, but not while it waits.
func (f *function) wait(ctx context.Context) {
	for len(f.results) == 0 && ctx.Err() == nil {
		at, ok := f.pipe.NextWake()
		if !ok {
			return
		}
		tick, stop := f.clock.After(time.UnixMilli(at).Sub(f.clock.Now()))
		f.mu.Unlock()
		select {
		case <-tick:
		case <-ctx.Done():
		}
		stop()
		f.mu.Lock()
		if err := f.pipe.Advance(clock.MS(f.clock.Now()), f); err != nil {
			f.Fail(err)
			return
		}
	}
}

// Emit implements exec.Emitter.
func (f *function) Emit(b row.Batch) error {
	for i := range b.Rows {
		f.results = append(f.results, eventOf(b.Schema, &b.Rows[i], &f.like, f.Fail))
	}
	return nil
}

// Fail implements exec.Emitter.
func (f *function) Fail(err error) {
	if f.err == nil {
		f.err = err
	}
}
