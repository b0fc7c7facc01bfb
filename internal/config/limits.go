package config

import (
	"slices"

	"github.com/liberdus/liberdus/internal/clientip"
)

// validateLimits checks what one address, and one connection, may do.
func (a Archiver) validateLimits(c *checks) {
	if _, err := a.Exempt(); err != nil {
		c.add("limit-exempt", err)
	}
	if _, err := a.Proxies(); err != nil {
		c.add("trusted-proxy", err)
	}
}

// Exempt returns LimitExempt as networks. Behind trusted proxies the default is
// nobody: a proxy on this machine that names no client would be spared.
func (a Archiver) Exempt() (clientip.Networks, error) {
	if len(a.TrustedProxy) > 0 && slices.Equal(a.LimitExempt, loopback()) {
		return clientip.Networks{}, nil
	}
	return clientip.Parse(a.LimitExempt)
}

// Proxies returns TrustedProxy as networks.
func (a Archiver) Proxies() (clientip.Networks, error) { return clientip.Parse(a.TrustedProxy) }

func loopback() []string { return []string{"127.0.0.0/8", "::1/128"} }
