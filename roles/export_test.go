package roles

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/rtc"
	"github.com/liberdus/liberdus/signaling"
)

// SetStartTime shortens how long n tries to reach its first archiver.
func SetStartTime(n *Consensor, d time.Duration) { n.startTime = d }

// NewVerifier returns what clients check identities with.
func NewVerifier() identityVerifier { return identityVerifier{} }

// NextLead is nextLead.
var NextLead = nextLead

// Tokens returns a maker of one link's tokens: given how far the archiver's
// clock is ahead, it returns how far ahead of that clock the token expires.
func Tokens(key *signing.NodeKey) func(skew time.Duration) time.Duration {
	l := &link{key: key}
	return func(skew time.Duration) time.Duration {
		token := l.token(located{info: nodelist.Info{Skew: skew}})
		unix, err := strconv.ParseInt(strings.Split(token, ".")[1], 10, 64)
		if err != nil {
			panic(err)
		}
		return time.Until(time.Unix(unix, 0).Add(-skew))
	}
}

// NetworkID returns the id of d's network.
func NetworkID(d *Devnet) string { return d.ledger.NetworkID() }

// Waits returns what one link waits between attempts, one after the other.
func Waits() func() time.Duration { return new(link).wait }

// A Gate is a gate of texts.
type Gate struct{ g *gate }

// NewGate returns a gate with networks that are spared and that are proxies.
func NewGate(perAddress, total int, spared, proxies string) Gate {
	nets := func(text string) clientip.Networks {
		n, err := clientip.Parse([]string{text})
		if err != nil {
			panic(err)
		}
		return n
	}
	g := newGate(perAddress, nets(spared), nets(proxies))
	g.total = total
	return Gate{g}
}

// Enter is enter.
func (g Gate) Enter(addr string) bool { return g.g.enter(netip.MustParseAddr(addr)) }

// Leave is leave.
func (g Gate) Leave(addr string) { g.g.leave(netip.MustParseAddr(addr)) }

// Open returns how many addresses are counted.
func (g Gate) Open() int { return len(g.g.open) }

// Front returns what tells whom a request comes from.
func Front(trusted []string, log *slog.Logger) (func(*http.Request) netip.Addr, error) {
	proxies, err := clientip.Parse(trusted)
	return (&front{proxies: proxies, log: log}).addrOf, err
}

// Tally runs a tally of counts that the caller changes while it waits.
func Tally(ctx context.Context, refused, dropped map[string]uint64, log *slog.Logger) error {
	return tally(func() counts { return counts{maps.Clone(refused), maps.Clone(dropped)} }, log).run(ctx)
}

// Refused returns what a has refused so far.
func Refused(a *Archiver) map[string]uint64 { return a.counts().refused }

// PeerServer returns the peer server of a.
func PeerServer(a *Archiver) *signaling.Server { return a.peers }

// Socket returns what d's peer server knows of the socket that holds id.
func Socket(d *Devnet, id string) (signaling.Peer, bool) { return d.Archiver.peers.Peer(id) }

// Connect opens a session as the commands do, for requests that none makes.
func Connect(ctx context.Context, c *Client) (ask func(context.Context, rpc.Request) (rpc.Reply, error), s *rtc.Session, err error) {
	conv, err := c.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(ctx, conv.close)
	return conv.Do, conv.session, nil
}

// PeerConfig is peerConfig.
var PeerConfig = peerConfig

// NodeAddr returns the address of a's listener for nodes.
func NodeAddr(a *Archiver) string { return a.nodes.Addr().String() }

// Online is closed when n has joined its first archiver.
func Online(n *Consensor) <-chan struct{} { return n.online }
