package roles

import (
	"errors"
	"time"
)

// errDiskHangs is the error of what the disk was given too long for.
var errDiskHangs = errors.New("the disk does not answer")

// noLonger runs f, which uses the disk, and waits for it d at the most: a disk
// may hang without an error. f may still end after that, or with the process.
func noLonger(d time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		return errDiskHangs
	}
}
