package e2e

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
)

// seen is how soon after its acknowledgement a change must have been told. The
// promise is for an ordinary machine; this one runs other tests beside, under the
// race detector.
const seen = time.Second

// A watcher is a running client watch.
type watcher struct{ *child }

func (s *site) watch(args ...string) watcher {
	s.t.Helper()
	args = append([]string{"client", "watch", "--log-level", "debug"}, args...)
	c := spawn(s.t, "watch", s.liberdus(context.Background(), args...))
	c.wait(s.t, c.errs, 0, "subscription", func(r record) bool { return r.text("msg") == "watching" })
	return watcher{c}
}

// next waits for the line that follows the first n, and what it tells of the account.
func (w watcher) next(t *testing.T, n int, account string) record {
	t.Helper()
	return w.wait(t, w.out, n, "change of "+account, func(r record) bool { return r.text("account") == account })
}

func whole(r record, name string) int64 {
	n, _ := r[name].(float64)
	return int64(n)
}

// interrupt ends it as Ctrl-C does.
func (w watcher) interrupt(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code, ok := w.exit(stopWithin); !ok || code != 0 {
		t.Errorf("watch: exit %d, %v after SIGINT; want 0", code, ok)
	}
	w.noRace(t)
}

// A watch prints how its account stands and then each change: told by the node with the ledger
// within a second, and by one that asks a node behind when that is asked next. It goes on over
// a node that is killed, and where an earlier one has left.
func TestWatch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	at := []string{"--archiver", archiver.url()}
	node := s.consensor(archiver.url())
	front := s.beside(archiver.url(), node, "front")
	d := openDoor(t, node)
	w := newWallet(t, d.network(t))

	at1, at2 := join(at, "--peer", node.peerID, w.id()), join(at, "--peer", front.peerID, w.id())
	near, far := s.watch(at1...), s.watch(at2...) // of an account that does not exist yet
	w.settle(t, d, "watched")
	first, same := near.next(t, 0, w.id()), far.next(t, 0, w.id())
	if whole(first, "seq") == 0 || whole(first, "seq") != whole(same, "seq") || first.text("peer") != node.peerID || same.text("peer") != front.peerID {
		t.Errorf("told %v and %v; want the same seq by both nodes", first, same)
	}

	give := func() int64 {
		tx, _, err := w.create(lib(1))
		if err != nil {
			t.Fatal(err)
		}
		got, err := openDoor(t, node).inject(tx)
		if err != nil || !got.Success {
			t.Fatalf("inject = %+v, %v", got, err)
		}
		account, err := openDoor(t, node).account(w.id())
		if err != nil {
			t.Fatal(err)
		}
		ms, _ := account["timestamp"].(float64)
		return int64(ms)
	}
	ms := give()
	accepted := time.Now()
	second := near.next(t, 1, w.id())
	if took := time.Since(accepted); took > seen {
		t.Errorf("told %v after the transaction was accepted, want under %v", took, seen)
	} else {
		t.Logf("told %v after the transaction was accepted", took)
	}
	if whole(second, "timestamp") != ms || whole(second, "seq") <= whole(first, "seq") {
		t.Errorf("told %v after %v, want timestamp %d and a greater seq", second, first, ms)
	}
	far.next(t, 1, w.id())

	resumed := s.watch(join(at, "--since", strconv.FormatInt(whole(second, "seq"), 10), "--peer", node.peerID, w.id())...)
	node.kill()
	node = s.start("consensor", "--archiver", archiver.url(), "--listen", node.addr, "--data", s.dir("consensor"))
	s.listed(archiver.url(), node.peerID, eventWithin)
	ms = give()
	for _, c := range []struct {
		watcher
		lines int
	}{{near, 2}, {far, 2}, {resumed, 0}} {
		if r := c.next(t, c.lines, w.id()); whole(r, "timestamp") != ms || whole(r, "seq") <= whole(second, "seq") {
			t.Errorf("told %v after the restart, want timestamp %d and a seq over %d", r, ms, whole(second, "seq"))
		}
		c.interrupt(t)
	}
}

func TestWatchFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.run("client", "watch", "--archiver", "http://127.0.0.1:1", "../secret").exits(2)
	s.run("client", "watch", "--archiver", "http://127.0.0.1:1").exits(2)
	s.run("client", "watch", "--archiver", "http://127.0.0.1:1", "--since", "-1", "a").exits(2)
	r := s.run("client", "watch", "--archiver", "http://127.0.0.1:1", "--timeout", "3s", "a").exits(1)
	if doc := r.json(); doc.text("hop") != "archiver" || doc.text("error") == "" {
		r.fatalf("want an error at the hop archiver")
	}
}

// What a wallet asks in a loop is held until a chat is newer, and answered at once when the node
// stops.
func TestLongPoll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	archiver := s.archiver()
	node := s.consensor(archiver.url())
	d := openDoor(t, node)
	w := newWallet(t, d.network(t))
	w.settle(t, d, "poller")
	at, key := []string{"--archiver", archiver.url()}, s.dir("sender.json")
	s.run("client", "keygen", "--out", key).exits(0)
	tx := s.run(join(at, "client", "tx", "register", "--key", key, "--alias", "sender")...).exits(0)
	s.pipe(tx.stdout, join(at, "client", "inject", "--wait", "-")...).exits(0)
	client := web(t)
	client.Timeout = time.Minute
	poll := func(after int64) <-chan string {
		answered := make(chan string, 1)
		go func() {
			response, err := client.Get(fmt.Sprintf("%s/collector/api/poll?account=%s&chatTimestamp=%d", node.url(), w.id(), after))
			if err != nil {
				answered <- err.Error()
				return
			}
			text, err := drain(response)
			answered <- fmt.Sprint(string(text), err)
		}()
		return answered
	}
	held := poll(0)
	tx = s.run(join(at, "client", "tx", "transfer", "--key", key, "--to", w.id(), "--amount", "1")...).exits(0)
	s.pipe(tx.stdout, join(at, "client", "inject", "-")...).exits(0)
	accepted := time.Now()
	got := <-held
	if took := time.Since(accepted); took > seen {
		t.Errorf("answered %v after the transfer, want under %v", took, seen)
	}
	account, err := d.account(w.id())
	if err != nil {
		t.Fatal(err)
	}
	data, _ := account["data"].(signing.Object)
	chat, _ := data["chatTimestamp"].(float64)
	if want := fmt.Sprintf(`{"chatTimestamp":%d,"success":true}<nil>`, int64(chat)); got != want || chat == 0 {
		t.Errorf("poll = %s, want %s", got, want)
	}
	if got := <-poll(0); !strings.Contains(got, `"success":true`) {
		t.Errorf("poll = %s, want what is new at once", got)
	}
	held = poll(int64(chat))
	eventually(t, eventWithin, "the poll is held", func() bool {
		select {
		case got := <-held:
			t.Fatalf("poll = %s, want it held", got)
		default:
		}
		status, _ := ask(t, client, node.url()+"/timestamp")
		return status == 200
	})
	began := time.Now()
	node.stop(t)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the node took %v to stop with a poll in hand", took)
	}
	<-held
}
