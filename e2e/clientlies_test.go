package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// An archiver that lies is found out, in one sentence that says what to do about it.
func TestArchiverLiesToTheTerminal(t *testing.T) {
	t.Parallel()
	entry := func(f *forger, port float64) signing.Object {
		key := f.key.Public()
		return signing.Object{"id": nodelist.NodeID(key), "ip": "192.0.2.1", "port": port, "publicKey": key, "peerId": key}
	}
	for _, tt := range []struct {
		name string
		pin  string
		// first is what it says when it is met, if it is met before; then what it
		// says. Both may change the forger.
		first, then func(f *forger) string
		want        demands
	}{
		{name: "the truth", then: func(f *forger) string { return f.list(nil) }},
		{
			name: "another key than the pinned one", pin: strings.Repeat("ab", 32),
			then: func(f *forger) string { return f.list(nil) },
			want: demands{1, "archiver", []string{"not the pinned", "somebody may pose as it"}},
		},
		{
			name:  "another key than at first",
			first: func(f *forger) string { return f.list(nil) },
			then:  func(f *forger) string { f.key = newForger(f.t).key; return f.list(nil) },
			want:  demands{1, "archiver", []string{"when first seen", "somebody may pose as it"}},
		},
		{
			name: "a forged entry",
			then: func(f *forger) string {
				list := f.list(signing.Object{"nodeList": []any{entry(f, 9001)}})
				return strings.Replace(list, "192.0.2.1", "192.0.2.2", 1)
			},
			want: demands{1, "archiver", []string{"not signed as it should be"}},
		},
		{
			name: "an old list",
			then: func(f *forger) string {
				return f.list(signing.Object{"time": f.at.Add(-3 * time.Minute).UnixMilli()})
			},
			want: demands{1, "archiver", []string{"replay", "try again"}},
		},
		{
			name:  "a list of before",
			first: func(f *forger) string { return f.list(signing.Object{"epoch": 9}) },
			then:  func(f *forger) string { return f.list(signing.Object{"epoch": 8}) },
			want:  demands{1, "archiver", []string{"epoch 8", "9 was seen before"}},
		},
		{
			name: "another kind of list",
			then: func(f *forger) string { return f.list(signing.Object{"list": "standby"}) },
			want: demands{1, "archiver", []string{"standby", "not active"}},
		},
		{
			name: "a list of another network",
			then: func(f *forger) string { return f.list(signing.Object{"networkId": strings.Repeat("cd", 32)}) },
			want: demands{1, "archiver", []string{"network"}},
		},
		{
			name: "no list",
			then: func(*forger) string { return "<html>" },
			want: demands{1, "archiver", []string{"no JSON object"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := newSite(t), newForger(t)
			var says atomic.Pointer[string]
			server := f.serve(&says, nil)
			at := server.URL
			if tt.pin != "" {
				at += "#" + tt.pin
			}
			if tt.first != nil {
				says.Store(new(tt.first(f)))
				s.run("client", "nodes", "--archiver", at).exits(0)
			}
			says.Store(new(tt.then(f)))
			r := s.run("client", "nodes", "--archiver", at)
			if tt.want.code == 0 {
				r.exits(0).json()
				return
			}
			tt.want.check(r)
		})
	}
}

// With a clock that is ten minutes off, whichever way, everything works, and a warning says so.
func TestClockTenMinutesOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url())
	d := openDoor(t, node)
	network := d.network(t)
	u, err := url.Parse(archiver.url())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseFloat(u.Port(), 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			f := newForger(t)
			f.at = f.at.Add(ahead)
			list := f.list(signing.Object{"networkId": network, "nodeList": []any{signing.Object{
				"id": nodelist.NodeID(node.peerID), "ip": "127.0.0.1", "port": 9001.0, "publicKey": node.peerID, "peerId": node.peerID,
			}}})
			var says atomic.Pointer[string]
			says.Store(&list)
			server := f.serve(&says, signing.Object{
				"networkId": network,
				"rtc":       signing.Object{"port": port, "path": "/liberdus-peer", "key": "liberdus", "secure": false, "iceServers": []any{}},
			})
			r := (&site{t: t, home: t.TempDir()}).run("client", "account", "--archiver", server.URL, strings.Repeat("0", 64)).exits(0)
			if !strings.Contains(r.stderr, "clock differs") {
				r.fatalf("want a warning about the clock")
			}
			newSite(t).doctor("--archiver", server.URL).exits(1).doctored("clock", "fail", "no node is listed")
		})
	}
}

