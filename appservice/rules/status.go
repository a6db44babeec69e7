package rules

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/exec"
)

// State is the "status" of a rule.
type State string

// The states, in Kuiper's words.
const (
	Running  State = "running"
	Starting State = "starting"
	Stopping State = "stopping"
	Stopped  State = "stopped"
	Failed   State = "stopped by error"
	Waiting  State = "stopped: waiting for next schedule."
)

// Status is what GET /rules/{id}/status shows.
type Status struct {
	State                          State
	Message                        string
	LastStart, LastStop, NextStart int64  // ms since 1970
	Nodes                          []Node // of the current or the last run, sources first
}

// Node is a source, operator or sink of a run with its counters.
type Node struct {
	Kind  string // source, op or sink
	Name  string // demo, 2_filter, mqtt_0
	Stats *exec.Stats
	Link  func() exec.LinkState // of sources and sinks
	Extra func() []Metric
	// Waiting counts rows in front of the node, beside those it holds itself.
	Waiting func() int
	// Action is set on what stands between the operators and a sink, and on the
	// sink: they are a branch of their own.
	Action string
}

// Prefix begins the names of the node's metrics: op_2_filter_0_.
func (n *Node) Prefix() string { return n.ID() + "_0_" }

// ID is the name of the node in a topology: op_2_filter.
func (n *Node) ID() string { return n.Kind + "_" + n.Name }

// Buffered is the number of rows that wait in front of the node or in it.
func (n *Node) Buffered() int64 {
	b := n.Stats.Buffered.Load()
	if n.Waiting != nil {
		b += int64(n.Waiting())
	}
	return b
}

// Metric is one named figure of a node: an int64 or a string.
type Metric struct {
	Name  string
	Value any
}

// Metrics returns the node's figures in Kuiper's order.
func (n *Node) Metrics() []Metric {
	s := n.Stats
	var last exec.Failure
	if f := s.LastError(); f != nil {
		last = *f
	}
	ms := []Metric{
		{"records_in_total", s.In.Load()},
		{"records_out_total", s.Out.Load()},
		{"messages_processed_total", s.In.Load()},
		{"process_latency_us", s.LatencyUS.Load()},
		{"buffer_length", n.Buffered()},
		{"last_invocation", s.LastInvocation.Load()},
		{"exceptions_total", s.Errors.Load()},
		{"last_exception", last.Text},
		{"last_exception_time", last.At},
	}
	if n.Link != nil {
		l := n.Link()
		ms = append(ms,
			Metric{"connection_status", int64(l.Status)},
			Metric{"connection_last_connected_time", l.LastConnected},
			Metric{"connection_last_disconnected_time", l.LastDisconnected},
			Metric{"connection_last_disconnected_message", l.LastMessage},
			Metric{"connection_last_try_time", l.LastTry})
	}
	if late := s.Late.Load(); late > 0 {
		ms = append(ms, Metric{"late_total", late})
	}
	if n.Extra != nil {
		ms = append(ms, n.Extra()...)
	}
	return ms
}

// metrics returns the whole status, keys in the order of the topology.
func (s *Status) metrics() []Metric {
	ms := []Metric{
		{"status", string(s.State)},
		{"message", s.Message},
		{"lastStartTimestamp", s.LastStart},
		{"lastStopTimestamp", s.LastStop},
		{"nextStartTimestamp", s.NextStart},
	}
	for i := range s.Nodes {
		prefix := s.Nodes[i].Prefix()
		for _, m := range s.Nodes[i].Metrics() {
			ms = append(ms, Metric{prefix + m.Name, m.Value})
		}
	}
	return ms
}

// Indented is the status as JSON in the order of the topology, indented by 2.
func (s *Status) Indented() []byte {
	return writeObject(s.metrics(), "\n  ", "\n", ": ")
}

// MarshalJSON is the status on one line with sorted keys.
func (s *Status) MarshalJSON() ([]byte, error) {
	ms := s.metrics()
	slices.SortFunc(ms, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	return writeObject(ms, "", "", ":"), nil
}

// Exceptions adds up the errors of all nodes and returns the latest one.
func (s *Status) Exceptions() (total int64, last string) {
	var at int64
	for _, n := range s.Nodes {
		total += n.Stats.Errors.Load()
		if f := n.Stats.LastError(); f != nil && f.At >= at {
			at, last = f.At, f.Text
		}
	}
	return total, last
}

// writeObject writes metrics as a JSON object in their order: encoding/json
// would sort them.
func writeObject(ms []Metric, before, end, colon string) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range ms {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(before)
		b.WriteString(strconv.Quote(m.Name))
		b.WriteString(colon)
		v, err := json.Marshal(m.Value)
		if err != nil {
			v = []byte("null")
		}
		b.Write(v)
	}
	b.WriteString(end)
	b.WriteByte('}')
	return b.Bytes()
}

// Topology is the graph of a rule's nodes.
type Topology struct {
	Sources []string            `json:"sources"`
	Edges   map[string][]string `json:"edges"`
}

// topology links the sources to the first operator, the operators to each
// other, and the last one to the first step of each action.
func topology(nodes []Node) Topology {
	t := Topology{Sources: []string{}, Edges: map[string][]string{}}
	var tail []string           // what the next operator is fed by
	ends := map[string]string{} // the last step of an action so far
	link := func(from []string, to string) {
		for _, f := range from {
			t.Edges[f] = append(t.Edges[f], to)
		}
	}
	for i := range nodes {
		n, id := &nodes[i], nodes[i].ID()
		switch {
		case n.Kind == "source":
			t.Sources = append(t.Sources, id)
			tail = append(tail, id)
		case n.Action == "":
			link(tail, id)
			tail = []string{id}
		case ends[n.Action] == "":
			link(tail, id)
			ends[n.Action] = id
		default:
			link([]string{ends[n.Action]}, id)
			ends[n.Action] = id
		}
	}
	return t
}
