package config

import (
	"fmt"

	"github.com/liberdus/liberdus/internal/clientip"
)

// validateLimits checks what clients may do.
func (n Consensor) validateLimits(c *checks) {
	if _, err := n.Exempt(); err != nil {
		c.add("limit-exempt", err)
	}
	if _, err := n.Proxies(); err != nil {
		c.add("trusted-proxy", err)
	}
	for _, l := range []struct {
		flag string
		v    int
	}{
		{"max-sessions", n.MaxSessions},
		{"max-sessions-per-peer", n.MaxSessionsPerPeer},
		{"max-sessions-per-address", n.MaxSessionsPerAddress},
		{"max-handshakes", n.MaxHandshakes},
		{"requests-in-flight", n.RequestsInFlight},
		{"requests-per-second", n.RequestsPerSecond},
		{"total-requests-per-second", n.TotalRequestsPerSec},
		{"request-memory", n.RequestMemory},
		{"max-subscriptions-per-session", n.MaxSubscriptionsPerSession},
		{"max-subscriptions", n.MaxSubscriptions},
		{"max-watched-accounts", n.MaxWatchedAccounts},
		{"max-polls", n.MaxPolls},
	} {
		if l.v < 1 {
			c.add(l.flag, fmt.Errorf("%d is under 1", l.v))
		}
	}
}

// Exempt returns LimitExempt as networks, which behind trusted proxies is nobody
// by default, as with an archiver.
func (n Consensor) Exempt() (clientip.Networks, error) {
	return exempt(n.LimitExempt, len(n.TrustedProxy) > 0)
}

// Proxies returns the networks of trusted proxies.
func (n Consensor) Proxies() (clientip.Networks, error) { return clientip.Parse(n.TrustedProxy) }
