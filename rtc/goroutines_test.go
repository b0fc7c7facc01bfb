package rtc_test

import (
	"bytes"
	"context"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/rtc"
)

// An idle session that was accepted has so many goroutines. Ours are the reader of the
// handler and none beside; one of pion reads the UDP port for it, by our queue.
func TestGoroutinesOfASession(t *testing.T) {
	const most, sessions = 17, 8
	h := newHub()
	ports := openPorts(t, rtc.PortsConfig{UDP: "127.0.0.1:0"})
	var server *node
	// What a goroutine starts has its labels too.
	pprof.Do(t.Context(), pprof.Labels("end", "accepts"), func(context.Context) {
		server, _ = startEcho(t, h, func(c *rtc.Config) { c.Ports = ports })
	})
	before, _ := labelled(t)
	client := start(t, h, "client", nil)
	for range sessions {
		roundTrip(t, dial(t, client, server), "hello")
	}
	var n int
	var stacks string
	eventually(t, "no more goroutines than there may be", func() bool { // handshakes leave some for a moment
		n, stacks = labelled(t)
		return n-before <= most*sessions
	})
	t.Logf("%d sessions have %d goroutines:\n%s", sessions, n-before, stacks)
	if n-before < sessions {
		t.Errorf("%d goroutines of %d sessions: they were not counted", n-before, sessions)
	}
}

var profiled = regexp.MustCompile(`(?m)^(\d+) @`)

// labelled counts the goroutines of the accepting end.
func labelled(t *testing.T) (n int, stacks string) {
	t.Helper()
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		t.Fatal(err)
	}
	var found []string
	for record := range strings.SplitSeq(all.String(), "\n\n") {
		m := profiled.FindStringSubmatch(record)
		if m == nil || !strings.Contains(record, `"end":"accepts"`) {
			continue
		}
		count, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += count
		found = append(found, record)
	}
	return n, strings.Join(found, "\n")
}
