package roles_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles"
)

// An archiver says once a minute what it did not serve, and nothing if it
// served everything.
func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		refused, dropped := map[string]uint64{"connects": 5, "taken": 1}, map[string]uint64{"rate": 7, "expired": 0}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- roles.Tally(ctx, refused, dropped, slog.New(slog.NewTextHandler(&log, nil))) }()
		synctest.Wait()
		refused["connects"] += 10
		dropped["rate"] += 2000
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		refused["taken"]++
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("tally = %v", err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.HasSuffix(lines[0], `refused.connects=10 dropped.rate=2000`) || !strings.HasSuffix(lines[1], `refused.taken=1`) {
			t.Errorf("the log says\n%s", &log)
		}
	})
}

// A consensor's tally has the offers it declined, and what its limits ended.
func TestConsensorTally(t *testing.T) {
	d := startDevnet(t, 1)
	declined, ended := roles.Declined(d.Consensors[0])
	for _, name := range []string{"crowded", "rate", "form"} {
		if _, ok := declined[name]; !ok {
			t.Errorf("declined: %v, want %s among them", declined, name)
		}
	}
	if _, normal := ended["closed"]; normal || len(ended) != 6 {
		t.Errorf("ended: %v, want what limits end alone", ended)
	}
}
