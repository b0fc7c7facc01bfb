package ledger

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const format = "liberdus-ledger/1" // of keys and values; a store with another one is refused

// An op sets a key, or deletes it if value is nil.
type op struct{ key, value []byte }

func formatKey() []byte               { return []byte("f") }
func accountKey(id string) []byte     { return append([]byte{'a'}, id...) }
func nodeKey(id string) []byte        { return append([]byte{'n'}, id...) }
func receiptKey(txID string) []byte   { return append([]byte{'r'}, txID...) }
func messagePrefix(cid string) []byte { return append([]byte{'m'}, cid...) }
func messageKey(chatID string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(messagePrefix(chatID), seq)
}

func randomID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// A store is the Pebble database of a ledger. One goroutine commits; reads of
// others go to a view that holds synced commits alone.
type store struct {
	dir    string // absolute, without symbolic links
	log    *slog.Logger
	lock   *pebble.Lock
	db     *pebble.DB
	broken atomic.Pointer[error] // set once, by fail
	failed chan struct{}         // closed by fail

	mu      sync.RWMutex
	view    *view          // guarded by mu; nil when closed
	holding sync.WaitGroup // those who hold a view; joined only under mu and while view is not nil
}

func openStore(cfg Config, log *slog.Logger) (*store, error) {
	s := &store{dir: cfg.Dir, log: log, failed: make(chan struct{})}
	fs := cfg.fs
	if fs == nil {
		fs = vfs.Default
	}
	if err := s.settle(fs); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(s.dir, fs)
	switch {
	case isHeld(err):
		return nil, fmt.Errorf("%s %w: stop it, or choose another data folder", s.dir, ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", s.dir, err)
	}
	s.lock = lock
	if err := s.openDB(s.options(cfg, fs)); err != nil {
		return nil, fmt.Errorf("open %s: %w", s.dir, err)
	}
	s.view = &view{s.db.NewSnapshot(), 1}
	if err := cmp.Or(s.failure(), s.checkFormat()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openDB opens Pebble and keeps the lock only if that succeeds. Where the disk
// fails meanwhile, Pebble waits for it to recover, for ever if need be; then
// openDB returns, and what waits ends with the process or the disk's recovery.
func (s *store) openDB(opts *pebble.Options) error {
	type opened struct {
		db  *pebble.DB
		err error
	}
	done := make(chan opened, 1)
	go func() {
		db, err := pebble.Open(s.dir, opts)
		done <- opened{db, err}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return errors.Join(o.err, s.lock.Close())
		}
		s.db = o.db
		return nil
	case <-s.failed:
	}
	select {
	case o := <-done: // it noticed, too
		if o.err == nil {
			o.err = o.db.Close()
		}
		return errors.Join(s.failure(), o.err, s.lock.Close())
	case <-time.After(openPatience):
		return s.failure()
	}
}

// openPatience is how long a failed open may take to notice by itself.
const openPatience = 2 * time.Second

// settle makes the folder and, on the disk, finds its one true name: locks go
// by name within a process.
func (s *store) settle(fs vfs.FS) error {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if fs == vfs.Default {
		dir, err = filepath.EvalSymlinks(dir)
	}
	s.dir = dir
	return err
}

// isHeld tells a lock that somebody holds from a folder that cannot be written:
// the latter is a path error.
func isHeld(err error) bool {
	if err == nil {
		return false
	}
	if _, path := errors.AsType[*os.PathError](err); path {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "held by current process")
}

func (s *store) options(cfg Config, fs vfs.FS) *pebble.Options {
	opts := &pebble.Options{
		FS:                 &guard{fs, s},
		Lock:               s.lock,
		FormatMajorVersion: pebble.FormatNewest,
		CacheSize:          cfg.CacheSize,
		ReadOnly:           cfg.readOnly,
		MemTableSize:       16 << 20,
		// Room for what is written until a failed flush is noticed.
		MemTableStopWritesThreshold: 4,
		Logger:                      &logger{s},
		EventListener:               &pebble.EventListener{BackgroundError: func(err error) { s.fail(err) }},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.Levels[i].IndexBlockSize = 256 << 10 // one index for a table: one look-up less in each read
	}
	return opts
}

// checkFormat refuses a database that somebody else wrote.
func (s *store) checkFormat() error {
	value, err := s.get(formatKey())
	switch {
	case err != nil:
		return err
	case value != nil && string(value) != format:
		return fmt.Errorf("%s has format %.40q, and this program reads %q: use the program that made it", s.dir, value, format)
	case value != nil:
		return nil
	}
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	foreign := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if foreign {
		return fmt.Errorf("%s holds a database that is not a ledger: choose another data folder", s.dir)
	}
	return nil
}

// get reads for the writer, which sees its own commits.
func (s *store) get(key []byte) ([]byte, error) { return get(s.db, key) }

// read reads from the view.
func (s *store) read(key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, ErrClosed
	}
	return get(s.view, key)
}

// has reports whether the view has a key.
func (s *store) has(key []byte) (bool, error) {
	value, err := s.read(key)
	return value != nil, err
}

// A getter is a *pebble.DB or a *pebble.Snapshot.
func get(g pebble.Reader, key []byte) ([]byte, error) {
	value, closer, err := g.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStorage, err)
	}
	value = append([]byte{}, value...)
	return value, closer.Close()
}
