package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/liberdus/liberdus/internal/identity"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// someNodes are so many of a list as are connected to.
const someNodes = 2

// nodes connects to some nodes, through the signalling server.
func (p *patient) nodes(at nodelist.Signalling, list nodelist.SignedList) {
	picked := p.pick(list.Nodes)
	p.step("signalling", func(ctx context.Context) bool {
		began := time.Now()
		sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: at.Server.URL(), Key: at.Server.Key}, p.cfg.Log)
		if err != nil {
			remedy := "does a proxy in front of the archiver pass WebSockets on? see docs/tls.md"
			if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
				remedy = nodelist.Remedy(err)
			}
			p.say("signalling", Fail, remedy, "no WebSocket at %s: %v", at.Server.URL(), because(ctx, err))
			return false
		}
		defer sig.Close()
		p.say("signalling", OK, "", "%s gives an id in %v", at.Server.URL(), since(began))
		if len(picked) > 0 {
			p.connect(sig, at, list.NetworkID, picked)
		}
		return true
	})
}

// pick returns the nodes to connect to: the one that was named, or else the one
// that runs here, and others at random.
func (p *patient) pick(all []nodelist.Node) []nodelist.Node {
	own := p.ownKey()
	if id := p.cfg.Peer; id != "" {
		i := slices.IndexFunc(all, func(n nodelist.Node) bool { return n.PeerID == id })
		if i < 0 {
			p.say("node", Fail, "is it running, with this archiver, and its clock right? its log says why it is not listed", "%s is not on the list", id)
			return nil
		}
		return all[i : i+1]
	}
	picked := slices.Clone(all)
	rand.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	mine := slices.IndexFunc(picked, func(n nodelist.Node) bool { return n.PublicKey == own })
	if mine >= 0 {
		picked[0], picked[mine] = picked[mine], picked[0]
	}
	switch {
	case own != "" && mine < 0:
		p.say("node", Warn, "start it; if it runs, its log says why it is not listed", "the node of this machine's key, %s, is not on the list", own)
	case own != "":
		p.say("node", OK, "", "the node of this machine's key is on the list")
	}
	return picked[:min(len(picked), someNodes)]
}

func (p *patient) connect(sig *signaling.Client, at nodelist.Signalling, network string, nodes []nodelist.Node) {
	cfg := rtc.DefaultConfig()
	cfg.HandshakeTimeout, cfg.Verifier = checkTime, identity.Verifier{}
	host, err := netip.ParseAddr(strings.Trim(at.Server.Host, "[]"))
	cfg.Loopback = at.Server.Host == "localhost" || err == nil && host.IsLoopback()
	peer, err := rtc.New(cfg, p.cfg.Log)
	if err != nil {
		p.say("node", Fail, "this is a fault of the program: please report it", "%v", err)
		return
	}
	link, err := peer.Attach(p.at.URL, sig)
	if err != nil {
		p.say("node", Fail, "this is a fault of the program: please report it", "%v", err)
		return
	}
	run, stop := context.WithCancel(p.ctx)
	var work sync.WaitGroup
	work.Go(func() { link.Run(run) }) // its end shows in the dials
	jobs := make([]func() []Finding, len(nodes))
	for i, n := range nodes {
		to := rtc.Target{Server: p.at.URL, PeerID: n.PeerID, PublicKey: n.PublicKey, NetworkID: network}
		jobs[i] = func() []Finding { return p.reach(peer, to) }
	}
	p.found = append(p.found, gather(jobs).Checks...)
	peer.Close()
	stop()
	work.Wait()
}

// A trial is one attempt to connect over one transport.
type trial struct {
	over rtc.Transport

	mu      sync.Mutex // a connection that was given up may still tell
	asked   bool       // guarded by mu; the node has answered
	offered []string   // guarded by mu; the addresses that the node names, sorted
	phases  []string   // guarded by mu; how long each took
	at      string     // guarded by mu; the one it is in
	since   time.Time  // guarded by mu; when that began

	// What came of it.
	addr netip.AddrPort
	skew time.Duration
	err  error
}

// reached notes the end of a phase.
func (t *trial) reached(next string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at != "" {
		t.phases = append(t.phases, fmt.Sprintf("%s %v", t.at, since(t.since)))
	}
	t.at, t.since = next, time.Now()
}

// answered notes the addresses of the node, and says whether there are any.
func (t *trial) answered(list []netip.AddrPort) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked, t.offered = true, slices.Sorted(slices.Values(unique(list)))
	return len(list) > 0
}

