package nodelist

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"
)

// maxKnown bounds how many archivers are remembered; the one not met for the
// longest time goes first.
const maxKnown = 256

// errNotKept says that something was learnt but could not be written down.
var errNotKept = errors.New("it is forgotten when this program ends")

// KnownKeys remembers, in a file, which key each archiver had when it was first
// met and the highest epoch seen from each key. Share one among the clients of
// a process. Several processes may use one file: each change is one renaming,
// and of two at the same moment one may be lost. Use [OpenKnownKeys].
type KnownKeys struct {
	path string // "" = memory only
	look bool   // the file is read and never written

	turn turn
	mem  known // of whose turn it is; what could not be written to the file
}

// known is the content of the file.
type known struct {
	Archivers map[string]knownArchiver `json:"archivers"` // by URL
	Epochs    map[string]knownEpoch    `json:"epochs"`    // by public key
}

type knownArchiver struct {
	Key  string `json:"key"`
	Seen int64  `json:"seen"` // unix milliseconds
}

type knownEpoch struct {
	Epoch uint64 `json:"epoch"`
	Seen  int64  `json:"seen"`
}

// OpenKnownKeys returns what the file at path remembers. The file is made, with
// mode 0600, when there is something to remember; its folder must exist. Path
// "" means memory only.
func OpenKnownKeys(path string) (*KnownKeys, error) {
	k := &KnownKeys{path: path, turn: newTurn()}
	_, err := k.load()
	return k, err
}

// ReadKnownKeys is OpenKnownKeys for who only looks: what is learnt is kept in
// memory, and nothing is written.
func ReadKnownKeys(path string) (*KnownKeys, error) {
	k := &KnownKeys{path: path, look: true, turn: newTurn()}
	_, err := k.load()
	return k, err
}

// where names the place for error texts.
func (k *KnownKeys) where() string {
	if k.path == "" {
		return "memory"
	}
	return k.path
}

// load returns what is remembered now: other processes write the file too.
// It is the caller's turn, or nobody else's.
func (k *KnownKeys) load() (known, error) {
	var all known
	if k.path != "" {
		if err := readJSON(k.path, &all); err != nil {
			return known{}, fmt.Errorf("known archivers: %w; repair the file, or remove it "+
				"and the keys seen next are kept instead", err)
		}
	}
	if all.Archivers == nil {
		all.Archivers = make(map[string]knownArchiver)
	}
	if all.Epochs == nil {
		all.Epochs = make(map[string]knownEpoch)
	}
	maps.Copy(all.Archivers, k.mem.Archivers)
	for key, e := range k.mem.Epochs {
		if e.Epoch > all.Epochs[key].Epoch {
			all.Epochs[key] = e
		}
	}
	return all, nil
}

// store writes all. What cannot be written is remembered in memory, with an
// error that is errNotKept.
func (k *KnownKeys) store(all known) error {
	evict(all.Archivers, func(a knownArchiver) int64 { return a.Seen })
	evict(all.Epochs, func(e knownEpoch) int64 { return e.Seen })
	k.mem = all
	if k.path == "" || k.look {
		return nil
	}
	sweep(k.path, leftFor)
	if err := writeJSON(k.path, all); err != nil {
		return fmt.Errorf("known archivers: what was learnt is not written down: %w; %w", err, errNotKept)
	}
	k.mem = known{}
	return nil
}

// evict keeps m within bounds.
func evict[V any](m map[string]V, seen func(V) int64) {
	for len(m) > maxKnown {
		oldest, found := "", false
		for name, v := range m {
			if !found || seen(v) < seen(m[oldest]) {
				oldest, found = name, true
			}
		}
		delete(m, oldest)
	}
}

// key returns the key remembered for a URL, "" if none is.
func (k *KnownKeys) key(ctx context.Context, url string) (string, error) {
	all, err := take(ctx, k.turn, k.load)
	return all.Archivers[url].Key, err
}

// keep remembers the key of a URL.
func (k *KnownKeys) keep(ctx context.Context, url, key string) error {
	return k.learn(ctx, func(all known) bool {
		if all.Archivers[url].Key == key {
			return false
		}
		all.Archivers[url] = knownArchiver{Key: key, Seen: time.Now().UnixMilli()}
		return true
	})
}

// epoch returns the highest epoch seen from key.
func (k *KnownKeys) epoch(ctx context.Context, key string) (uint64, error) {
	all, err := take(ctx, k.turn, k.load)
	return all.Epochs[key].Epoch, err
}

// raise remembers epoch if it is the highest seen from key.
func (k *KnownKeys) raise(ctx context.Context, key string, epoch uint64) error {
	return k.learn(ctx, func(all known) bool {
		if epoch <= all.Epochs[key].Epoch {
			return false
		}
		all.Epochs[key] = knownEpoch{Epoch: epoch, Seen: time.Now().UnixMilli()}
		return true
	})
}

// learn stores what is remembered if add says that it added something to it.
func (k *KnownKeys) learn(ctx context.Context, add func(known) bool) error {
	_, err := take(ctx, k.turn, func() (known, error) {
		all, err := k.load()
		if err != nil || !add(all) {
			return all, err
		}
		return all, k.store(all)
	})
	return err
}
