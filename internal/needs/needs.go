// Package needs is for tests of what not every machine has. Where it is missing
// they are skipped, but in CI (the environment has CI) they fail: there nothing may
// be left out.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// Root demands the rights of root, for doing something.
func Root(t testing.TB, doing string) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, doing+" needs root")
	}
}

// Program demands a program, and returns its path; Debian has it in that package.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "there is no "+name+": apt-get install "+debian)
	}
	return path
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "" {
		t.Skip(what)
	} else {
		t.Fatal(what + ", and CI must run this test")
	}
}
