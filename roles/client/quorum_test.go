package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/liberdus/liberdus/roles/client"
)

// What nodes say of an account, and what comes of it. "lost" is a node whose session ends.
func TestQuorum(t *testing.T) {
	const a, b = `{"account":{"n":1},"id":"x"}`, `{"account":{"n":2},"id":"x"}`
	const none, bad = `{"account":null,"id":"x"}`, `{"error":"no"}`
	for _, tt := range []struct {
		name  string
		says  map[string][]string // by node: at first, and from then on
		k     int
		peers int    // who agree
		odd   string // who does not
		fails string // what the error says
	}{
		{name: "one", says: map[string][]string{"1": {a}}, k: 1, peers: 1},
		{name: "two of two", says: map[string][]string{"1": {a}, "2": {a}}, k: 2, peers: 2},
		{name: "two of three", says: map[string][]string{"1": {a}, "2": {b}, "3": {a}}, k: 2, peers: 2, odd: "2"},
		{name: "a change on its way", says: map[string][]string{"1": {a}, "2": {a}, "3": {b, a}}, k: 3, peers: 3},
		{name: "one is lost", says: map[string][]string{"1": {a}, "2": {"lost"}, "3": {a}}, k: 2, peers: 2},
		{name: "one knows nothing", says: map[string][]string{"1": {a}, "2": {bad}, "3": {a}}, k: 2, peers: 2},
		{name: "two against two", says: map[string][]string{"1": {a}, "2": {b}, "3": {a}, "4": {b}}, k: 3, fails: "no 3 nodes give the same answer"},
		{name: "each another", says: map[string][]string{"1": {a}, "2": {b}}, k: 2, fails: "another by"},
		{name: "too few", says: map[string][]string{"1": {a}}, k: 2, fails: "1 active nodes"},
		{name: "nobody has it", says: map[string][]string{"1": {none}, "2": {none}}, k: 2, peers: 2, fails: "no such account"},
		{name: "0", says: map[string][]string{"1": {a}}, k: 0, fails: "--quorum 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var names []string
				for name := range tt.says {
					names = append(names, name)
				}
				slices.Sort(names)
				w, c := newTown(t, names...)
				for _, name := range names {
					n, says := w.session(name), tt.says[name]
					w.wg.Go(func() { speak(n, says) })
				}
				got, err := c.AccountQuorum(t.Context(), "x", tt.k)
				if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("error = %v, want %q", err, tt.fails)
				}
				odd := strings.Join(got.Odd, " ")
				if len(got.Peers) != tt.peers || odd != "" && odd != tt.odd || slices.Contains(got.Peers, tt.odd) {
					t.Errorf("= %+v, want %d peers and odd %q", got, tt.peers, tt.odd)
				}
				if _, split := errors.AsType[*client.QuorumError](err); split && client.Hop(err) != "node" {
					t.Errorf("hop = %s, want node", client.Hop(err))
				}
			})
		})
	}
}

// Where there are fewer nodes than are to agree, the error says how many there are: also of those that were
// still being connected to, or were in vain, when that was found out.
func TestQuorumOfTooFew(t *testing.T) {
	names := []string{"1", "2", "3"}
	for _, tt := range []struct {
		name string
		cfg  client.Config
		ends bool // the caller gives up before anybody is looked for
		want string
		hop  string
	}{
		{name: "too few", cfg: patient, want: "there are 3 active nodes, which is less than the 4 to agree", hop: "archiver"},
		{name: "given up", cfg: patient, ends: true, want: "enough of it", hop: "node"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.ends {
					cancel(errors.New("enough of it"))
				}
				c := client.NewSearching(func(ctx context.Context, claim func(string) bool) (*client.Conversation, error) {
					for _, name := range names {
						if ctx.Err() == nil && claim(name) {
							<-ctx.Done() // it takes long to connect
							return nil, context.Cause(ctx)
						}
					}
					return nil, client.ErrNoOther
				}, tt.cfg)
				defer c.Close()
				_, err := c.AccountQuorum(ctx, "x", 4)
				if err == nil || err.Error() != tt.want || client.Hop(err) != tt.hop {
					t.Errorf("error = %v at the hop %s, want %q at the hop %s", err, client.Hop(err), tt.want, tt.hop)
				}
			})
		})
	}
}

func speak(n *fakeNode, says []string) {
	for {
		select {
		case <-n.end:
			return
		case msg := <-n.in:
			word := says[0]
			if len(says) > 1 {
				says = says[1:]
			}
			if word == "lost" {
				n.lose()
				return
			}
			n.out <- fmt.Appendf(nil, `{"id":%q,"type":"account","status":200,"body":%s}`, idOf(msg), word)
		}
	}
}

// The sessions of a quorum are opened at once, each with another node, and who is
// connected is asked while the others are not.
func TestQuorumConnectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{t: t, names: []string{"1", "2", "3", "4"}, sessions: map[string]*fakeNode{}}
		w.takes = map[string]time.Duration{"1": 3 * time.Second, "2": 2 * time.Second, "3": time.Second}
		c := client.NewSearching(w.open, patient)
		defer func() { c.Close(); w.wg.Wait() }()
		done := make(chan client.Agreed, 1)
		began := time.Now()
		go func() {
			got, err := c.AccountQuorum(t.Context(), "x", 3)
			if err != nil {
				t.Error(err)
			}
			done <- got
		}()
		for _, name := range []string{"3", "2", "1"} {
			for w.session(name) == nil {
				time.Sleep(time.Second)
				synctest.Wait()
			}
			n := w.session(name)
			id, _ := n.next(t)
			if took := time.Since(began); took != w.takes[name] {
				t.Errorf("%s was asked after %v, want %v", name, took, w.takes[name])
			}
			n.reply(id, "account", `{"account":{},"id":"x"}`)
		}
		if got := <-done; len(got.Peers) != 3 || time.Since(began) != 3*time.Second {
			t.Errorf("%v agree after %v, want three after 3 s, as long as the slowest takes", got.Peers, time.Since(began))
		}
	})
}

// Three real nodes over one ledger agree.
func TestQuorumOfANetwork(t *testing.T) {
	d := startDevnet(t, 3)
	c, err := client.New(configFor(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.AccountQuorum(t.Context(), strings.Repeat("0", 64), 3)
	slices.Sort(got.Peers)
	if err != nil || len(slices.Compact(got.Peers)) != 3 || len(got.Odd) != 0 {
		t.Errorf("= %v, odd %v, %v; want three peers", got.Peers, got.Odd, err)
	}
}
