package config

import (
	"fmt"
	"slices"

	"github.com/liberdus/liberdus/internal/clientip"
)

// maxLimit is the highest rate, and number, that a limit may be.
const maxLimit = 1_000_000

// validateLimits checks what one address, and one connection, may do.
func (a Archiver) validateLimits(c *checks) {
	if _, err := a.Exempt(); err != nil {
		c.add("limit-exempt", err)
	}
	if _, err := a.Proxies(); err != nil {
		c.add("trusted-proxy", err)
	}
	for flag, n := range map[string]int{"sockets-per-address": a.SocketsPerAddress, "connect-rate": a.ConnectRate, "message-rate": a.MessageRate} {
		if n < 1 || n > maxLimit {
			c.add(flag, fmt.Errorf("%d is not a number from 1 to %d", n, maxLimit))
		}
	}
	for flag, m := range map[string]Millis{"reserve-id": a.ReserveID, "id-grace": a.IDGrace} {
		if m != 0 && m < minMillis {
			c.add(flag, fmt.Errorf("%v is neither 0 nor %v and more", m, minMillis))
		}
	}
}

// Exempt returns LimitExempt as networks. Behind trusted proxies the default is
// nobody: a proxy on this machine that names no client would be spared.
func (a Archiver) Exempt() (clientip.Networks, error) {
	return exempt(a.LimitExempt, len(a.TrustedProxy) > 0 || a.Proxied)
}

func exempt(set []string, proxied bool) (clientip.Networks, error) {
	if proxied && slices.Equal(set, loopback()) {
		return clientip.Networks{}, nil
	}
	return clientip.Parse(set)
}

// Proxies returns the networks of trusted proxies.
func (a Archiver) Proxies() (clientip.Networks, error) {
	if a.Proxied {
		return clientip.Parse(slices.Concat(a.TrustedProxy, loopback(), private()))
	}
	return clientip.Parse(a.TrustedProxy)
}

// private are the networks that no address of the internet is in (RFC 1918,
// RFC 4193).
func private() []string { return []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} }

func loopback() []string { return []string{"127.0.0.0/8", "::1/128"} }
