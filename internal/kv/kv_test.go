package kv

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t *testing.T, path string) *Bolt {
	t.Helper()
	db, err := Open(path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func each(t *testing.T, db DB, bucket string) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := db.Each(bucket, func(k string, v []byte) error { got[k] = string(v); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

// databases runs a test against both implementations.
func databases(t *testing.T, f func(t *testing.T, db DB)) {
	t.Run("bolt", func(t *testing.T) { f(t, open(t, filepath.Join(t.TempDir(), "a.db"))) })
	t.Run("memory", func(t *testing.T) { f(t, NewMemory()) })
}

func TestEntriesAreKeptByBucketAndListedInKeyOrder(t *testing.T) {
	databases(t, func(t *testing.T, db DB) {
		for _, k := range []string{"b", "a", "c"} {
			if err := db.Put(Rules, k, []byte("rule "+k)); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Put(Streams, "a", []byte("stream a")); err != nil {
			t.Fatal(err)
		}
		if err := db.Delete(Rules, "b"); err != nil {
			t.Fatal(err)
		}
		if err := db.Delete(Rules, "missing"); err != nil {
			t.Errorf("deleting a missing key: %v", err)
		}
		var order []string
		db.Each(Rules, func(k string, v []byte) error { order = append(order, k+"="+string(v)); return nil })
		if want := []string{"a=rule a", "c=rule c"}; !reflect.DeepEqual(order, want) {
			t.Errorf("entries %q, want %q", order, want)
		}
		if v, err := db.Get(Streams, "a"); string(v) != "stream a" || err != nil {
			t.Errorf("got %q, %v", v, err)
		}
		for _, bucket := range []string{Streams, "never written"} {
			if v, err := db.Get(bucket, "missing"); v != nil || err != nil {
				t.Errorf("missing key of %s: %q, %v", bucket, v, err)
			}
		}
	})
}

func TestReplaceChangesTheNamedBucketsOnly(t *testing.T) {
	databases(t, func(t *testing.T, db DB) {
		db.Put(Rules, "old", []byte("1"))
		db.Put(Streams, "kept", []byte("2"))
		err := db.Replace(map[string]map[string][]byte{Rules: {"new": []byte("3")}, Tables: {}})
		if err != nil {
			t.Fatal(err)
		}
		if got := each(t, db, Rules); !reflect.DeepEqual(got, map[string]string{"new": "3"}) {
			t.Errorf("rules %v", got)
		}
		if got := each(t, db, Streams); !reflect.DeepEqual(got, map[string]string{"kept": "2"}) {
			t.Errorf("streams %v", got)
		}
	})
}

func TestReturnedValuesAreCopies(t *testing.T) {
	databases(t, func(t *testing.T, db DB) {
		db.Put(Rules, "a", []byte("text"))
		v, _ := db.Get(Rules, "a")
		v[0] = 'X'
		if got := each(t, db, Rules)["a"]; got != "text" {
			t.Errorf("stored value became %q", got)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	databases(t, func(t *testing.T, db DB) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := range 5 {
					k := fmt.Sprintf("r%d-%d", i, n)
					if err := db.Put(Rules, k, []byte(k)); err != nil {
						t.Error(err)
					}
					if v, err := db.Get(Rules, k); string(v) != k || err != nil {
						t.Errorf("%s: %q, %v", k, v, err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(each(t, db, Rules)); n != 20 {
			t.Errorf("%d entries, want 20", n)
		}
	})
}

func TestContentIsThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "a.db")
	db := open(t, path)
	db.Put(Rules, "a", []byte("text"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := each(t, open(t, path), Rules)["a"]; got != "text" {
		t.Errorf("got %q", got)
	}
}

// A copy of the file taken while it is open is what kill -9 leaves behind.
func TestContentIsThereWithoutClosing(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "a.db"))
	db.Put(Rules, "a", []byte("text"))
	b, err := os.ReadFile(filepath.Join(dir, "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "killed.db"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := each(t, open(t, filepath.Join(dir, "killed.db")), Rules)["a"]; got != "text" {
		t.Errorf("got %q", got)
	}
}

func TestACorruptFileIsReportedAndMovedAside(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.db")
	db := open(t, good)
	for i := range 200 {
		db.Put(Rules, fmt.Sprintf("rule%03d", i), bytes.Repeat([]byte("x"), 100))
	}
	db.Close()
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	garbled := bytes.Clone(content)
	for i := 2 * 4096; i < len(garbled); i++ {
		garbled[i] = byte(i * 7)
	}
	for name, bad := range map[string][]byte{
		"text":             []byte("this is not a database, just some text"),
		"truncated":        content[:len(content)/3],
		"garbled pages":    garbled,
		"zeroed beginning": append(make([]byte, 8192), content[8192:]...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			db, err := Open(path, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Put(Rules, "a", []byte("text")); err != nil {
				t.Error(err)
			}
			kept, err := os.ReadFile(path + ".corrupt-1")
			if err != nil || len(kept) == 0 {
				t.Errorf("the file that was moved aside: %d bytes, %v", len(kept), err)
			}
			if !strings.Contains(log.String(), "a.db.corrupt-1") {
				t.Errorf("log does not say where the old file is: %s", log.String())
			}
		})
	}
}

func TestTwoCorruptFilesAreBothKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	for i := range 2 {
		os.WriteFile(path, []byte(fmt.Sprintf("garbage %d, long enough to be looked at", i)), 0o600)
		db, err := Open(path, quiet())
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
	}
	for i := range 2 {
		b, err := os.ReadFile(fmt.Sprintf("%s.corrupt-%d", path, i+1))
		if err != nil || !strings.HasPrefix(string(b), fmt.Sprintf("garbage %d", i)) {
			t.Errorf("file %d: %q, %v", i+1, b, err)
		}
	}
}

func TestAMissingRightIsAnErrorNotACorruptFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.Mkdir(path, 0o700); err != nil { // a directory cannot be opened for writing, even by root
		t.Fatal(err)
	}
	if db, err := Open(path, quiet()); err == nil {
		db.Close()
		t.Fatal("opened a directory")
	}
	if _, err := os.Stat(path + ".corrupt-1"); err == nil {
		t.Error("the directory was moved aside")
	}
}

func TestCheckpointsComeBackWhole(t *testing.T) {
	databases(t, func(t *testing.T, db DB) {
		ctx, store := context.Background(), CheckpointStore(db)
		if epoch, parts, err := store.Latest(ctx, "r1"); epoch != 0 || parts != nil || err != nil {
			t.Errorf("no checkpoint yet: %d, %v, %v", epoch, parts, err)
		}
		parts := map[string][]byte{"pipeline": {0, 1, 255}, "source demo": []byte("17"), "empty": {}}
		for epoch := uint64(1); epoch <= 2; epoch++ {
			if err := store.Commit(ctx, "r1", epoch, parts); err != nil {
				t.Fatal(err)
			}
		}
		epoch, got, err := store.Latest(ctx, "r1")
		if epoch != 2 || err != nil || len(got) != 3 || !bytes.Equal(got["pipeline"], parts["pipeline"]) || string(got["source demo"]) != "17" {
			t.Errorf("got %d, %v, %v", epoch, got, err)
		}
		if err := store.Drop(ctx, "r1"); err != nil {
			t.Fatal(err)
		}
		if _, parts, _ := store.Latest(ctx, "r1"); parts != nil {
			t.Errorf("dropped checkpoint is still there: %v", parts)
		}
	})
}

func TestADamagedCheckpointIsAnError(t *testing.T) {
	db := NewMemory()
	for name, b := range map[string][]byte{"cut": {2, 2, 8, 200, 1}, "other version": {8, 0, 0}} {
		db.Put(Checkpoints, "r1", b)
		if _, parts, err := CheckpointStore(db).Latest(context.Background(), "r1"); err == nil {
			t.Errorf("%s: accepted as %v", name, parts)
		}
	}
}
