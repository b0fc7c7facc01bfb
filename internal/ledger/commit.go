package ledger

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// commit writes ops as one batch, waits for the disk to have it and moves the
// view on. An error is final: the store has failed.
func (s *store) commit(ops []op) error {
	if err := s.sync(ops); err != nil {
		return s.fail(err)
	}
	if err := s.failure(); err != nil { // of which Pebble may know nothing
		return err
	}
	newest := &view{s.db.NewSnapshot(), 1}
	s.mu.Lock()
	old := s.view
	s.view = newest
	s.mu.Unlock()
	if err := s.drop(old); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *store) sync(ops []op) (err error) {
	b := s.db.NewBatch()
	for _, o := range ops {
		if o.value == nil {
			err = b.Delete(o.key, nil)
		} else {
			err = b.Set(o.key, o.value, nil)
		}
		if err != nil {
			return errors.Join(err, b.Close())
		}
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	return b.Close()
}

// fail records the first failure of the disk and returns it. It is called from
// Pebble's goroutines too, under Pebble's locks.
func (s *store) fail(err error) error {
	if !errors.Is(err, ErrStorage) {
		err = fmt.Errorf("%w: %w", ErrStorage, err)
	}
	if s.broken.CompareAndSwap(nil, &err) {
		close(s.failed)
		s.log.Error("ledger storage failed, no more transactions are accepted", "dir", s.dir, "err", err)
	}
	return s.failure()
}

// failure returns the first failure, or nil.
func (s *store) failure() error {
	if err := s.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// close ends the store after its writer ended, and waits for those who read.
func (s *store) close() error {
	s.mu.Lock()
	last := s.view
	s.view = nil
	s.mu.Unlock()
	s.holding.Wait()
	return errors.Join(s.drop(last), s.db.Close(), s.lock.Close())
}

// A logger hands Pebble's log to slog. Pebble expects Fatalf to end the
// process; here it ends the acceptance of transactions.
type logger struct{ s *store }

func (l *logger) Infof(format string, args ...any) {
	l.s.log.Debug("pebble", "text", lazy{format, args})
}

func (l *logger) Errorf(format string, args ...any) {
	l.s.log.Error("pebble", "text", lazy{format, args})
}

func (l *logger) Fatalf(format string, args ...any) { l.s.fail(fmt.Errorf(format, args...)) }

// A lazy text is formatted only if the record is written.
type lazy struct {
	format string
	args   []any
}

// LogValue implements [slog.LogValuer].
func (t lazy) LogValue() slog.Value { return slog.StringValue(fmt.Sprintf(t.format, t.args...)) }
