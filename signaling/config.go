package signaling

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Config holds what a [Server] can be told. The zero value is not usable:
// start from [DefaultConfig].
type Config struct {
	Path            string // prefix of every URL; "liberdus-peer", "/liberdus-peer/" and "/liberdus-peer" mean the same
	Key             string // what clients must give as key; a name, not a secret
	ConcurrentLimit int    // registered ids at most; 0 admits nobody
	AllowDiscovery  bool   // whether GET {path}/{key}/peers lists the ids

	CORS []string // origins whose pages may read HTTP answers; empty or with "*" = any. The WebSocket is not concerned

	ExpireTimeout   time.Duration // how long messages wait for an absent peer, from the first on
	CleanupInterval time.Duration // how often expired queues are looked for
	AliveTimeout    time.Duration // silence after which a socket is closed
	PingInterval    time.Duration // how often a socket is pinged that says nothing by itself; the others seldom
	PongTimeout     time.Duration // silence after which a proven or marked socket is closed
	ReadTimeout     time.Duration // one message must arrive within this, give or take a PingInterval
	WriteTimeout    time.Duration // one frame must be written within this
	SlowTimeout     time.Duration // a socket that is sent too much must make room within this
	CloseTimeout    time.Duration // how long a peer may take to answer a close frame

	MaxMessage       int // bytes of one message from a peer; above, close code 1009
	QueueMessages    int // messages waiting for one absent peer, and senders remembered for it
	QueueBytes       int // bytes waiting for one absent peer
	QueueTotalBytes  int // bytes waiting for all absent peers
	MaxQueues        int // absent peers for which messages wait
	OutboundMessages int // messages waiting to be written to one socket
	OutboundBytes    int // bytes waiting to be written to one socket
	OutboundTotal    int // bytes waiting to be written to all sockets; above, those that wait for most of it are ended
	InboundTotal     int // bytes of messages being read from all sockets; the same
	MaxPending       int // sockets that hold no id: in the handshake, refused or closing
	MaxUsedTokens    int // tokens of key ids remembered until they expire; above, those that expire first are no more accepted

	SenderQueues   int // absent peers for which one sender may be the first to leave something
	SenderMessages int // of one sender that wait for absent peers
	SenderBytes    int // of one sender that wait for absent peers

	// What one connection may say: messages other than HEARTBEAT, those over
	// 16 KiB counting for several; ten times that for a marked node. See
	// docs/protocol.md for what happens above.
	MessageRate, MessageBurst int // a second, and at once

	// What one address may do; an IPv6 /64 counts as one address.
	ConnectRate, ConnectBurst int // sockets a second, and at once
	CallRate, CallBurst       int // requests for an id or the peers
	SocketsPerAddress         int // open ones
	PendingPerAddress         int // open ones that have never held an id
	MaxAddresses              int // remembered without a socket

	ReserveID time.Duration // an id from GET {path}/{key}/id is kept for the address that asked; 0 = not at all
	IDGrace   time.Duration // an id whose connection was lost is kept for its token; 0 = not at all
	MaxHeld   int           // ids kept in each of these ways

	// AllowOrigin are the origins whose pages may open a WebSocket, such as
	// "https://wallet.example.org"; empty or with "*" = any. Programs that are
	// no browser send no origin and are always admitted.
	AllowOrigin []string

	// LimitExempt are spared all limits of a connection and of an address.
	LimitExempt []netip.Prefix

	// Crowds are addresses that speak for many, such as trusted proxies: what a
	// client sends that is known by such an address alone is not held against it.
	Crowds []netip.Prefix

	// ClientAddr tells the address that a request came from. Nil means that of
	// the connection; set it where a trusted proxy stands in front.
	ClientAddr func(*http.Request) netip.Addr

	// Directions tells who asked for a path that is not there which ones are; nil:
	// the paths alone. It is to repeat nothing of the request that it has not checked.
	Directions func(*http.Request) string
	GenerateID func() string // makes the answer of GET {path}/{key}/id; nil = random UUID
}

// DefaultPath and DefaultKey are where a liberdus archiver answers.
const (
	DefaultPath = "/liberdus-peer"
	DefaultKey  = "liberdus"
)

// DefaultConfig returns the settings of a liberdus archiver. Timeouts are
// those of the peerjs command where it has the same one.
func DefaultConfig() Config {
	return Config{
		Path:             DefaultPath,
		Key:              DefaultKey,
		ConcurrentLimit:  5000,
		ExpireTimeout:    5 * time.Second,
		CleanupInterval:  time.Second,
		AliveTimeout:     time.Minute,
		PingInterval:     5 * time.Second,
		PongTimeout:      10 * time.Second,
		ReadTimeout:      15 * time.Second,
		WriteTimeout:     10 * time.Second,
		SlowTimeout:      2 * time.Second,
		CloseTimeout:     2 * time.Second,
		MaxMessage:       256 << 10,
		QueueMessages:    64,
		QueueBytes:       256 << 10,
		QueueTotalBytes:  16 << 20,
		MaxQueues:        10_000,
		OutboundMessages: 256,
		OutboundBytes:    1 << 20,
		OutboundTotal:    64 << 20,
		InboundTotal:     64 << 20,
		MaxPending:       2048,
		MaxUsedTokens:    262_144, // 120 s of 2,000 sockets a second, and 60 s of 4,000

		SenderQueues:   256,
		SenderMessages: 512,
		SenderBytes:    1 << 20,
		MessageRate:    50,
		MessageBurst:   200,

		ConnectRate:       20,
		ConnectBurst:      200,
		CallRate:          20,
		CallBurst:         200,
		SocketsPerAddress: 512,
		PendingPerAddress: 128,
		MaxAddresses:      16_384,
		ReserveID:         10 * time.Second,
		MaxHeld:           16_384,
		LimitExempt:       []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	}
}

