//go:build !unix

package roles

// maxFiles is how many files and connections this process may have open at
// once; false: nobody knows.
func maxFiles() (int, bool) { return 0, false }
