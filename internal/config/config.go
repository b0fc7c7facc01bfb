// Package config holds the settings of the roles: what a TOML file, the
// environment and the flags say, over the defaults, checked before anything
// starts.
//
// A file has the tables [archiver], [consensor], [client] and [gateway]; a key is the
// name of the flag with "_" for "-". Unknown keys are refused, by file and
// line.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Archiver is the table [archiver].
type Archiver struct {
	Listen     []string `toml:"listen"`
	NodeListen string   `toml:"node_listen"` // empty: no listener for nodes
	Data       string   `toml:"data"`
	PublicURL  string   `toml:"public_url"`
	NetworkID  string   `toml:"network_id"`
	AllowNode  []string `toml:"allow_node"`
	NodesFrom  string   `toml:"nodes_from"` // URL#KEY of another archiver; empty: none

	// TLS on Listen: neither, files, or ACME.
	TLSCert        string   `toml:"tls_cert"`
	TLSKey         string   `toml:"tls_key"`
	ACME           []string `toml:"acme"` // host names and addresses
	ACMECA         string   `toml:"acme_ca"`
	ACMECARoot     string   `toml:"acme_ca_root"`
	ACMEHTTPListen string   `toml:"acme_http_listen"` // empty: no HTTP-01

	// The PeerJS server, in the words of the peerjs command.
	Host            string   `toml:"host"` // of listeners that name none
	Port            Port     `toml:"port"` // in place of listen
	Path            string   `toml:"path"`
	Key             string   `toml:"key"`
	ConcurrentLimit int      `toml:"concurrent_limit"`
	AllowDiscovery  bool     `toml:"allow_discovery"`
	CORS            []string `toml:"cors"` // empty: any origin
	ExpireTimeout   Millis   `toml:"expire_timeout"`
	AliveTimeout    Millis   `toml:"alive_timeout"`
	CleanupOutMsgs  Millis   `toml:"cleanup_out_msgs"`

	// What one address, and one connection, may do.
	LimitExempt       []string `toml:"limit_exempt"`
	TrustedProxy      []string `toml:"trusted_proxy"`
	Proxied           bool     `toml:"proxied"`      // loopback and private networks are trusted proxies too
	AllowOrigin       []string `toml:"allow_origin"` // empty: any origin
	SocketsPerAddress int      `toml:"sockets_per_address"`
	ConnectRate       int      `toml:"connect_rate"` // a second and address, of sockets and of calls
	MessageRate       int      `toml:"message_rate"` // a second and connection
	ReserveID         Millis   `toml:"reserve_id"`
	IDGrace           Millis   `toml:"id_grace"`

	Ops      string `toml:"ops"`       // address of the operator's port; empty: none
	LogLevel string `toml:"log_level"` // empty: info
}

// A Consensor is the table [consensor].
type Consensor struct {
	Archiver  []string `toml:"archiver"`
	Listen    string   `toml:"listen"`   // empty: PortConsensor, or PortBeside beside a node
	External  string   `toml:"external"` // empty: the address of listen
	Data      string   `toml:"data"`
	Key       string   `toml:"key"`        // empty: consensor-key.json in data, made if it is missing
	NetworkID string   `toml:"network_id"` // empty: the ledger's own, random when it is created; or that of the node
	Ledger    string   `toml:"ledger"`     // one of Ledgers
	Node      string   `toml:"node"`       // the node of LedgerShardus

	// Where data channels come in.
	UDPListen   string   `toml:"udp_listen"`   // empty: the address of listen
	UDPExternal []string `toml:"udp_external"` // empty: the IP of external, if it is one
	TCPListen   string   `toml:"tcp_listen"`   // empty: none
	TCPExternal []string `toml:"tcp_external"` // empty: the IPs of udp_external
	Interface   []string `toml:"interface"`    // empty: all
	Family      string   `toml:"family"`       // empty: both

	// What clients may do; see docs/protocol.md.
	LimitExempt           []string `toml:"limit_exempt"`
	TrustedProxy          []string `toml:"trusted_proxy"` // of the HTTP server
	MaxSessions           int      `toml:"max_sessions"`
	MaxSessionsPerPeer    int      `toml:"max_sessions_per_peer"`
	MaxSessionsPerAddress int      `toml:"max_sessions_per_address"`
	MaxHandshakes         int      `toml:"max_handshakes"`
	RequestsInFlight      int      `toml:"requests_in_flight"`        // of one session
	RequestsPerSecond     int      `toml:"requests_per_second"`       // of one session; twice as many at once
	TotalRequestsPerSec   int      `toml:"total_requests_per_second"` // of all sessions
	RequestMemory         int      `toml:"request_memory"`            // MiB of requests in hand, of all sessions

	MaxSubscriptionsPerSession int `toml:"max_subscriptions_per_session"`
	MaxSubscriptions           int `toml:"max_subscriptions"`    // those of long polls included
	MaxWatchedAccounts         int `toml:"max_watched_accounts"` // by all of them
	MaxPolls                   int `toml:"max_polls"`            // long polls that are held at once

	Ops      string `toml:"ops"`       // address of the operator's port; empty: none
	LogLevel string `toml:"log_level"` // empty: info
}

