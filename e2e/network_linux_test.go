package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// noticed is how long a session may take to see that its path has gone.
const noticed = 15 * time.Second

// noIPv6 leaves IPv4 as the only way between the hosts.
const noIPv6 = `
	table ip6 none {
		chain forward {
			type filter hook forward priority filter;
			drop
		}
	}`

// A node and a client that have only IPv6 between them.
func TestOverIPv6(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host, client := l.host(), l.host()
	l.rules(fmt.Sprintf(`
		table ip filter {
			chain forward {
				type filter hook forward priority filter;
				iif %q drop
			}
		}`, client.link))
	client.asks(host.consensor("--family", "6"))
}

// A node that is listed by an address of its own network, at an archiver beyond
// it, says so, with the flag that mends it; and not where that was given.
func TestListedByAnInnerAddress(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host := l.host()
	warned := func(r record) bool {
		return strings.Contains(r.text("msg"), "the address on the list is not reached") && strings.Contains(r.text("remedy"), "--external")
	}
	inner := host.consensor()
	if said := inner.wait(t, inner.errs, 0, "warning of its address", warned); said.text("ip") != host.addr || said.text("level") != "WARN" {
		t.Errorf("it says %v, want a warning of %s", said, host.addr)
	}
	inner.stop(t)
	outer := host.consensor("--external", "203.0.113.1:9001")
	outer.stop(t) // all is logged
	if said, _ := outer.errs.find(0, warned); said != nil {
		t.Errorf("with --external it says %v", said)
	}
}

// A node behind a NAT with forwarded ports is reached at its outside address,
// and only there: its own network is unknown to the client's.
func TestNodeBehindNAT(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		http string // the port outside for HTTP
		udp  string // and for data channels
		args []string
	}{
		{"the same ports", "9001", "9001", []string{"--external", "203.0.113.1:9001"}},
		{"other ports", "80", "4242", []string{"--external", "203.0.113.1:80", "--udp-external", "203.0.113.1:4242"}},
		{"a name outside", "9001", "9001", []string{"--external", "node.example:9001", "--udp-external", "203.0.113.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			inside, client := l.host(), l.host()
			l.rules(noIPv6 + fmt.Sprintf(`
				table ip nat {
					chain in {
						type nat hook prerouting priority dstnat;
						ip daddr 203.0.113.1 udp dport %s dnat to %s:9001
						ip daddr 203.0.113.1 tcp dport %s dnat to %s:9001
					}
					chain out {
						type nat hook postrouting priority srcnat;
						ip saddr %s ip daddr != 192.0.2.1 snat to 203.0.113.1
					}
				}
				table ip filter {
					chain forward {
						type filter hook forward priority filter;
						iif %q ct status dnat accept
						iif %q ct state established accept
						iif %q drop
					}
				}`, tt.udp, inside.addr, tt.http, inside.addr, inside.addr, client.link, client.link, client.link))
			node := inside.consensor(tt.args...)
			client.asks(node)
		})
	}
}

// A client behind a NAT that hides its network reaches a node.
func TestClientBehindNAT(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	outside, client := l.host(), l.host()
	l.rules(noIPv6 + fmt.Sprintf(`
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat;
				ip saddr %s oif %q snat to 203.0.113.9 random
			}
		}
		table ip filter {
			chain forward {
				type filter hook forward priority filter;
				oif %q ct state new drop
			}
		}`, client.addr, outside.link, client.link))
	client.asks(outside.consensor())
}

