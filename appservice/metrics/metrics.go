// Package metrics shows the counters of rules to Prometheus under Kuiper's
// names: kuiper_source_records_in_total{op="demo",op_instance="0",rule="r1",type="source"} ...
//
//	mux.Handle("/metrics", metrics.Handler(set, nil))
//
// Nothing is registered per rule: each scrape reads the counters as they are,
// so a deleted rule leaves no series behind.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/edgesluice/sluice/appservice/rules"
)

// Rules is what is shown; *rules.Set is one.
type Rules interface {
	Each(f func(id string, st rules.Status))
}

// Gauge is a number of the service that belongs to no rule.
type Gauge struct {
	Name, Help string
	Value      float64
}

// Handler serves the metrics of the rules, of the process and of the Go
// runtime, and what gauges returns; it may be nil.
func Handler(set Rules, gauges func() []Gauge) http.Handler {
	reg := prometheus.NewRegistry()
	if gauges != nil {
		reg.MustRegister(service(gauges))
	}
	reg.MustRegister(newCollector(set), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// service collects the gauges of the service. They are unchecked, as the SDK
// side brings some only later.
type service func() []Gauge

// Describe implements prometheus.Collector.
func (service) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s service) Collect(out chan<- prometheus.Metric) {
	for _, g := range s() {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(g.Name, g.Help, nil, nil), prometheus.GaugeValue, g.Value)
	}
}

// family is one metric of nodes of all three kinds.
type family struct {
	name string
	help string
	kind prometheus.ValueType
	link bool // of sources and sinks only
	read func(*rules.Node) int64
}

var labels = []string{"op", "op_instance", "rule", "type"}

func families() []family {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	return []family{
		{"records_in_total", "Rows received.", counter, false, func(n *rules.Node) int64 { return n.Stats.In.Load() }},
		{"records_out_total", "Rows passed on.", counter, false, func(n *rules.Node) int64 { return n.Stats.Out.Load() }},
		{"messages_processed_total", "Rows processed.", counter, false, func(n *rules.Node) int64 { return n.Stats.In.Load() }},
		{"exceptions_total", "Rows or messages that failed.", counter, false, func(n *rules.Node) int64 { return n.Stats.Errors.Load() }},
		{"process_latency_us", "Microseconds the last timed call took.", gauge, false, func(n *rules.Node) int64 { return n.Stats.LatencyUS.Load() }},
		{"buffer_length", "Rows waiting.", gauge, false, (*rules.Node).Buffered},
		{"connection_status", "1 connected, 0 connecting, -1 lost.", gauge, true, func(n *rules.Node) int64 { return int64(n.Link().Status) }},
	}
}

type collector struct {
	set      Rules
	families []family
	descs    map[string]*prometheus.Desc // by kind of node and family
	status   *prometheus.Desc
	count    *prometheus.Desc
}

func newCollector(set Rules) *collector {
	c := &collector{
		set: set, families: families(), descs: map[string]*prometheus.Desc{},
		status: prometheus.NewDesc("kuiper_rule_status", "1 running, 0 stopped, -1 stopped by an error.", []string{"rule"}, nil),
		count:  prometheus.NewDesc("kuiper_rule_count", "Rules by status.", []string{"status"}, nil),
	}
	for _, kind := range []string{"source", "op", "sink"} {
		for _, f := range c.families {
			c.descs[kind+f.name] = prometheus.NewDesc("kuiper_"+kind+"_"+f.name, f.help, labels, nil)
		}
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
	out <- c.status
	out <- c.count
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	running, stopped := 0, 0
	c.set.Each(func(id string, st rules.Status) {
		state := 0.0
		switch st.State {
		case rules.Running:
			state = 1
			running++
		case rules.Failed:
			state = -1
			stopped++
		default:
			stopped++
		}
		out <- prometheus.MustNewConstMetric(c.status, prometheus.GaugeValue, state, id)
		for i := range st.Nodes {
			c.node(out, id, &st.Nodes[i])
		}
	})
	out <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(running), "running")
	out <- prometheus.MustNewConstMetric(c.count, prometheus.GaugeValue, float64(stopped), "stop")
}

func (c *collector) node(out chan<- prometheus.Metric, rule string, n *rules.Node) {
	for _, f := range c.families {
		if f.link && n.Link == nil {
			continue
		}
		out <- prometheus.MustNewConstMetric(c.descs[n.Kind+f.name], f.kind, float64(f.read(n)), n.Name, "0", rule, n.Kind)
	}
}