// A Client is the table [client].
type Client struct {
	Archiver        []string      `toml:"archiver"`
	Peer            string        `toml:"peer"`
	Key             string        `toml:"key"`
	Data            string        `toml:"data"` // keeps the archivers' keys
	Timeout         time.Duration `toml:"timeout"`
	RequireIdentity bool          `toml:"require_identity"`
	Dialect         string        `toml:"dialect"`
	Quorum          int           `toml:"quorum"`   // nodes that must give equal answers; 0: one is asked, and believed
	Sessions        int           `toml:"sessions"` // kept open by who stays connected
}

// MaxSessions is how many sessions a client may keep open.
const MaxSessions = 16

// A File is a whole configuration file.
type File struct {
	Archiver  Archiver  `toml:"archiver"`
	Consensor Consensor `toml:"consensor"`
	Client    Client    `toml:"client"`
	Gateway   Gateway   `toml:"gateway"`
}

// What answers behind a consensor's API: a ledger of its own, or a node.
const (
	LedgerEmbedded = "embedded"
	LedgerShardus  = "shardus"
)

// Ledgers are the values of a consensor's ledger.
var Ledgers = []string{LedgerEmbedded, LedgerShardus}

// DialectAuto finds out which of the other two a peer understands.
const DialectAuto = "auto"

// Dialects are the values of a client's dialect.
var Dialects = []string{DialectAuto, "simple-peer", "peerjs"}

// Default ports. Browsers refuse to connect to 6000, the port of the first
// design; 6080 is beside it for them.
const (
	PortArchiver        = ":6000"
	PortArchiverBrowser = ":6080"
	PortNodes           = ":4000"
	PortConsensor       = ":9001"
	PortBeside          = ":9101" // of a consensor beside a node, which has 9001
	PortACME            = ":80"   // where an ACME server looks for HTTP-01
)

// Default returns the settings in force where nothing else is said.
func Default() File {
	return File{
		Archiver: Archiver{
			Listen:            []string{PortArchiver, PortArchiverBrowser},
			NodeListen:        PortNodes,
			Data:              "liberdus-data/archiver",
			ACMEHTTPListen:    PortACME,
			Path:              "/liberdus-peer",
			Key:               "liberdus",
			ConcurrentLimit:   5000,
			ExpireTimeout:     Millis(5 * time.Second),
			AliveTimeout:      Millis(time.Minute),
			CleanupOutMsgs:    Millis(time.Second),
			LimitExempt:       loopback(),
			TrustedProxy:      []string{},
			AllowOrigin:       []string{},
			SocketsPerAddress: 512,
			ConnectRate:       20,
			MessageRate:       50,
			ReserveID:         Millis(10 * time.Second),
		},
		Consensor: Consensor{
			Ledger:      LedgerEmbedded,
			Data:        "liberdus-data/consensor",
			UDPExternal: []string{}, TCPExternal: []string{}, Interface: []string{},

			LimitExempt: loopback(), TrustedProxy: []string{},
			MaxSessions: 4096, MaxSessionsPerPeer: 8, MaxSessionsPerAddress: 256, MaxHandshakes: 128,
			RequestsInFlight: 64, RequestsPerSecond: 2000, TotalRequestsPerSec: 20_000, RequestMemory: 64,
			MaxSubscriptionsPerSession: 1024, MaxSubscriptions: 65_536, MaxWatchedAccounts: 16_384, MaxPolls: 1024,
		},
		Client: Client{
			Timeout:  20 * time.Second,
			Dialect:  DialectAuto,
			Sessions: 3,
		},
		Gateway: defaultGateway(),
	}
}

// Validate reports every bad setting.
func (a Archiver) Validate() error {
	var c checks
	if len(a.Listen) == 0 {
		c.add("listen", errors.New("is empty: an archiver needs an address"))
	}
	for _, addr := range a.Listen {
		c.add("listen", listenAddr(addr))
	}
	if a.NodeListen != "" {
		c.add("node-listen", listenAddr(a.NodeListen))
	}
	if a.Data == "" {
		c.add("data", errors.New("is empty: the archiver's key must be kept somewhere"))
	}
	if a.PublicURL != "" {
		c.add("public-url", publicURL(a.PublicURL))
	}
	a.validateTLS(&c)
	if a.NetworkID != "" {
		c.add("network-id", hex64(a.NetworkID))
	}
	for _, key := range a.AllowNode {
		c.add("allow-node", hex64(key))
	}
	if a.NodesFrom != "" {
		c.add("nodes-from", pinnedURL(a.NodesFrom))
	}
	a.validatePeerJS(&c)
	a.validateLimits(&c)
	validateOperate(&c, a.Ops, a.LogLevel)
	return c.err()
}

