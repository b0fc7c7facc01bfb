package e2e

import (
	"context"
	"os"
	"testing"
	"time"
)

// A machine that loses its network for 20 seconds, with requests in hand: each request is
// settled, by an answer or by an error that names where it was, within its deadline; and the
// client is back by itself, with nobody's help.
func TestNetworkIsLostForAWhile(t *testing.T) {
	t.Parallel()
	const outage = 20 * time.Second
	l := newLab(t)
	l.rules(noIPv6)
	host, machine := l.host(), l.host()
	node := host.consensor("--family", "4")
	cmd := machine.command(context.Background(), os.Args[0], l.archiver, machine.dir("asker"))
	cmd.Env = append(cmd.Env, askerEnv+"=1")
	asker := machine.supervise("asker", cmd)
	asker.more(t, "answer", 3*askers, eventWithin)
	if failed := asker.events("error"); len(failed) > 0 {
		t.Fatalf("before anything was lost: %v", failed)
	}

	logged := node.errs.mark()
	l.sh(machine.site, "ip", "link", "set", "eth0", "down")
	over := time.After(outage)
	asker.more(t, "error", askers, askLate) // none is left waiting
	if _, err := node.await(node.errs, logged, noticed, func(r record) bool { return r.text("msg") == "peer disconnected" }); err != nil {
		t.Errorf("the node did not notice within %v: %v", noticed, err)
	}
	<-over
	l.sh(machine.site, "ip", "link", "set", "eth0", "up")
	l.sh(machine.site, "ip", "route", "add", "default", "via", machine.gateway())
	up := time.Now()
	asker.more(t, "answer", 3*askers, noticed)
	t.Logf("answers %v after the network", time.Since(up).Round(100*time.Millisecond))

	hops := map[string]int{}
	for _, e := range asker.events("error") {
		hops[e.text("hop")]++
		if e.text("error") == "" || e.text("hop") == "" {
			t.Errorf("an error that says nothing: %v", e)
		}
	}
	t.Logf("%d answers; errors by hop: %v", len(asker.events("answer")), hops)
	if late := asker.events("late"); len(late) > 0 {
		t.Errorf("%d requests were settled after their deadline, such as %v", len(late), late[0])
	}
}
