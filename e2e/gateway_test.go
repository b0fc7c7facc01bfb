package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/liberdus/liberdus/internal/testca"
)

// gateway starts a gateway to the network of an archiver.
func (s *site) gateway(archiver string, more ...string) *role {
	s.t.Helper()
	args := []string{"client", "gateway", "--archiver", archiver, "--listen", "127.0.0.1:0", "--data", s.dir("gateway"), "--log-level", "debug"}
	return s.ready(s.supervise("gateway", s.liberdus(context.Background(), append(args, more...)...)))
}

// Nodes are killed that a gateway has sessions with, while wallets use it: no read fails or takes
// long, and each transaction is applied once and said to be taken.
func TestGatewayUnderLoad(t *testing.T) {
	const rounds, readers, writers, gap = 3, 6, 2, 2 * time.Second
	s := newSite(t)
	archiver, back, fronts := s.three()
	d := openDoor(t, back)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "gatewayed")
	gateway := s.gateway(archiver.url())
	through := openDoor(t, gateway)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b := &burst{sent: map[string]*big.Int{}}
	var next, reads, longest atomic.Int64
	var workers sync.WaitGroup
	for range readers {
		workers.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				account, err := through.account(w.id())
				took := int64(time.Since(began))
				if err != nil || account == nil {
					b.note(func() { b.faults = append(b.faults, fmt.Sprint("read: ", account, err)) })
				}
				reads.Add(1)
				for old := longest.Load(); took > old && !longest.CompareAndSwap(old, took); old = longest.Load() {
				}
				rest(ctx, 5*time.Millisecond)
			}
		})
	}
	for range writers {
		workers.Go(func() {
			for ctx.Err() == nil {
				b.one(through, w, big.NewInt(1_000_000+next.Add(1)))
				rest(ctx, 20*time.Millisecond)
			}
		})
	}
	seen := make([]int, len(fronts)) // lines of the gateway's log when it was killed
	for i := range rounds {
		n := i % len(fronts)
		use := "waiting for an answer of " + fronts[n].peerID // the last step to a session
		gateway.wait(t, gateway.errs, seen[n], "session with the one to be killed", func(r record) bool { return r.text("what") == use })
		done, yes := reads.Load(), b.yes()
		seen[n] = gateway.errs.mark()
		fronts[n].kill()
		fronts[n] = s.beside(archiver.url(), back, fmt.Sprint("front", n))
		eventually(t, eventWithin, "reads and transactions after a kill", func() bool { return reads.Load() > done+50 && b.yes() > yes+5 })
	}
	stop()
	workers.Wait()
	b.check(t, d, w)
	if len(b.faults) > 0 {
		t.Errorf("%d faults, the first: %s", len(b.faults), b.faults[0])
	}
	if len(b.sent) != len(b.accepted) {
		t.Errorf("%d of %d transactions were answered", len(b.accepted), len(b.sent))
	}
	if took := time.Duration(longest.Load()); took >= gap {
		t.Errorf("a read took %v, want under %v", took, gap)
	}
	t.Logf("%d reads, the longest %v; %d transactions", reads.Load(), time.Duration(longest.Load()).Round(time.Millisecond), len(b.accepted))
}

// Pages use a gateway as they use a node: from http and from https, by CORS, over plain HTTP on
// loopback and over TLS. A page that has its own name point to the gateway does not get in.
func TestGatewayInBrowser(t *testing.T) {
	t.Parallel()
	ca, s := testca.New(t), newSite(t)
	archiver := s.archiver()
	consensor := s.consensor(archiver.url())
	cert, key := ca.Files(t, t.TempDir(), archiverHost)
	plain := s.gateway(archiver.url())
	_, port := hostPort(t, s.gateway(archiver.url(), "--tls-cert", cert, "--tls-key", key, "--allow-host", archiverHost, "--data", s.dir("gateway-tls")).addr)
	secure := "https://" + archiverHost + ":" + port
	d := openDoor(t, consensor)
	browser := trustingBrowser(t, ca.PEM)

	for _, tt := range []struct{ name, page, gateway string }{
		{"an http page", pages(t).URL, plain.url()},
		{"an https page", securePages(t, ca), plain.url()},
		{"an https page over TLS", securePages(t, ca), secure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newModule(t, browser, tt.page)
			w := newWallet(t, d.network(t))
			tx, txID, err := w.register("page" + w.id()[:8])
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Result  answer
				Account json.RawMessage
				Status  int
			}
			m.do(&got, `const at = `+quote(tt.gateway)+`
				const { result } = await (await fetch(at + '/inject', {
					method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ tx: `+quote(tx)+` })
				})).json()
				const { account } = await (await fetch(at + '/account/`+w.id()+`')).json()
				return { result, account, status: (await fetch(at + '/debug')).status }`)
			if !got.Result.Success || got.Result.TxID != txID || !strings.Contains(string(got.Account), w.id()) || got.Status != http.StatusNotFound {
				t.Errorf("= %+v, want transaction %s taken, the account, and 404 for what is no node's", got, txID)
			}
			applied(t, d, txID)
			m.quiet()
		})
	}
	t.Run("a page that names itself", func(t *testing.T) {
		tab, cancel := chromedp.NewContext(browser)
		defer cancel()
		tab, stop := context.WithTimeout(tab, time.Minute)
		defer stop()
		_, port := hostPort(t, plain.addr)
		if err := chromedp.Do(tab, chromedp.Navigate("http://rebound.example.test:"+port+"/timestamp")); err != nil {
			t.Fatal(err)
		}
		text, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
		if err != nil || !strings.Contains(text, "rebound.example.test") || !strings.Contains(text, "--allow-host") {
			t.Errorf("the page reads %q, %v, want that the gateway is not called so", text, err)
		}
	})
}

// What a gateway prints, and how it ends: on SIGTERM polls are answered first.
func TestGatewayProcess(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	s.consensor(archiver.url())
	g := s.gateway(archiver.url())
	said := g.wait(t, g.out, 0, "document", func(record) bool { return true })
	if said.text("url") != g.url() || len(said) != 1 {
		t.Errorf("stdout = %v, want the url %s alone", said, g.url())
	}
	client := web(t)
	polled := make(chan string, 1)
	go func() {
		response, err := client.Get(g.url() + "/collector/api/poll?account=" + strings.Repeat("a", 64))
		if err != nil {
			polled <- err.Error()
			return
		}
		text, _ := drain(response)
		polled <- string(text)
	}()
	g.wait(t, g.errs, 0, "poll", func(r record) bool { return r.text("msg") == "watching" })
	g.stop(t)
	if got := <-polled; got != `{"chatTimestamp":0,"success":true}` {
		t.Errorf("the poll was answered %s at the end, want as any other", got)
	}

	for _, args := range [][]string{
		{"--listen", "nowhere"}, {"--tls-cert", "x"}, {"--allow-origin", "wallet"}, {"--allow-host", "http://a"}, {"--requests", "0"}, {"more"},
	} {
		r := s.run(slices.Concat([]string{"client", "gateway", "--archiver", archiver.url()}, args)...).exits(2)
		if !strings.Contains(r.stderr, args[0]) || r.stdout != "" {
			r.fatalf("want stderr to name %s, and nothing on stdout", args[0])
		}
	}
	if r := s.run("client", "gateway", "--archiver", archiver.url(), "--listen", archiver.addr).exits(1); !strings.Contains(r.stderr, "another process") {
		r.fatalf("want to be told that the port is busy")
	}
}
