//go:build !unix

package roles

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked by another process")

// lockFile does nothing where files cannot be locked.
func lockFile(*os.File) error { return nil }
