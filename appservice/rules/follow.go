package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/edgesluice/sluice/internal/kv"
	"github.com/edgesluice/sluice/sqlfn"
	"github.com/edgesluice/sluice/sqlfn/row"
)

// suspension is why a rule does not run although it is to: a column that it
// reads has gone or has become another one. The rule starts again when the
// columns are as they were.
type suspension struct {
	Reason  string            `json:"reason"`
	Columns map[string]string `json:"columns"` // type of each column that is read, by stream.column
}

var errChanged = errors.New("stream has changed")

// Follow brings the rules on a stream in line with the definition it has now.
// Rules whose columns are as before go on without a stop, rules that get more
// columns (SELECT *) start anew, and rules whose columns do not fit any more are
// suspended; because begins their reason: device profile "press".
func (s *Set) Follow(stream, because string) {
	for _, id := range s.Using(stream) {
		e, err := s.hold(id)
		if err != nil {
			continue // deleted meanwhile
		}
		if r := e.definition(); r != nil && r.Triggered {
			s.followOne(e, r, because)
		}
		e.op.Unlock()
	}
}

func (s *Set) followOne(e *entry, r *Rule, because string) {
	next, err := s.compileRule(r, nil)
	running := e.running()
	switch {
	case err != nil:
		var before map[string]string
		if running != nil {
			before = columnsOf(running.pipe.Inputs())
		}
		s.suspend(e, fmt.Sprintf("%s: %v", because, err), before)
	case running == nil:
		if e.held == nil || changedColumn(e.held.Columns, columnsOf(next.Inputs())) == "" {
			s.resume(e)
		}
	default:
		before, after := columnsOf(running.pipe.Inputs()), columnsOf(next.Inputs())
		if reason := changedColumn(before, after); reason != "" {
			s.suspend(e, because+": "+reason, before)
		} else if running.pipe.Explain() != next.Explain() {
			s.stop(e, errChanged)
			s.start(e, nil)
		}
	}
}

// running returns the run that is under way; e.op is held.
func (e *entry) running() *run {
	if !e.alive() {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.status.State != Running {
		return nil
	}
	return e.last
}

// columnsOf returns the type of each column that is read of the inputs.
func columnsOf(inputs []sqlfn.Input) map[string]string {
	columns := map[string]string{}
	for _, in := range inputs {
		eachColumn(in.Want, func(name, typ string) { columns[in.Stream+"."+name] = typ })
	}
	return columns
}

func eachColumn(s *row.Schema, f func(name, typ string)) {
	for _, c := range s.Cols {
		f(c.Name, c.Type.String())
	}
}

// changedColumn says which column is not what it was; "": all are.
func changedColumn(before, after map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		typ := before[name]
		switch now, ok := after[name]; {
		case !ok:
			return fmt.Sprintf("column %s is not there any more", name)
		case now != typ:
			return fmt.Sprintf("column %s was %s and is %s", name, typ, now)
		}
	}
	return ""
}

// suspend stops a rule until its columns are back; e.op is held.
func (s *Set) suspend(e *entry, reason string, columns map[string]string) {
	if e.held == nil {
		e.held = &suspension{Columns: columns}
	}
	e.held.Reason = reason
	s.stop(e, errChanged)
	s.cfg.Log.Warn("rule is suspended until its columns are back", "rule", e.id, "reason", reason)
	e.change(func(st *Status) { st.State, st.Message = Failed, e.held.message() })
	text, err := json.Marshal(e.held)
	if err == nil {
		err = s.cfg.DB.Put(kv.Suspended, e.id, text)
	}
	if err != nil {
		s.cfg.Log.Error("suspension is not kept for a restart", "rule", e.id, "error", err)
	}
}

func (h *suspension) message() string { return h.Reason + "; the rule starts again when it is back" }

// resume starts a rule that was suspended, or could not start; e.op is held.
func (s *Set) resume(e *entry) {
	s.release(e)
	s.start(e, nil)
}

// release forgets that a rule is suspended; e.op is held.
func (s *Set) release(e *entry) {
	if e.held == nil {
		return
	}
	e.held = nil
	if err := s.cfg.DB.Delete(kv.Suspended, e.id); err != nil {
		s.cfg.Log.Error("suspension is not forgotten", "rule", e.id, "error", err)
	}
}

// loadSuspended restores suspensions of an earlier run of the service.
func (s *Set) loadSuspended() error {
	return s.cfg.DB.Each(kv.Suspended, func(id string, text []byte) error {
		var h suspension
		if e := s.entries[id]; e != nil && json.Unmarshal(text, &h) == nil {
			e.held = &h
			e.status.State, e.status.Message = Failed, h.message()
		}
		return nil
	})
}
