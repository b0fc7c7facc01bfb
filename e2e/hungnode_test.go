package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// One of three nodes is stopped, and its signalling connection is still open: whoever dials
// it first dials another a second later.
func TestHungNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver, _, fronts := s.three()
	// A share of this time for each node would be 20 s, and a dial that nobody answers ends after 10.
	at := []string{"--archiver", archiver.url(), "--timeout", "60s"}
	if err := fronts[0].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fronts[0].cmd.Process.Signal(syscall.SIGCONT) }()
	for range 4 { // two of the three at random are dialled first
		began := time.Now()
		r := s.run(join(at, "client", "account", "--quorum", "2", strings.Repeat("0", 64))...).exits(0)
		if took := time.Since(began); took > 8*time.Second {
			r.fatalf("it took %v, want about a second more than with three nodes", took)
		}
	}
}
