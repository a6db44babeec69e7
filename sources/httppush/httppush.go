// Package httppush is the source of events that others send by HTTP. All
// streams of this type share one port; DATASOURCE is the path. A JSON array is
// as many events as it has elements.
//
//	CREATE STREAM pushed () WITH (TYPE="httppush", DATASOURCE="/gateway1", FORMAT="JSON")
//	curl -d '{"temperature": 31}' http://127.0.0.1:10081/gateway1
//
// The answer is 200 when the rules have the event safely, also if it cannot be
// decoded, which is an error of the rules; 503 when no rule takes it now.
package httppush

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/edgesluice/sluice/internal/dataserver"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
	"github.com/edgesluice/sluice/sqlfn/row"
	"github.com/edgesluice/sluice/sqlfn/value"
)

func init() {
	sources.Register(&sources.Driver{
		Name: "httppush", Table: true,
		Doc: param.T("Events that others send by HTTP.", "其他程序通过 HTTP 发送的事件。"),
		New: func() sources.Source { return &source{} },
	})
}

// Listen sets where the port is opened when the first stream needs it, such as
// 0.0.0.0:10081.
func Listen(addr string) { dataserver.Default.SetAddr(addr) }

// patience is how long the rules may take to have an event safely.
const patience = 10 * time.Second

type source struct {
	method string
}

// Params implements sources.Source.
func (s *source) Params(p *param.Set) {
	p.String(&s.method, "method", http.MethodPost, param.T("HTTP method", "HTTP 方法"), param.OneOf(http.MethodPost, http.MethodPut))
	p.Accept("server")
}

// Run implements sources.Source.
func (s *source) Run(ctx context.Context, env sources.Env, deliver func(sources.Message) error) error {
	path := "/" + strings.TrimPrefix(env.Datasource, "/")
	in := &intake{ctx: ctx, clock: env.Clock, deliver: deliver}
	leave, err := dataserver.Default.Join(path, strings.ToUpper(s.method), in.take)
	if err != nil {
		return err
	}
	defer leave()
	env.Status.Connected()
	<-ctx.Done()
	return ctx.Err()
}

// intake is one running source.
type intake struct {
	ctx     context.Context
	clock   clock.Clock
	deliver func(sources.Message) error
}

// errBusy is an event that the rules did not take safely in time.
var errBusy = errors.New("the rules have not taken the event yet")

// take hands an event to the rules and waits until they have it.
func (in *intake) take(ctx context.Context, body []byte) error {
	settled := make(chan error, 1)
	err := in.deliver(sources.Message{Payload: body, Meta: row.ObjectMeta{Obj: value.OfObject(nil)}, Ack: func(err error) { settled <- err }})
	if err != nil {
		return err
	}
	tick, stop := in.clock.After(patience)
	defer stop()
	select {
	case err := <-settled:
		return err
	case <-tick:
		return errBusy
	case <-in.ctx.Done():
		return sources.ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}
