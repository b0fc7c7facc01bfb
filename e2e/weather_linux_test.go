package e2e

import (
	"flag"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/impair"
)

// Through a line that loses 30 % of all datagrams, each way, with 200 ms there and
// back, and one that doubles and reorders them: each request is answered with its
// own answer, and each transaction is applied once, or refused because it came so late that its
// date is too old, and then not applied.
func TestBadWeather(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tt := range []struct {
		name    string
		weather impair.Weather
		deal    deal
	}{
		{"30 % lost, 200 ms", impair.Weather{Loss: 0.3, Delay: 100 * ms}, deal{Pay: 12, Read: 12, AtOnce: 12}},
		{"doubled, reordered", impair.Weather{Duplicate: 0.3, Reorder: 0.3, Held: 30 * ms, Delay: 20 * ms, Jitter: 20 * ms}, deal{Pay: 30, Read: 30, AtOnce: 12}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			_, line := l.impaired()
			payer := l.host().pays()
			line.weather(tt.weather)
			got := payer.deal(tt.deal)
			t.Logf("the longest took %d ms; %d datagrams lost", got.LongestMS, line.lost())
			got.settled(t, tt.deal)
			line.weather(impair.Weather{})
			payer.sound()
		})
	}
}

// rebinds is how often TestRebinding gives all clients other ports.
var rebinds = flag.Int("rebinds", 1, "times that TestRebinding gives all clients other ports")

// Clients come from other ports all at once, as behind a NAT that was restarted: the session that
// was there lives on, and nothing in hand is lost or done twice.
func TestRebinding(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	node, line := l.impaired()
	host := l.host()
	talker, payer := host.talk(node), host.pays()
	for range *rebinds {
		if n := line.rebind(); n < 2 {
			t.Errorf("%d clients on the line, want the talker's and the payer's", n)
		}
		want, began := deal{Pay: 10, Read: 10, AtOnce: 4}, time.Now()
		payer.deal(want).all(t, want)
		talker.more(t, "reply", 3, noticed)
		took := time.Since(began)
		t.Logf("replies to both after %v", took.Round(100*time.Millisecond))
		if took > noticed {
			t.Errorf("replies to both after %v, want at most %v", took, noticed)
		}
	}
	if ended := talker.events("ended"); len(ended) > 0 {
		t.Errorf("the session ended: %v", ended)
	}
	payer.sound()
}

// While nobody reaches the archiver, the sessions that there are go on, and so does a client that
// needs no new one. Once it is reached again the node is back, and newcomers find it.
func TestSignallingApart(t *testing.T) {
	t.Parallel()
	const backWithin = 10 * time.Second
	l := newLab(t)
	l.rules(noIPv6)
	host, machine := l.host(), l.host()
	node := host.consensor("--family", "4")
	talker, payer := machine.talk(node), machine.pays()
	logged := node.errs.mark()
	l.rules(noIPv6 + `
		table inet apart {
			chain in {
				type filter hook input priority filter;
				ip daddr ` + archiverAddr + ` meta l4proto tcp reject with tcp reset
			}
		}`)
	node.wait(t, node.errs, logged, "word of the lost archiver", func(r record) bool { return r.text("level") == "WARN" })
	want := deal{Pay: 10, Read: 10, AtOnce: 4}
	payer.deal(want).all(t, want)
	talker.more(t, "reply", 10, noticed)

	logged = l.process.errs.mark()
	l.rules(noIPv6)
	back := time.Now()
	if _, err := l.process.await(l.process.errs, logged, backWithin, func(r record) bool {
		return r.text("msg") == "peer connected" && r.text("peer") == node.peerID
	}); err != nil {
		t.Errorf("the node is not back within %v: %v", backWithin, err)
	}
	t.Logf("back %v after the archiver is reached again", time.Since(back).Round(100*time.Millisecond))
	l.host().asks(node)
	talker.more(t, "reply", 3, noticed)
	if ended := talker.events("ended"); len(ended) > 0 {
		t.Errorf("the session ended: %v", ended)
	}
	payer.sound()
}
