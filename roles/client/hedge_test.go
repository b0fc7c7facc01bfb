package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// A node that says nothing costs a second, and is not called off for that: whoever
// opens a session first has won, and of the others nothing is left.
func TestTheNextNodeIsDialledBesideASlowOne(t *testing.T) {
	const second = time.Second
	broken := errors.New("broken")
	for _, tt := range []struct {
		name    string
		takes   map[string]time.Duration // to open; 0 = it says nothing; not named = it fails at once
		late    map[string]time.Duration // to notice that nobody wants it, and then it is open all the same
		want    string
		err     error
		dialled []string
		ended   []string
		took    time.Duration
	}{
		{name: "quick", takes: map[string]time.Duration{"a": second / 2}, want: "a", dialled: []string{"a"}, took: second / 2},
		{name: "silent", takes: map[string]time.Duration{"a": 0, "b": second / 5}, want: "b", dialled: []string{"a", "b"}, took: second + second/5},
		{name: "two silent", takes: map[string]time.Duration{"a": 0, "b": 0, "c": second / 5}, want: "c", dialled: []string{"a", "b", "c"}, took: 2*second + second/5},
		{name: "slow, and still the first", takes: map[string]time.Duration{"a": 3 * second / 2, "b": 0}, want: "a", dialled: []string{"a", "b"}, took: 3 * second / 2},
		{name: "failing beside a silent one", takes: map[string]time.Duration{"a": 0, "c": second / 5}, want: "c", dialled: []string{"a", "b", "c"}, took: second + second/5},
		{name: "failing first", takes: map[string]time.Duration{"c": second / 5}, want: "c", dialled: []string{"a", "b", "c"}, took: second / 5},
		{name: "open too late", takes: map[string]time.Duration{"a": 0, "b": second / 5}, late: map[string]time.Duration{"a": second / 10}, want: "b", dialled: []string{"a", "b"}, ended: []string{"a"}, took: second + second/5 + second/10},
		{name: "nobody", takes: map[string]time.Duration{"a": 0, "b": 0, "c": 0, "d": second}, err: context.DeadlineExceeded, dialled: []string{"a", "b", "c"}, took: 20 * second},
		{name: "all fail", err: broken, dialled: []string{"a", "b", "c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*second)
				defer cancel()
				var mu sync.Mutex
				var dialled, ended []string
				open := 0
				dial := func(ctx context.Context, peer string) error {
					mu.Lock()
					dialled = append(dialled, peer)
					open++
					mu.Unlock()
					defer func() { mu.Lock(); open--; mu.Unlock() }()
					takes, alive := tt.takes[peer]
					if !alive {
						return broken
					}
					if takes == 0 {
						takes = time.Hour
					}
					select {
					case <-time.After(takes):
						return nil
					case <-ctx.Done():
					}
					if late := tt.late[peer]; late > 0 {
						time.Sleep(late)
						return nil
					}
					return ctx.Err()
				}
				began := time.Now()
				got, err := client.Attempt(ctx, ctx, client.NewSearch(false), []string{"a", "b", "c", "d"}, dial, func(peer string) { ended = append(ended, peer) })
				if got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("= %q, %v; want %q, %v", got, err, tt.want, tt.err)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				if !slices.Equal(dialled, tt.dialled) || !slices.Equal(ended, tt.ended) || open != 0 {
					t.Errorf("dialled %v and ended %v, %d dials go on; want %v, %v, none", dialled, ended, open, tt.dialled, tt.ended)
				}
			})
		})
	}
}

// Of three nodes one is slow and one fails. The third, which was dialled beside the slow one,
// is there for the session of whoever met the one that fails.
func TestWhoIsNotNeededIsThereForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s := client.NewSearch(true)
		takes := map[string]time.Duration{"slow": 2 * time.Second, "failing": 1500 * time.Millisecond, "third": 1200 * time.Millisecond}
		dial := func(ctx context.Context, peer string) error {
			select {
			case <-time.After(takes[peer]):
			case <-ctx.Done():
				return ctx.Err()
			}
			if peer == "failing" {
				return errors.New("broken")
			}
			return nil
		}
		var wg sync.WaitGroup
		for _, tt := range []struct {
			peers []string
			want  string
		}{{[]string{"slow", "third"}, "slow"}, {[]string{"failing", "third"}, "third"}} {
			wg.Go(func() {
				got, err := client.Attempt(ctx, ctx, s, tt.peers, dial, func(string) {})
				if got != tt.want || err != nil {
					t.Errorf("of %v = %q, %v; want %q", tt.peers, got, err, tt.want)
				}
			})
			synctest.Wait()
			time.Sleep(time.Millisecond) // so that the first one is a little ahead
		}
		wg.Wait()
	})
}

// silentArchiver accepts connections and says nothing on them.
func silentArchiver(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // until the client closes
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String() + "#" + strings.Repeat("ab", 32)
}

// An archiver that says nothing costs a second, whatever is asked for.
func TestTheNextArchiverIsAskedBesideASilentOne(t *testing.T) {
	d := startDevnet(t, 2)
	cfg := configFor(t, d)
	cfg.Archivers = []string{silentArchiver(t), cfg.Archivers[0]}
	cfg.Timeout = time.Minute // of which a share would be more than is allowed here
	key, err := client.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ask  func(ctx context.Context, c *client.Client) error
	}{
		{"a request", func(ctx context.Context, c *client.Client) error {
			_, err := c.Do(ctx, client.Request{Path: "timestamp"})
			return err
		}},
		{"a quorum", func(ctx context.Context, c *client.Client) error {
			_, err := c.AccountQuorum(ctx, strings.Repeat("0", 64), 2)
			return err
		}},
		{"the nodes", func(ctx context.Context, c *client.Client) error {
			list, err := c.Nodes(ctx)
			if err == nil && (len(list.Nodes) != 2 || list.Archiver != d.Archiver.URL()) {
				t.Errorf("nodes = %v, want two by %s", list, d.Archiver.URL())
			}
			return err
		}},
		{"a signature", func(ctx context.Context, c *client.Client) error {
			_, err := c.Sign(ctx, client.Order{Kind: "register", Alias: "hedged"}, key)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			began := time.Now()
			if err := tt.ask(t.Context(), c); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took < time.Second || took > 8*time.Second {
				t.Errorf("it took %v, want a second and what an answer takes", took)
			}
		})
	}
}

// When no archiver says anything the error names each, in the order given.
func TestSilentArchiversAreNamed(t *testing.T) {
	cfg := client.DefaultConfig()
	cfg.Data, cfg.Log = t.TempDir(), logger(t)
	cfg.Archivers = []string{silentArchiver(t), silentArchiver(t)}
	cfg.Timeout = 2 * time.Second
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, errDo := c.Do(t.Context(), client.Request{Path: "timestamp"})
	_, errNodes := c.Nodes(t.Context())
	for _, err := range []error{errDo, errNodes} {
		if err == nil {
			t.Fatal("silent archivers were asked with success")
		}
		var at []int
		for _, a := range cfg.Archivers {
			url, _, _ := strings.Cut(a, "#")
			at = append(at, strings.Index(err.Error(), url))
		}
		if at[0] < 0 || at[1] < at[0] || client.Hop(err) != "archiver" {
			t.Errorf("error = %v at %s, want both archivers in order", err, client.Hop(err))
		}
	}
}
