package roles_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles"
)

// A node that stops says goodbye, also where its sessions are closed before it has heard that it
// stops: it is off the list at once, and not when the archiver has missed it for 5 s.
func TestGoodbyeAfterTheSessions(t *testing.T) {
	d := startDevnet(t, 1)
	n := startConsensor(t, d, func(*config.Consensor) {})
	listed := func() bool {
		t.Helper()
		response, err := http.Get(d.Archiver.URL() + "/full-nodelist?activeOnly=true")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), n.PeerID())
	}
	defer http.DefaultClient.CloseIdleConnections()
	if !listed() {
		t.Fatal("the node is not listed")
	}
	began := time.Now()
	roles.CloseSessions(n)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ; listed(); <-tick.C {
		if time.Since(began) > 3*time.Second {
			t.Fatal("the node is listed 3 s after its sessions were closed")
		}
	}
}
