package kv

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long Open waits for another process to let go of the file:
// long enough for a predecessor that is shutting down.
const lockWait = 5 * time.Second

// Bolt is a DB in one bbolt file.
type Bolt struct{ db *bbolt.DB }

// Open opens or creates the file at path. A file that cannot be read is moved
// aside (path.corrupt-1, -2 ...), reported, and replaced by an empty one: a
// gateway whose flash lost a page must come up and be reachable.
func Open(path string, log *slog.Logger) (*Bolt, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	db, err := openChecked(path)
	if err == nil {
		return &Bolt{db}, nil
	}
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("database %s is in use by another process", path)
	}
	var errno syscall.Errno // permission, no space, read-only: the file is not to blame
	if errors.As(err, &errno) {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	aside, moveErr := moveAside(path)
	if moveErr != nil {
		return nil, fmt.Errorf("database %s is unreadable (%w) and cannot be moved aside: %w", path, err, moveErr)
	}
	log.Error("database is unreadable, starting with an empty one", "file", path, "moved_to", aside, "error", err)
	if db, err = openChecked(path); err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return &Bolt{db}, nil
}

// openChecked opens the file and reads all of it once. bbolt maps the file into
// memory and panics or faults on damaged pages, here rather than later.
func openChecked(path string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("damaged page: %v", r)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if err != nil {
		return nil, err
	}
	if err = db.View(readAll); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func readAll(tx *bbolt.Tx) error {
	var sum byte
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if len(k) > 0 {
				sum += k[len(k)-1]
			}
			if len(v) > 0 {
				sum += v[len(v)-1]
			}
			return nil
		})
	})
}

func moveAside(path string) (string, error) {
	for i := 1; ; i++ {
		to := path + ".corrupt-" + strconv.Itoa(i)
		if _, err := os.Lstat(to); errors.Is(err, os.ErrNotExist) {
			return to, os.Rename(path, to)
		} else if err != nil {
			return "", err
		}
	}
}

// Get implements DB.
func (b *Bolt) Get(bucket, key string) (val []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		if bk := tx.Bucket([]byte(bucket)); bk != nil {
			val = slices.Clone(bk.Get([]byte(key)))
		}
		return nil
	})
	return val, err
}

// Put implements DB.
func (b *Bolt) Put(bucket, key string, val []byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		bk, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return bk.Put([]byte(key), val)
	})
}

// Delete implements DB.
func (b *Bolt) Delete(bucket, key string) error {
	if v, err := b.Get(bucket, key); err != nil || v == nil {
		return err // nothing to sync to disk
	}
	return b.db.Update(func(tx *bbolt.Tx) error {
		if bk := tx.Bucket([]byte(bucket)); bk != nil {
			return bk.Delete([]byte(key))
		}
		return nil
	})
}

// Each implements DB.
func (b *Bolt) Each(bucket string, f func(key string, val []byte) error) error {
	return b.db.View(func(tx *bbolt.Tx) error {
		bk := tx.Bucket([]byte(bucket))
		if bk == nil {
			return nil
		}
		return bk.ForEach(func(k, v []byte) error { return f(string(k), slices.Clone(v)) })
	})
}

// Replace implements DB.
func (b *Bolt) Replace(entries map[string]map[string][]byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		for name, vals := range entries {
			if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, berrors.ErrBucketNotFound) {
				return err
			}
			bk, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			for k, v := range vals {
				if err := bk.Put([]byte(k), v); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Update implements DB.
func (b *Bolt) Update(entries map[string]map[string][]byte) error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		for name, vals := range entries {
			bk, err := tx.CreateBucketIfNotExists([]byte(name))
			for k, v := range vals {
				switch {
				case err != nil:
				case v == nil:
					err = bk.Delete([]byte(k))
				default:
					err = bk.Put([]byte(k), v)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Close implements DB.
func (b *Bolt) Close() error { return b.db.Close() }
