package plan

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/edgesluice/sluice/sqlfn/ast"
)

// Op and Info of the nodes, in the words of the status page and EXPLAIN.

// Op implements Node.
func (n *Compute) Op() string {
	for _, c := range n.Cols {
		if a, ok := c.X.(*Apply); ok && a.Func.IsAnalytic() {
			return "analytic"
		}
	}
	return "alias"
}

// Info implements Node.
func (n *Compute) Info() string {
	cs := make([]string, len(n.Cols))
	for i, a := range n.Cols {
		cs[i] = fmt.Sprintf("%s:%s", a.Slot.Name, a.X)
	}
	return "Funcs:[ " + strings.Join(cs, ", ") + " ]"
}

// Op implements Node.
func (n *Filter) Op() string {
	if n.Having {
		return "having"
	}
	return "filter"
}

// Info implements Node.
func (n *Filter) Info() string { return "Condition:{ " + n.X.String() + " }" }

// Op implements Node.
func (*Window) Op() string { return "window" }

// Info implements Node.
func (n *Window) Info() string { return "Window:{ " + n.Window.String() + " }" }

// Op implements Node.
func (n *Join) Op() string {
	for _, j := range n.Joins {
		if j.Lookup == nil {
			return "join"
		}
	}
	return "lookup"
}

// Info implements Node.
func (n *Join) Info() string {
	var ks []string
	for _, j := range n.Joins {
		on := ""
		if j.Lookup != nil {
			on = ", " + j.Lookup.String()
		}
		if j.On != nil {
			on += ", expr:" + j.On.String()
		}
		ks = append(ks, fmt.Sprintf("{ joinType:%s%s }", j.Kind, on))
	}
	return "Joins:[ " + strings.Join(ks, ", ") + " ]"
}

// String prints the question.
func (l *Lookup) String() string {
	keys := make([]string, len(l.Keys))
	for i, k := range l.Keys {
		keys[i] = k.Name + " = " + l.Values[i].String()
	}
	return "lookup:" + l.Table + "[ " + strings.Join(keys, ", ") + " ]"
}

// Op implements Node.
func (*Group) Op() string { return "aggregate" }

// Info implements Node.
func (n *Group) Info() string {
	as := make([]string, len(n.Aggs))
	for i, a := range n.Aggs {
		as[i] = a.Text
	}
	return "Dimension:{ " + list(n.Dims) + " }, Aggregates:[ " + strings.Join(as, ", ") + " ]"
}

// Op implements Node.
func (*Order) Op() string { return "order" }

// Info implements Node.
func (n *Order) Info() string {
	var by []string
	for _, s := range n.By {
		dir := "asc"
		if s.Desc {
			dir = "desc"
		}
		by = append(by, s.X.String()+" "+dir)
	}
	return "SortFields:[ " + strings.Join(by, ", ") + " ]"
}

// Op implements Node.
func (*Limit) Op() string { return "limit" }

// Info implements Node.
func (n *Limit) Info() string { return fmt.Sprintf("Limit:%d", n.N) }

// Op implements Node.
func (*Project) Op() string { return "project" }

// Info implements Node.
func (n *Project) Info() string {
	var fs []string
	if len(n.Star) > 0 || n.Rest {
		fs = append(fs, "*")
	}
	for _, f := range n.Fields {
		if x := f.X.String(); x != f.Name {
			fs = append(fs, f.Name+":"+x)
		} else {
			fs = append(fs, x)
		}
	}
	return "Fields:[ " + strings.Join(fs, ", ") + " ]"
}

// Op implements Node.
func (*Dedup) Op() string { return "dedup_trigger" }

// Info implements Node.
func (n *Dedup) Info() string { return fmt.Sprintf("Column:%d", n.Column) }

func list(es []ast.Expr) string {
	ss := make([]string, len(es))
	for i, e := range es {
		ss[i] = e.String()
	}
	return strings.Join(ss, ", ")
}

var planNames = map[string]string{
	"alias": "AliasPlan", "analytic": "AnalyticFuncsPlan", "filter": "FilterPlan", "having": "HavingPlan", "window": "WindowPlan", "join": "JoinPlan", "lookup": "LookupPlan",
	"aggregate": "AggregatePlan", "order": "OrderPlan", "dedup_trigger": "DedupTriggerPlan", "limit": "LimitPlan", "project": "ProjectPlan",
}

// Explain prints the tree, one JSON line a node, the last step first, depth in
// tabs.
func (p *Plan) Explain() string {
	var b strings.Builder
	depth := 0
	line := func(op, info string) {
		b.WriteString(strings.Repeat("\t", depth))
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.Encode(struct { // a strings.Builder takes everything
			Op   string `json:"op"`
			Info string `json:"info"`
		}{fmt.Sprintf("%s_%d", op, depth), info})
	}
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		line(planNames[p.Nodes[i].Op()], p.Nodes[i].Info())
		depth++
	}
	for _, in := range p.Inputs {
		fields := strings.Join(in.Want.Names(), ", ")
		if in.Want.Open {
			fields = strings.TrimPrefix(fields+", *", ", ")
		}
		line("DataSourcePlan", fmt.Sprintf("StreamName: %s, StreamFields:[ %s ]", in.Stream.Name, fields))
	}
	return b.String()
}
