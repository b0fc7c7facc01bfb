package roles_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/roles/client"
)

// A logbook is what was logged; it is read while it is written.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count returns how many lines have each of the words.
func (l *logbook) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
lines:
	for line := range strings.Lines(l.text.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue lines
			}
		}
		n++
	}
	return n
}

// That no node can be reached is logged once, and once that one can again, though nobody asks;
// who asks meanwhile is told when to come again.
func TestGatewayOutage(t *testing.T) {
	d := startDevnet(t, 0)
	book := new(logbook)
	log := slog.New(slog.NewTextHandler(io.MultiWriter(book, t.Output()), nil))
	g, ready := launchLoggedGateway(t, config.Default().Gateway, pinned(d), client.DefaultConfig().Timeout, log)
	<-ready
	begun := func(n int) func() bool {
		return func() bool { return book.count("level=WARN", "no node can be reached", "hop=archiver") == n }
	}
	over := func(n int) func() bool {
		return func() bool { return book.count("level=INFO", "a node can be reached again") == n }
	}
	for outages := 1; outages <= 2; outages++ {
		waitFor(t, "an outage to be logged", begun(outages))
		for range 3 {
			checkRetry(t, g.URL()+"/timestamp", 503, "5")
		}
		t.Run("a node", func(t *testing.T) { // which is gone at the end
			startConsensor(t, d, func(*config.Consensor) {})
			waitFor(t, "its end to be logged", over(outages))
			checkRetry(t, g.URL()+"/timestamp", 200, "")
		})
	}
	waitFor(t, "the last outage to be logged", begun(3))
	if !over(2)() {
		t.Error("an outage is said to be over that is not")
	}
}

func checkRetry(t *testing.T, url string, status int, after string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Retry-After"); resp.StatusCode != status || got != after {
		t.Errorf("GET %s = %d, Retry-After %q, want %d and %q", url, resp.StatusCode, got, status, after)
	}
}