const (
	minDuration = 10 * time.Millisecond // a TOML integer 5 decodes as 5 ns
	minMessage  = 128
	maxRate     = 1_000_000 // a second
	envelope    = 1024      // bytes at most that the server adds to a message: type, src, dst
)

// Validate reports every bad setting, not only the first.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if p := normalizePath(c.Path); strings.ContainsAny(p, "?#% ") || strings.Contains(p, "//") || hasControl(p) || hasDots(p) {
		bad("path: %q cannot be the start of a URL path", c.Path)
	}
	if c.Key == "" || strings.ContainsAny(c.Key, "/?#%&+ ") || hasControl(c.Key) || hasDots(c.Key) {
		bad("key: %q cannot be a segment of a URL path", c.Key)
	}
	if c.ConcurrentLimit < 0 {
		bad("concurrent limit: %d is negative", c.ConcurrentLimit)
	}
	for name, d := range map[string]time.Duration{
		"expire timeout": c.ExpireTimeout, "cleanup interval": c.CleanupInterval, "alive timeout": c.AliveTimeout,
		"ping interval": c.PingInterval, "pong timeout": c.PongTimeout, "read timeout": c.ReadTimeout, "write timeout": c.WriteTimeout, "slow timeout": c.SlowTimeout, "close timeout": c.CloseTimeout,
	} {
		if d < minDuration {
			bad("%s: %v is under %v", name, d, minDuration)
		}
	}
	if c.PongTimeout <= c.PingInterval {
		bad("pong timeout: %v is not above the ping interval, %v", c.PongTimeout, c.PingInterval)
	}
	for name, n := range map[string]int{
		"queue messages": c.QueueMessages, "queue bytes": c.QueueBytes, "queue total bytes": c.QueueTotalBytes, "max queues": c.MaxQueues,
		"outbound total": c.OutboundTotal, "inbound total": c.InboundTotal, "max pending": c.MaxPending, "max used tokens": c.MaxUsedTokens,
		"sender queues": c.SenderQueues, "sender messages": c.SenderMessages, "sender bytes": c.SenderBytes,
		"message rate": c.MessageRate, "message burst": c.MessageBurst, "connect rate": c.ConnectRate, "connect burst": c.ConnectBurst,
		"call rate": c.CallRate, "call burst": c.CallBurst, "sockets per address": c.SocketsPerAddress,
		"pending per address": c.PendingPerAddress, "max addresses": c.MaxAddresses, "max held": c.MaxHeld,
	} {
		if n < 1 {
			bad("%s: %d is under 1", name, n)
		}
	}
	for name, n := range map[string]int{"message rate": c.MessageRate, "connect rate": c.ConnectRate, "call rate": c.CallRate} {
		if n > maxRate {
			bad("%s: %d is over %d", name, n, maxRate)
		}
	}
	for name, d := range map[string]time.Duration{"reserve id": c.ReserveID, "id grace": c.IDGrace} {
		if d != 0 && d < minDuration {
			bad("%s: %v is neither 0 nor %v and more", name, d, minDuration)
		}
	}
	for _, origin := range c.AllowOrigin {
		if !validOrigin(origin) {
			bad("allow origin: %q is not an origin such as https://wallet.example.org", origin)
		}
	}
	if c.MaxMessage < minMessage {
		bad("max message: %d is under %d", c.MaxMessage, minMessage)
	}
	// OPEN and a whole queue must fit, or registering would be an overflow.
	if c.OutboundMessages <= c.QueueMessages {
		bad("outbound messages: %d is not above queue messages, %d", c.OutboundMessages, c.QueueMessages)
	}
	if need := max(c.QueueBytes, c.MaxMessage) + envelope; c.OutboundBytes < need {
		bad("outbound bytes: %d is under %d, which a queue or a message may need", c.OutboundBytes, need)
	}
	return errors.Join(errs...)
}

// hasDots reports whether a segment of path is "." or "..": clients resolve those,
// so that nobody would get there.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// Base returns Path with one leading slash and none at the end; the root is the
// empty string.
func (c Config) Base() string { return normalizePath(c.Path) }

// normalizePath returns p with one leading slash and none at the end; the root
// is the empty string.
func normalizePath(p string) string {
	p = strings.Trim(p, "/")
	if p == "" {
		return ""
	}
	return "/" + p
}
