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
	PingInterval    time.Duration // how often every socket is pinged
	PongTimeout     time.Duration // silence after which a proven or marked socket is closed
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
	MaxPending       int // sockets that hold no id: in the handshake, refused or closing
	MaxUsedTokens    int // tokens of key ids remembered until they expire

	// ClientAddr tells the address that a request came from. Nil means that of
	// the connection; set it where a trusted proxy stands in front.
	ClientAddr func(*http.Request) netip.Addr

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
		MaxPending:       2048,
		MaxUsedTokens:    65_536,
	}
}

const (
	minDuration = 10 * time.Millisecond // a TOML integer 5 decodes as 5 ns
	minMessage  = 128
	envelope    = 1024 // bytes at most that the server adds to a message: type, src, dst
)

// Validate reports every bad setting, not only the first.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if p := normalizePath(c.Path); strings.ContainsAny(p, "?#% ") || strings.Contains(p, "//") || hasControl(p) {
		bad("path: %q cannot be the start of a URL path", c.Path)
	}
	if c.Key == "" || strings.ContainsAny(c.Key, "/?#%&+ ") || hasControl(c.Key) {
		bad("key: %q cannot be a segment of a URL path", c.Key)
	}
	if c.ConcurrentLimit < 0 {
		bad("concurrent limit: %d is negative", c.ConcurrentLimit)
	}
	for name, d := range map[string]time.Duration{
		"expire timeout": c.ExpireTimeout, "cleanup interval": c.CleanupInterval, "alive timeout": c.AliveTimeout,
		"ping interval": c.PingInterval, "pong timeout": c.PongTimeout, "write timeout": c.WriteTimeout, "slow timeout": c.SlowTimeout, "close timeout": c.CloseTimeout,
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
		"max pending": c.MaxPending, "max used tokens": c.MaxUsedTokens,
	} {
		if n < 1 {
			bad("%s: %d is under 1", name, n)
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
