// Package shardus asks a real Liberdus node, or another consensor, over HTTP:
//
//	api ─► Node ── pooled connections ──► http://ip:9001
//	         └──── a probe a second ────► is it well, and of which network?
//
// The node's answers come back as they are. What is no answer (none in time,
// one too large, something that is not HTTP) is a typed fault. Who may be asked
// for what is the caller's to decide: a node trusts callers on its own host.
package shardus

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says which node to ask, and how. Use [DefaultConfig].
type Config struct {
	// URL is http(s)://host:port.
	URL string
	// NetworkID is the network that the node has to be of; empty: any.
	NetworkID string
	// Timeout is how long one request may take in all.
	Timeout time.Duration
	// MaxAnswer is the largest body read, in bytes.
	MaxAnswer int
	// Connections is how many there may be for reads, Injects for what changes
	// something: further requests wait, up to Queue of them, a quarter of one
	// address. One address may have a quarter of the connections. Looks are the
	// connections of the node's own.
	Connections, Injects, Queue, Looks int
	// Probe is the time between two looks at the node's health, ProbeTimeout
	// how long each may take.
	Probe, ProbeTimeout time.Duration
}

// idleTime is how long an unused connection is kept. Nodes close it after 5 s:
// a request on a connection that is being closed would be lost.
const idleTime = 3 * time.Second

// DefaultConfig returns the limits documented in docs/protocol.md.
func DefaultConfig(url string) Config {
	return Config{
		URL: url, Timeout: 10 * time.Second, MaxAnswer: 4 << 20, Connections: 128,
		Injects: 32, Queue: 1024, Looks: 16,
		Probe: time.Second, ProbeTimeout: 3 * time.Second,
	}
}

// A Node is one that is asked over HTTP. Use [New]; [Node.Run] watches its
// health. The methods may be called from any goroutine.
type Node struct {
	// Fixed after New.
	cfg     Config
	base    *url.URL
	reads   door
	injects door
	own     door // for probes and looks, which nobody else holds up
	log     *slog.Logger
	counts  counters

	mu        sync.Mutex
	unwell    error         // guarded by mu; nil while the node can be used
	networkID string        // guarded by mu; "" until the node first told it
	publicKey string        // guarded by mu; "" until the node first told it
	answered  bool          // guarded by mu; it ever did
	changed   chan struct{} // guarded by mu; closed when unwell changes
}

// errNotAsked is what is known of a node's health before the first probe.
var errNotAsked = errors.New("the node has not answered yet")

// New returns a Node. It asks nothing yet.
func New(cfg Config, log *slog.Logger) (*Node, error) {
	base, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}
	return &Node{
		cfg: cfg, base: base, log: log.With("part", "node", "node", base.Host),
		reads: newDoor(WayRead, cfg.Connections, cfg.Queue, dialer), injects: newDoor(WayInject, cfg.Injects, cfg.Queue, dialer),
		own: newDoor(WayLook, cfg.Looks, cfg.Queue, dialer), counts: newCounters(),
		unwell: errNotAsked, changed: make(chan struct{}),
	}, nil
}

// A door is a way to the node: connections, and who may use them.
type door struct {
	way       Way
	transport *http.Transport
	lane      *lane
}

func newDoor(way Way, connections, queue int, dialer *net.Dialer) door {
	return door{
		way:  way,
		lane: newLane(connections, max(1, connections/4), queue),
		transport: &http.Transport{ // no proxy: the node is near
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    3 * time.Second,
			MaxIdleConns:           connections,
			MaxIdleConnsPerHost:    connections,
			MaxConnsPerHost:        connections,
			IdleConnTimeout:        idleTime,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // which costs both more than it saves between neighbours
		},
	}
}

// ParseURL reads the address of a node: http(s)://host[:port].
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("node URL: %w", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, fmt.Errorf("%q is not a URL such as http://127.0.0.1:9001", text)
	case strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.ForceQuery, u.Fragment != "", u.User != nil:
		return nil, fmt.Errorf("%q has more than a host and a port, which is not supported", text)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// Close ends the unused connections. It comes last.
func (n *Node) Close() {
	for _, d := range []door{n.reads, n.injects, n.own} {
		d.transport.CloseIdleConnections()
	}
}
