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

// Exempt returns LimitExempt as networks.
func (n Consensor) Exempt() (clientip.Networks, error) { return clientip.Parse(n.LimitExempt) }
