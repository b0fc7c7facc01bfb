package e2e

import (
	"strings"
	"testing"
)

// Who is to type a transaction is told so, sees no clock of a network that nobody waits for, and gets away
// with the first Ctrl-C.
func TestTypedTransaction(t *testing.T) {
	t.Parallel()
	s := &site{t: t, home: t.TempDir()}
	c := s.terminal("exec " + tools.liberdus + " client inject --archiver http://" + freeAddr(t) + " -")
	c.shows(t, "reading a transaction from stdin")
	c.types(t, "\x03")
	if code, ended := c.exit(eventWithin); !ended || code != 2 {
		t.Fatalf("exit %d (ended: %v), want 2: %q", code, ended, c.out.text())
	}
	if text := c.out.text(); !strings.Contains(text, "given up: interrupt") || strings.Contains(text, "\x1b[K") || strings.Contains(text, "{") {
		t.Errorf("shown is %q, want that it was given up, no clock and no document", text)
	}
}
