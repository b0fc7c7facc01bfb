package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/needs"
)

// A lab is a small internet in network namespaces: a router, with the archiver
// on it, and hosts that each have a network of their own behind it.
//
//	host 10.1.0.2 ── 10.1.0.1 ┐
//	host 10.2.0.2 ── 10.2.0.1 ┤ router, 192.0.2.1: the archiver
//	host 10.3.0.2 ── 10.3.0.1 ┘
type lab struct {
	t        *testing.T
	name     string
	router   *site
	hosts    int
	archiver string // URL
	process  *child // the archiver's
}

// labs numbers the labs of this process.
var labs atomic.Int64

// A labHost is a machine of a lab.
type labHost struct {
	*site
	lab  *lab
	link string // its interface on the router
	addr string
	six  string // its IPv6 address
}

const archiverAddr = "192.0.2.1"

// newLab makes a lab for one test, with an archiver that is ready.
func newLab(t *testing.T) *lab {
	t.Helper()
	needs.Root(t, "making network namespaces")
	l := &lab{t: t, name: fmt.Sprintf("e2e%d-%d", os.Getpid(), labs.Add(1))}
	l.router = l.namespace("r")
	l.sh(l.router, "ip", "addr", "add", archiverAddr+"/32", "dev", "lo")
	l.sh(l.router, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	a := l.router.start("archiver", "--listen", archiverAddr+":6080", "--node-listen", archiverAddr+":4000", "--data", l.router.dir("archiver"))
	l.archiver, l.process = a.url(), a.child
	return l
}

// namespace makes a namespace with a home of its own.
func (l *lab) namespace(name string) *site {
	l.t.Helper()
	s := newSite(l.t)
	ns := l.name + name
	l.do(exec.Command("ip", "netns", "add", ns))
	l.t.Cleanup(func() { l.do(exec.Command("ip", "netns", "del", ns)) })
	s.netns = ns
	l.sh(s, "ip", "link", "set", "lo", "up")
	return s
}

// host adds a machine.
func (l *lab) host() *labHost {
	l.t.Helper()
	l.hosts++
	h := &labHost{lab: l, link: fmt.Sprintf("h%d", l.hosts), addr: fmt.Sprintf("10.%d.0.2", l.hosts), six: fmt.Sprintf("fd00:%d::2", l.hosts)}
	gateway, gateway6 := fmt.Sprintf("10.%d.0.1", l.hosts), fmt.Sprintf("fd00:%d::1", l.hosts)
	h.site = l.namespace(h.link)
	l.sh(l.router, "ip", "link", "add", h.link, "type", "veth", "peer", "name", "eth0", "netns", h.netns)
	l.sh(l.router, "ip", "addr", "add", gateway+"/24", "dev", h.link)
	l.sh(l.router, "ip", "addr", "add", gateway6+"/64", "dev", h.link, "nodad")
	l.sh(l.router, "ip", "link", "set", h.link, "up")
	l.sh(h.site, "ip", "addr", "add", h.addr+"/24", "dev", "eth0")
	l.sh(h.site, "ip", "addr", "add", h.six+"/64", "dev", "eth0", "nodad")
	l.sh(h.site, "ip", "link", "set", "eth0", "up")
	l.sh(h.site, "ip", "route", "add", "default", "via", gateway)
	l.sh(h.site, "ip", "-6", "route", "add", "default", "via", gateway6)
	return h
}

// sh runs a program at a site; it must succeed.
func (l *lab) sh(at *site, program string, args ...string) string {
	l.t.Helper()
	return l.do(at.command(context.Background(), program, args...))
}

func (l *lab) do(cmd *exec.Cmd) string {
	l.t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		l.t.Fatalf("%s: %v\n%s(scripts/test-setup installs iproute2 and nftables)", strings.Join(cmd.Args, " "), err, out.String())
	}
	return out.String()
}

// rules replaces the router's packet filter and translation.
func (l *lab) rules(nft string) {
	l.t.Helper()
	cmd := l.router.command(context.Background(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("flush ruleset\n" + nft)
	l.do(cmd)
}

// consensor starts a node on h, at port 9001 if nothing else is said.
func (h *labHost) consensor(more ...string) *role {
	h.t.Helper()
	args := []string{"consensor", "--archiver", h.lab.archiver, "--listen", ":9001", "--data", h.dir("consensor")}
	return h.start(append(args, more...)...)
}

// gateway returns the router's address on h's network.
func (h *labHost) gateway() string { return strings.TrimSuffix(h.addr, "2") + "1" }

// asks demands that a client on h is answered, over WebRTC.
func (h *labHost) asks(node *role) {
	h.t.Helper()
	r := h.account("20s").exits(4) // there is no such account
	if got := r.json().text("peer"); got != node.peerID {
		r.fatalf("peer = %q, want %q", got, node.peerID)
	}
}

func (h *labHost) account(timeout string) result {
	h.t.Helper()
	return h.run("client", "account", "--archiver", h.lab.archiver, "--data", h.dir("client"), "--timeout", timeout, strings.Repeat("ab", 32))
}

// talk starts a client on h that keeps a session with node, and waits for its
// first reply.
func (h *labHost) talk(node *role) *child {
	h.t.Helper()
	return h.site.talk(h.lab.archiver, node)
}

// talk is that of a site and an archiver's URL.
func (s *site) talk(archiver string, node *role) *child {
	s.t.Helper()
	cmd := s.command(context.Background(), os.Args[0], archiver+"/liberdus-peer", node.peerID)
	cmd.Env = append(cmd.Env, talkerEnv+"=1")
	c := s.supervise("talker", cmd)
	c.event(s.t, "reply")
	return c
}

// within waits for a talker's event after the first n lines, and for no longer.
func (c *child) within(t *testing.T, n int, event string, limit time.Duration) {
	t.Helper()
	if _, err := c.await(c.out, n, limit, func(r record) bool { return r.text("event") == event }); err != nil {
		t.Fatalf("%s: no event %q within %v: %v", c.name, event, limit, err)
	}
}

// more waits until c has said n more events of that name.
func (c *child) more(t *testing.T, event string, n int, limit time.Duration) {
	t.Helper()
	if !c.grows(event, n, limit) {
		t.Fatalf("%s: not %d more events %q within %v", c.name, n, event, limit)
	}
}

// grows reports whether c says n more events of that name in time.
func (c *child) grows(event string, n int, limit time.Duration) bool {
	deadline := time.After(limit)
	for want := len(c.events(event)) + n; ; {
		_, news := c.out.from(0)
		if len(c.events(event)) >= want {
			return true
		}
		select {
		case <-news:
		case <-deadline:
			return false
		}
	}
}