// Where no UDP passes, a session takes the node's TCP port, if it has one.
func TestUDPBlocked(t *testing.T) {
	t.Parallel()
	const noUDP = noIPv6 + `
		table inet blocked {
			chain forward {
				type filter hook forward priority filter;
				meta l4proto udp drop
			}
		}`
	t.Run("with a TCP port", func(t *testing.T) {
		t.Parallel()
		l := newLab(t)
		host, client := l.host(), l.host()
		l.rules(noUDP)
		node := host.consensor("--tcp-listen", ":443")
		client.asks(node)
		talker := client.talk(node)
		talker.more(t, "reply", 50, noticed) // it lives on
	})
	t.Run("with a TCP port behind a NAT", func(t *testing.T) {
		t.Parallel()
		l := newLab(t)
		host, client := l.host(), l.host()
		l.rules(noUDP + fmt.Sprintf(`
			table ip nat {
				chain in {
					type nat hook prerouting priority dstnat;
					ip daddr 203.0.113.1 tcp dport 443 dnat to %s:8443
				}
			}`, host.addr))
		client.asks(host.consensor("--external", "203.0.113.1:9001", "--tcp-listen", ":8443", "--tcp-external", "203.0.113.1:443"))
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		l := newLab(t)
		host, client := l.host(), l.host()
		l.rules(noUDP)
		host.consensor()
		r := client.account("8s").exits(1)
		if hop := r.json().text("hop"); hop != "ice" {
			r.fatalf("hop = %q, want ice", hop)
		}
	})
}

// Two hosts reach a node at once, on its one UDP port.
func TestHostsShareThePort(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host := l.host()
	node := host.consensor()
	clients := []*labHost{l.host(), l.host()}
	var wg sync.WaitGroup
	for _, c := range clients {
		talker := c.talk(node)
		wg.Go(func() {
			if !talker.grows("reply", 20, noticed) {
				t.Error("a session did not live on beside another")
			}
		})
	}
	wg.Wait()
	sockets := strings.TrimSpace(l.sh(host.site, "ss", "-Huan"))
	if strings.Count(sockets, "\n") != 1 || !strings.Contains(sockets, host.addr+":9001") || !strings.Contains(sockets, "["+host.six+"]:9001") {
		t.Errorf("the node's UDP sockets are\n%s\nwant one on each of its addresses, at port 9001", sockets)
	}
}

// A network that drops everything from one moment on is noticed by both ends in
// time, and the client is back once it passes again.
func TestSilentNetworkIsNoticed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host, client := l.host(), l.host()
	node := host.consensor()
	talker := client.talk(node)
	logged, said := node.errs.mark(), talker.out.mark()
	l.rules(`
		table ip filter {
			chain forward {
				type filter hook forward priority filter
				drop
			}
		}` + noIPv6)
	cut := time.Now()
	talker.within(t, said, "ended", noticed)
	if _, err := node.await(node.errs, logged, noticed-time.Since(cut), func(r record) bool { return r.text("msg") == "peer disconnected" }); err != nil {
		t.Errorf("the node did not notice within %v: %v", noticed, err)
	}
	l.rules("")
	talker.within(t, talker.out.mark(), "reply", noticed)
}

// A client that gets another address has a new session in time.
func TestClientAddressChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host, client := l.host(), l.host()
	talker := client.talk(host.consensor("--family", "4"))
	said := talker.out.mark()
	l.sh(client.site, "ip", "addr", "del", client.addr+"/24", "dev", "eth0")
	l.sh(client.site, "ip", "addr", "add", strings.TrimSuffix(client.addr, "2")+"77/24", "dev", "eth0")
	l.sh(client.site, "ip", "route", "add", "default", "via", client.gateway())
	talker.within(t, said, "ended", noticed)
	talker.within(t, talker.out.mark(), "reply", noticed)
}

// A NAT that forgets its table and gives a client another address outside, as
// mobile networks do, ends no session.
func TestNATForgets(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host, client := l.host(), l.host()
	outside := func(addr string) string { // without a table that could remember
		return noIPv6 + fmt.Sprintf(`
			table ip nat {
				chain in {
					type filter hook prerouting priority raw;
					ip daddr %s ip daddr set %s notrack
					ip saddr %s notrack
				}
				chain out {
					type filter hook postrouting priority srcnat;
					ip saddr %s oif %q ip saddr set %s
				}
			}`, addr, client.addr, client.addr, client.addr, host.link, addr)
	}
	l.rules(outside("203.0.113.9"))
	talker := client.talk(host.consensor())
	l.rules(outside("203.0.113.10"))
	talker.more(t, "reply", 5, noticed)
	if ended := talker.events("ended"); len(ended) > 0 {
		t.Errorf("the session ended: %v", ended)
	}
}