func (t *trial) hasAnswer() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// errNotOffered says that a node has no port of that transport.
var errNotOffered = errors.New("not offered")

// reach connects to a node by UDP and by TCP at once.
func (p *patient) reach(peer *rtc.Peer, to rtc.Target) []Finding {
	p.cfg.Progress("connecting to " + to.PeerID)
	trials := []*trial{{over: rtc.TransportUDP}, {over: rtc.TransportTCP}}
	var wg sync.WaitGroup
	for _, t := range trials {
		wg.Go(func() { t.run(p.ctx, peer, to) })
	}
	wg.Wait()
	udp, tcp := trials[0], trials[1]
	if !udp.hasAnswer() && !tcp.hasAnswer() {
		tcp = nil // it would say the same
	}
	found := []Finding{udp.finding(to.PeerID, tcp != nil && tcp.err == nil)}
	if tcp != nil {
		found = append(found, tcp.finding(to.PeerID, udp.err == nil))
	}
	if udp.err == nil && udp.skew.Abs() > skewWarn {
		found = append(found, Finding{"clock", to.PeerID, Warn, fmt.Sprintf("the node's clock is %v off", udp.skew), "tell who runs the node"})
	}
	return found
}

// run dials. Who has no port of the transport is not waited for.
func (t *trial) run(ctx context.Context, peer *rtc.Peer, to rtc.Target) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := context.WithTimeoutCause(ctx, checkTime, rtc.ErrTimeout)
	defer stop()
	t.reached("answer")
	to.Only = t.over
	to.Answered = func(udp, tcp []netip.AddrPort) {
		list := udp
		if t.over == rtc.TransportTCP {
			list = tcp
		}
		if !t.answered(list) {
			cancel(errNotOffered)
		}
	}
	to.Progress = func(h rtc.Hop) { t.reached(string(h)) }
	s, err := peer.Dial(ctx, to)
	if errors.Is(context.Cause(ctx), errNotOffered) {
		err = errNotOffered
	}
	if err == nil {
		t.reached("")
		t.addr, t.skew = s.RemoteAddr(), s.Skew()
	}
	if s != nil {
		s.Close()
	}
	t.err = err
}

// finding says how the attempt went; other says that the other transport works.
func (t *trial) finding(peer string, other bool) Finding {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := Finding{Check: string(t.over), Of: peer, Status: OK}
	bad := Fail
	if other {
		bad = Warn // clients take the other
	}
	e, _ := errors.AsType[*rtc.Error](t.err)
	switch {
	case t.err == nil:
		f.Found = fmt.Sprintf("connected to %s: %s", t.addr, strings.Join(t.phases, ", "))
	case errors.Is(t.err, errNotOffered) && t.over == rtc.TransportTCP:
		f.Found = "the node offers no TCP port, for clients whose network blocks UDP (--tcp-listen)"
	case errors.Is(t.err, errNotOffered):
		f.Status, f.Found, f.Remedy = bad, "the node names no address for UDP", "tell who runs the node: --listen, --interface and --family leave it none"
	case errors.Is(t.err, rtc.ErrPeerAbsent):
		f.Status, f.Found, f.Remedy = Fail, "listed, but not connected to the archiver", "try again in 20 s; then tell who runs the node"
	case errors.Is(t.err, rtc.ErrIdentity):
		f.Status, f.Found, f.Remedy = Fail, t.err.Error(), "somebody may pose as the node: tell who runs the archiver"
	case e != nil && e.Hop == rtc.HopICE:
		f.Status, f.Found = bad, fmt.Sprintf("no way through to %s", strings.Join(t.offered, ", "))
		f.Remedy = t.letThrough()
	default:
		f.Status, f.Found, f.Remedy = bad, t.err.Error(), "look into the log of the node"
	}
	return f
}

// letThrough says what to do where nothing comes through. The caller holds mu.
func (t *trial) letThrough() string {
	private := slices.ContainsFunc(t.offered, func(s string) bool {
		a, err := netip.ParseAddrPort(s)
		return err == nil && (a.Addr().IsPrivate() || a.Addr().IsLoopback())
	})
	kind := strings.ToUpper(string(t.over))
	text := "let " + kind + " to that port through: at the node's firewall or router, and in this network"
	if private {
		text += "; a node behind a NAT names its outside address with --external, or --" + string(t.over) + "-external"
	}
	return text
}
