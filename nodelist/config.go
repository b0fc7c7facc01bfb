package nodelist

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/signing"
)

// Config is what a [List] is made from.
type Config struct {
	// Key signs everything the archiver says. Required.
	Key *signing.NodeKey
	// NetworkID is the id of the network, 64 lower-case hex digits. Empty means
	// the id kept in StateFile, or else that of the first node to become active.
	NetworkID string
	// AllowNode holds the public keys that may join; empty means any, unless
	// NodesFrom is set.
	AllowNode []string
	// NodesFrom is another archiver, of any kind, with its key: the active nodes
	// of its signed list may join, beside those of AllowNode. See [List.Follow].
	// The zero value means none. NodesFromFile keeps its list across restarts;
	// empty means memory only. NodesFromHTTP makes the requests; nil means one
	// over [http.DefaultTransport].
	NodesFrom     Archiver
	NodesFromFile string
	NodesFromHTTP *http.Client
	// StateFile keeps the epoch and the network's id across restarts. Empty
	// means memory only.
	StateFile string
	// RTC is what /rtc tells.
	RTC RTC
	// IP and Port are the archiver's own address as /archivers and /nodeInfo
	// tell it, Version its version.
	IP      string
	Port    int
	Version string
	// PerAddress is how many listed nodes may have joined from one address (an
	// IPv6 /64 counts as one), Total how many there may be in all. Zero means 8
	// and 2,000.
	PerAddress int
	Total      int
	// LimitExempt holds the addresses PerAddress does not apply to. Nil means
	// loopback; empty but not nil means none.
	LimitExempt []netip.Prefix
	// ClientAddr tells the address a request came from. Nil means the address
	// of the connection; set it where a trusted proxy stands in front.
	ClientAddr func(*http.Request) netip.Addr
	// Refused is told whose join was refused, and why; nil: nobody is. Many
	// goroutines call it, at once.
	Refused func(from netip.Addr, why Refusal)
}

const (
	defaultPerAddress = 8
	defaultTotal      = 2000
	maxTotal          = 10_000 // whose list clients still read
)

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.PerAddress == 0 {
		c.PerAddress = defaultPerAddress
	}
	if c.Total == 0 {
		c.Total = defaultTotal
	}
	if c.LimitExempt == nil {
		c.LimitExempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	if c.ClientAddr == nil {
		c.ClientAddr = clientip.Direct
	}
	if c.RTC.ICEServers == nil {
		c.RTC.ICEServers = []ICEServer{}
	}
	return c
}

// Validate reports every bad setting, not only the first.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Key == nil {
		bad("key: none given")
	}
	if c.NetworkID != "" && !IsKey(c.NetworkID) {
		bad("network id: %q is not 64 lower-case hex digits", c.NetworkID)
	}
	for _, key := range c.AllowNode {
		if !IsKey(key) {
			bad("allow node: %q is not 64 lower-case hex digits", key)
		}
	}
	if c.NodesFrom.URL != "" && !IsKey(c.NodesFrom.Key) {
		bad("nodes from %s: its key is needed, as URL#PUBLICKEY: whose list would it be otherwise?", c.NodesFrom.URL)
	}
	if c.PerAddress < 0 || c.Total < 0 || c.Total > maxTotal {
		bad("limits: %d nodes an address and %d in all: neither may be negative, nor the latter over %d",
			c.PerAddress, c.Total, maxTotal)
	}
	if err := c.RTC.validate(); err != nil {
		bad("rtc: %w", err)
	}
	if c.IP != "" && !validHost(c.IP) {
		bad("ip: %q is not an address or a host name", c.IP)
	}
	return errors.Join(errs...)
}

// validate reports what of r could not be connected to.
func (r RTC) validate() error {
	switch {
	case r.Host != "" && !validHost(r.Host):
		return fmt.Errorf("host %q is not an address or a host name", r.Host)
	case !validPort(r.Port):
		return fmt.Errorf("port %d is not from 1 to 65535", r.Port)
	case !strings.HasPrefix(r.Path, "/") || len(r.Path) > 256:
		return fmt.Errorf("path %.40q does not begin with a slash, or is longer than 256 bytes", r.Path)
	case r.Key == "" || len(r.Key) > 128:
		return errors.New("key is empty, or longer than 128 bytes")
	case len(r.ICEServers) > 32:
		return errors.New("more than 32 ice servers")
	}
	return nil
}
