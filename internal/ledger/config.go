package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A Config says where a ledger lives and how much it may hold in memory. A zero
// member stands for its default; only Dir has none.
type Config struct {
	// Dir is the data folder. It is made if it is missing, readable by its owner alone.
	Dir string
	// NetworkID is 64 lower-case hex digits. Empty means the one the ledger was
	// created with, or a random one if it is created now.
	NetworkID string
	// TxWindow is how far a transaction's timestamp may be from the clock, either
	// way and inclusive. Default 5 s, which is what wallets are built for.
	TxWindow time.Duration
	// Queue is how many transactions may be handed to the writer and not answered
	// yet; more callers wait in Put. Default 1024.
	Queue int
	// Batch is how many transactions share one sync of the disk. Default 256.
	Batch int
	// StallAfter is how long a batch may take until the disk is said not to answer.
	// Default 10 s.
	StallAfter time.Duration
	// CacheSize is what the block cache may grow to, in bytes. Default 128 MiB.
	CacheSize int64
	// Now is the clock. Default time.Now.
	Now func() time.Time

	fs       vfs.FS // the file system; tests use one in memory, or one that fails
	readOnly bool   // nothing is written but the lock
}

func (c Config) withDefaults() Config {
	c.TxWindow = cmp.Or(c.TxWindow, 5*time.Second)
	c.Queue = cmp.Or(c.Queue, 1024)
	c.Batch = cmp.Or(c.Batch, 256)
	c.StallAfter = cmp.Or(c.StallAfter, 10*time.Second)
	c.CacheSize = cmp.Or(c.CacheSize, 128<<20)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Validate reports every bad setting, not only the first.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("dir is empty"))
	}
	if c.NetworkID != "" && !isHex(c.NetworkID, 64) {
		errs = append(errs, fmt.Errorf("network id %q is not 64 lower-case hex digits", c.NetworkID))
	}
	if c.TxWindow < 100*time.Millisecond { // the TOML integer 5 decodes as 5ns
		errs = append(errs, fmt.Errorf("transaction window %v is under 100ms", c.TxWindow))
	}
	if c.Queue < 1 || c.Queue > 1<<20 {
		errs = append(errs, fmt.Errorf("queue %d is not between 1 and %d", c.Queue, 1<<20))
	}
	if c.Batch < 1 || c.Batch > 1<<14 {
		errs = append(errs, fmt.Errorf("batch %d is not between 1 and %d", c.Batch, 1<<14))
	}
	if c.StallAfter < 10*time.Millisecond {
		errs = append(errs, fmt.Errorf("stall after %v is under 10ms", c.StallAfter))
	}
	if c.CacheSize < 1<<20 {
		errs = append(errs, fmt.Errorf("cache size %d is under 1 MiB", c.CacheSize))
	}
	return errors.Join(errs...)
}

func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