// A node that misbehaves once it has proven its key: what comes of it is the right answer, or one
// sentence at the right hop.
func TestNodeLiesToTheTerminal(t *testing.T) {
	t.Parallel()
	const id = "abc123"
	account := func(n *badNode, request string) string {
		return fmt.Sprintf(`{"id":%q,"type":"account","status":200,"body":{"account":{"by":%q},"id":%q}}`, request, n.key.Public(), id)
	}
	archiver := newSite(t).archiver()
	for _, tt := range []struct {
		name   string
		answer func(ctx context.Context, n *badNode, s *rtc.Session, request string)
		signer *signing.NodeKey // nil: its own
		want   demands
	}{
		{name: "the truth", answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) { n.send(ctx, s, account(n, r)) }},
		{name: "late", answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
			rest(ctx, 1500*time.Millisecond)
			n.send(ctx, s, account(n, r))
		}},
		{
			name: "never", answer: func(context.Context, *badNode, *rtc.Session, string) {},
			want: demands{1, "node", []string{"no reply", "within 3s"}},
		},
		{name: "twice", answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
			n.send(ctx, s, account(n, r))
			n.send(ctx, s, strings.Replace(account(n, r), "200", "500", 1))
		}},
		{name: "another id first", answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
			n.send(ctx, s, strings.Replace(account(n, "999"), "200", "500", 1))
			n.send(ctx, s, account(n, r))
		}},
		{
			name:   "another id alone",
			answer: func(ctx context.Context, n *badNode, s *rtc.Session, _ string) { n.send(ctx, s, account(n, "999")) },
			want:   demands{1, "node", []string{"no reply"}},
		},
		{
			name: "another account",
			answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
				n.send(ctx, s, strings.Replace(account(n, r), id, "somebody", 1))
			},
			want: demands{1, "node", []string{"answered for the account", "somebody"}},
		},
		{
			name: "10 MB",
			answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
				n.send(ctx, s, strings.Replace(account(n, r), n.key.Public(), strings.Repeat("x", 10<<20), 1))
			},
			want: demands{1, "node", []string{"too large"}},
		},
		{name: "nonsense first", answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
			for _, text := range []string{"nonsense", "[]", "{}", `{"id":{}}`, `{"type":"event","subscription":"1","body":7}`} {
				n.send(ctx, s, text)
			}
			n.send(ctx, s, account(n, r))
		}},
		{
			name: "nothing that is an account",
			answer: func(ctx context.Context, n *badNode, s *rtc.Session, r string) {
				n.send(ctx, s, `{"id":"`+r+`","status":200,"body":7}`)
			},
			want: demands{1, "node", []string{"not an account"}},
		},
		{
			name: "a key that is not its own", signer: newForger(t).key,
			answer: func(context.Context, *badNode, *rtc.Session, string) {},
			want:   demands{1, "signalling", []string{"identity not proven", "signing key"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newBadNode(t, archiver.url(), tt.signer, tt.answer)
			r := newSite(t).run("client", "account", "--archiver", archiver.url(), "--peer", n.key.Public(), "--timeout", "3s", id)
			if tt.want.code != 0 {
				tt.want.check(r)
				return
			}
			doc := r.exits(0).json()
			if r.object(doc, "account").text("by") != n.key.Public() || doc.text("id") != id {
				r.fatalf("want its account")
			}
		})
	}
}

// A badNode proves its key, and then answers as it likes.
type badNode struct {
	t   *testing.T
	key *signing.NodeKey
}

func newBadNode(t *testing.T, archiver string, signer *signing.NodeKey, answer func(context.Context, *badNode, *rtc.Session, string)) *badNode {
	t.Helper()
	n := &badNode{t: t, key: newForger(t).key}
	if signer == nil {
		signer = n.key
	}
	a := nodelist.NewClient(nodelist.Archiver{URL: archiver}, nodelist.ClientConfig{HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	at, err := a.Signalling(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	sig, err := signaling.Dial(t.Context(), signaling.ClientConfig{
		URL: at.Server.URL(), Key: at.Server.Key, ID: n.key.Public(),
		Token: nodelist.NewToken(n.key, at.Info.Key, time.Now().Add(time.Minute)),
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	cfg := rtc.DefaultConfig()
	cfg.Loopback, cfg.MaxMessage, cfg.MaxBuffered = true, 16<<20, 32<<20
	cfg.Signer = liarSigner{identity.Signer{Key: signer, NetworkID: func() string { return at.Info.NetworkID }}, n.key.Public(), signer}
	cfg.Serve = func(ctx context.Context, s *rtc.Session) {
		for {
			msg, err := s.Recv()
			if err != nil {
				return
			}
			var r struct{ ID string }
			if json.Unmarshal(msg, &r) == nil {
				answer(ctx, n, s, r.ID)
			}
		}
	}
	peer, err := rtc.New(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	wide := newWideSignaller(sig)
	link, err := peer.Attach(archiver, wide)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	work.Go(func() { _ = link.Run(ctx) })
	t.Cleanup(func() { stop(); peer.Close(); sig.Close(); work.Wait(); <-wide.done })
	return n
}

func (n *badNode) send(ctx context.Context, s *rtc.Session, text string) {
	if err := s.Send(ctx, []byte(text)); err != nil && ctx.Err() == nil {
		n.t.Logf("the node could not send %d bytes: %v", len(text), err)
	}
}

// A liarSigner claims to be a peer whose key it may not have.
type liarSigner struct {
	identity.Signer
	peerID string
	key    *signing.NodeKey
}

func (s liarSigner) SignIdentity(c rtc.Claims) (json.RawMessage, error) {
	text, err := s.Signer.SignIdentity(c)
	if err != nil {
		return nil, err
	}
	o, err := signing.ParseObject(text)
	if err != nil {
		return nil, err
	}
	o["peerId"] = s.peerID
	signed, err := s.key.Sign(o)
	if err != nil {
		return nil, err
	}
	return signing.Canonical(signed)
}

// A wideSignaller has offers say that their sender takes messages of 16 MiB, so that a node
// believes it may send them.
type wideSignaller struct {
	*signaling.Client
	out  chan signaling.Message
	done chan struct{}
}

func newWideSignaller(sig *signaling.Client) *wideSignaller {
	w := &wideSignaller{sig, make(chan signaling.Message, 64), make(chan struct{})}
	go func() { // ends with sig
		defer close(w.done)
		defer close(w.out)
		for m := range sig.Messages() {
			m.Payload = json.RawMessage(strings.ReplaceAll(string(m.Payload), "a=max-message-size:262144", "a=max-message-size:16777216"))
			w.out <- m
		}
	}()
	return w
}

func (w *wideSignaller) Messages() <-chan signaling.Message { return w.out }
