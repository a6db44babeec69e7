// Package demo shows the service at work with nothing around it: an MQTT broker
// inside the process, virtual EdgeX devices that publish on it, streams for
// their profiles, the rules of res/demo/rules, and their results on the
// terminal. The service starts it for Sluice.Demo:
//
//	d, err := demo.Start(ctx, demo.Config{Dir: "res/demo", Port: 18830, ...})
//	defer d.Close()
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sort"

	"github.com/edgesluice/sluice/appservice/catalog"
	"github.com/edgesluice/sluice/appservice/rules"
	"github.com/edgesluice/sluice/devicemodel"
	"github.com/edgesluice/sluice/devicemodel/edgex"
	"github.com/edgesluice/sluice/internal/virtual"
	"github.com/edgesluice/sluice/sqlfn/ast"
	"github.com/edgesluice/sluice/sqlfn/clock"
)

// Config is what the demonstration is made of.
type Config struct {
	Dir     string       // with profiles/ and rules/
	Broker  net.Listener // of the broker; closed by Close
	REST    string       // host:port, for the commands to try
	Catalog *catalog.Catalog
	Rules   *rules.Set
	Out     io.Writer // the terminal
	Log     *slog.Logger
	Clock   clock.Clock
}

// name is the conf key and connection that lead to the broker.
const name = "demo"

// Demo is a running demonstration.
type Demo struct {
	cfg    Config
	broker *broker
}

// rule is what the demonstration must know of a file in rules/.
type rule struct {
	text []byte
	ID   string `json:"id"`
	SQL  string `json:"sql"`
}

// Start starts everything; devices publish until ctx ends.
func Start(ctx context.Context, cfg Config) (*Demo, error) {
	profiles, err := edgex.ReadDir(filepath.Join(cfg.Dir, "profiles"))
	if err != nil {
		return nil, fmt.Errorf("demonstration: %w", err)
	}
	rs, err := readRules(filepath.Join(cfg.Dir, "rules"))
	if err != nil {
		return nil, fmt.Errorf("demonstration: %w", err)
	}
	b, err := newBroker(cfg.Broker, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("broker of the demonstration: %w", err)
	}
	d := &Demo{cfg: cfg, broker: b}
	if err := d.define(profiles, rs); err != nil {
		return nil, errors.Join(err, b.close())
	}
	go func() {
		if err := virtual.Run(ctx, b.publish, profiles, cfg.Clock); err != nil && ctx.Err() == nil {
			cfg.Log.Error("virtual devices stopped", "err", err)
		}
	}()
	return d, nil
}

// Close stops the broker.
func (d *Demo) Close() error { return d.broker.close() }

// define makes the conf key, the streams and the rules, or renews those of an
// earlier run, and prints what it does.
func (d *Demo) define(profiles []edgex.Profile, rs []rule) error {
	d.welcome()
	host, port, err := net.SplitHostPort(d.cfg.Broker.Addr().String())
	if err != nil {
		return err
	}
	if err := d.cfg.Catalog.PutConfKey(catalog.Sources, "edgex", name, map[string]any{"type": "mqtt", "protocol": "tcp", "server": host, "port": port}); err != nil {
		return err
	}
	if err := d.cfg.Catalog.PutConfKey(catalog.Sinks, "mqtt", name, map[string]any{"server": "tcp://" + net.JoinHostPort(host, port)}); err != nil {
		return err
	}
	for i := range profiles {
		m := edgex.Model(&profiles[i])
		sql := m.CreateStream(ast.Options{Type: "edgex", Format: "JSON", ConfKey: name, Datasource: edgex.Topic("edgex", profiles[i].Name)})
		stream := devicemodel.StreamName(profiles[i].Name)
		if _, err := d.cfg.Catalog.Replace(stream, false, sql); err != nil {
			return fmt.Errorf("stream of profile %q: %w", profiles[i].Name, err)
		}
		d.showStream(stream, &m)
	}
	if err := d.broker.subscribe("results/#", 1, d.result); err != nil {
		return err
	}
	for _, r := range rs {
		d.showRule(&r)
		if err := d.cfg.Rules.Update(r.ID, r.text); err != nil {
			return fmt.Errorf("rule %q: %w", r.ID, err)
		}
	}
	d.next(rs)
	return nil
}

func readRules(dir string) ([]rule, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var rs []rule
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		r := rule{text: text}
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return nil, fmt.Errorf("no rules in %s", dir)
	}
	return rs, nil
}