// Validate reports every bad setting.
func (n Consensor) Validate() error {
	var c checks
	if len(n.Archiver) == 0 {
		c.add("archiver", errors.New("none given: a consensor needs at least one, such as http://127.0.0.1:6080"))
	}
	c.add("listen", listenAddr(n.ListenAddr()))
	n.validateLedger(&c)
	if n.External != "" {
		host, _, err := net.SplitHostPort(n.External)
		if err == nil && host == "" {
			err = fmt.Errorf("%q names no host", n.External)
		}
		c.add("external", errors.Join(err, portOf(n.External)))
	}
	n.validatePorts(&c)
	if n.Data == "" {
		c.add("data", errors.New("is empty: the ledger must be kept somewhere"))
	}
	if n.NetworkID != "" {
		c.add("network-id", hex64(n.NetworkID))
	}
	n.validateLimits(&c)
	validateOperate(&c, n.Ops, n.LogLevel)
	return c.err()
}

func (n Consensor) validatePorts(c *checks) {
	if n.UDPListen != "" {
		c.add("udp-listen", listenAddr(n.UDPListen))
	}
	if n.TCPListen != "" {
		c.add("tcp-listen", listenAddr(n.TCPListen))
	}
	for _, text := range n.UDPExternal {
		c.add("udp-external", externalAddr(text))
	}
	for _, text := range n.TCPExternal {
		c.add("tcp-external", externalAddr(text))
	}
	if len(n.TCPExternal) > 0 && n.TCPListen == "" {
		c.add("tcp-external", errors.New("needs --tcp-listen: there is no TCP port otherwise"))
	}
	if n.Family != "" && n.Family != "4" && n.Family != "6" {
		c.add("family", fmt.Errorf("%q: it is 4 or 6", n.Family))
	}
}

// Validate reports every bad setting.
func (cl Client) Validate() error {
	var c checks
	if cl.Timeout < 100*time.Millisecond { // the TOML integer 5 decodes as 5ns
		c.add("timeout", fmt.Errorf(`%v is under 100ms (write "5s", with its unit)`, cl.Timeout))
	}
	if !slices.Contains(Dialects, cl.Dialect) {
		c.add("dialect", fmt.Errorf("%q is none of %s", cl.Dialect, strings.Join(Dialects, ", ")))
	}
	if cl.Quorum < 0 {
		c.add("quorum", fmt.Errorf("%d is under 0", cl.Quorum))
	}
	if cl.Sessions < 1 || cl.Sessions > MaxSessions {
		c.add("sessions", fmt.Errorf("%d is not 1 to %d", cl.Sessions, MaxSessions))
	}
	return c.err()
}

// checks collects the mistakes of one table.
type checks []error

func (c *checks) add(flag string, err error) {
	if err != nil {
		*c = append(*c, fmt.Errorf("--%s: %w", flag, err))
	}
}

func (c checks) err() error { return errors.Join(c...) }

func listenAddr(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:6080 or :6080", addr)
	}
	return portOf(addr)
}

func externalAddr(text string) error {
	ap, err := netip.ParseAddrPort(text)
	addr := ap.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(text); err != nil {
			return fmt.Errorf("%q is neither an IP address nor IP:PORT", text)
		}
	}
	if addr.IsUnspecified() || addr.Zone() != "" {
		return fmt.Errorf("%q is not an address that others can reach", text)
	}
	return nil
}

func portOf(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil // said already
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: the port is not a number from 0 to 65535", addr)
	}
	return nil
}

func publicURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not a URL such as https://archiver.example.org", text)
	}
	if strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("%q: a path is not supported; the archiver must be at the root of its host", text)
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16); err != nil || u.User != nil {
		return fmt.Errorf("%q: the port is over 65535, or there is a user name", text)
	}
	return nil
}

// pinnedURL checks URL#KEY.
func pinnedURL(text string) error {
	at, key, pinned := strings.Cut(text, "#")
	if !pinned {
		return fmt.Errorf("%q has no key: give URL#PUBLICKEY, since whoever is on the way could name nodes otherwise", text)
	}
	return errors.Join(publicURL(at), hex64(strings.ToLower(key)))
}

func hex64(s string) error {
	if len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" {
		return nil
	}
	return fmt.Errorf("%q is not 64 lower-case hex digits", s)
}
