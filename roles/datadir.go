package roles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/liberdus/liberdus/internal/signing"
)

// A dataDir is a role's folder. One process owns it: two over one key would
// take each other's id, and hand out lists that contradict each other.
type dataDir struct {
	path string
	lock *os.File
}

// openDataDir makes the folder if it is missing, and locks it for the role.
func openDataDir(path, role string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, folderError(err)
	}
	name := filepath.Join(path, role+".lock")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, folderError(err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		if errors.Is(err, errLocked) {
			return nil, fmt.Errorf("data folder %s is in use by another %s: stop it, or choose another folder with --data", path, role)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return &dataDir{path, f}, nil
}

// folderError says what to do about a folder of somebody else: that of the host
// that was put over the one of a container, most often.
func folderError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("data folder: %w: give it to the user who runs this (chown %d), or choose another with --data", err, os.Geteuid())
	}
	return fmt.Errorf("data folder: %w", err)
}

// close gives the folder back.
func (d *dataDir) close() {
	if d != nil {
		d.lock.Close() // which ends the lock
	}
}

// nodeKey reads the Ed25519 key at path, or the one that the folder keeps for
// the role, which it makes at first start.
func (d *dataDir) nodeKey(path, role string) (*signing.NodeKey, error) {
	if path == "" {
		k, _, err := signing.LoadOrCreateNodeKey(filepath.Join(d.path, role+"-key.json"))
		return k, err
	}
	k, err := signing.LoadKey(path)
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	node, ok := k.(*signing.NodeKey)
	if !ok {
		return nil, &UsageError{Err: fmt.Errorf("key file %s: a node needs an ed25519 key, this one is %s", path, k.Scheme())}
	}
	return node, nil
}
