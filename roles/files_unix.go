//go:build unix

package roles

import (
	"math"
	"syscall"
)

// maxFiles is how many files and connections this process may have open at
// once; false: nobody knows. Go has raised the soft limit to the hard one.
func maxFiles() (int, bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return int(min(uint64(l.Cur), math.MaxInt32)), true // infinity is the largest number there is
}
