package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// An Offline is a ledger that nobody runs, for operators to copy and to check.
// It changes nothing, and holds the folder's lock until it is closed.
type Offline struct{ store *store }

// OpenOffline opens the ledger in dir. It refuses a folder that has none, and
// one that is in use.
func OpenOffline(dir string, log *slog.Logger) (*Offline, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	if d, err := pebble.Peek(dir, vfs.Default); err != nil || !d.Exists {
		return nil, errors.Join(fmt.Errorf("ledger: %s holds no ledger: give the data folder of a consensor that has run", dir), err)
	}
	st, err := openStore(Config{Dir: dir, readOnly: true}.withDefaults(), log.With("part", "ledger"))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &Offline{st}, nil
}

// Close lets go of the folder.
func (o *Offline) Close() error { return o.store.close() }

// Kinds of records, by the first byte of their keys.
const (
	kindAccount = 'a'
	kindFormat  = 'f'
	kindMessage = 'm'
	kindNode    = 'n'
	kindReceipt = 'r'
)

// splitMessage takes the key of a message apart.
func splitMessage(key []byte) (chat string, n uint64, ok bool) {
	if len(key) < 9 {
		return "", 0, false
	}
	at := len(key) - 8
	return string(key[1:at]), binary.BigEndian.Uint64(key[at:]), true
}

// isEmpty reports whether dir is missing or has nothing in it.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// headless takes the mark off a stored chat.
func headless(value []byte) []byte { return bytes.TrimPrefix(value, []byte{headerMark}) }
