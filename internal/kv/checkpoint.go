package kv

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/edgesluice/sluice/sqlfn/state"
)

// checkpointVersion begins every stored checkpoint.
const checkpointVersion = 1

// checkpoints keeps one entry a rule with all of its parts, so that a commit is
// a single write.
type checkpoints struct{ db DB }

// CheckpointStore returns a state.Store over the checkpoints bucket of db.
func CheckpointStore(db DB) state.Store { return checkpoints{db} }

// Commit implements state.Store.
func (c checkpoints) Commit(ctx context.Context, rule string, epoch uint64, parts map[string][]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var w state.Writer
	w.Int(checkpointVersion)
	w.Int(int64(epoch))
	w.Int(int64(len(parts)))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		w.String(name)
		w.String(string(parts[name]))
	}
	return c.db.Put(Checkpoints, rule, w.Bytes())
}

// Latest implements state.Store.
func (c checkpoints) Latest(_ context.Context, rule string) (uint64, map[string][]byte, error) {
	b, err := c.db.Get(Checkpoints, rule)
	if b == nil || err != nil {
		return 0, nil, err
	}
	r := state.NewReader(b)
	if v := r.Int(); v != checkpointVersion {
		return 0, nil, fmt.Errorf("checkpoint of rule %s: unknown version %d", rule, v)
	}
	epoch := uint64(r.Int())
	parts := map[string][]byte{}
	for n := r.Len(); n > 0; n-- {
		name := r.String()
		parts[name] = []byte(r.String())
	}
	if err := r.Err(); err != nil {
		return 0, nil, fmt.Errorf("checkpoint of rule %s: %w", rule, err)
	}
	return epoch, parts, nil
}

// Drop implements state.Store.
func (c checkpoints) Drop(_ context.Context, rule string) error {
	return c.db.Delete(Checkpoints, rule)
}
