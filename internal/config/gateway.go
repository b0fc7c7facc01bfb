package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A Gateway is the table [gateway]: where a client serves a node's API over HTTP.
// Which network it asks, and how, is in the table [client].
type Gateway struct {
	Listen      string   `toml:"listen"`
	TLSCert     string   `toml:"tls_cert"` // empty: plain HTTP
	TLSKey      string   `toml:"tls_key"`
	AllowHost   []string `toml:"allow_host"`   // beside addresses and localhost; empty: any, but on loopback none
	AllowOrigin []string `toml:"allow_origin"` // empty: any
	LimitExempt []string `toml:"limit_exempt"`
	// TrustedProxy are those whose X-Forwarded-For is believed.
	TrustedProxy []string `toml:"trusted_proxy"`
	Requests     int      `toml:"requests"`  // in hand at once, without polls
	MaxPolls     int      `toml:"max_polls"` // long polls that are held at once

	Ops      string `toml:"ops"`       // address of the operator's port; empty: none
	LogLevel string `toml:"log_level"` // empty: info
}

// PortGateway is the default port of a gateway.
const PortGateway = ":8080"

func defaultGateway() Gateway {
	return Gateway{
		Listen: "127.0.0.1" + PortGateway, AllowHost: []string{}, AllowOrigin: []string{}, LimitExempt: loopback(), TrustedProxy: []string{},
		Requests: 512, MaxPolls: 1024,
	}
}

// Validate reports every bad setting.
func (g Gateway) Validate() error {
	var c checks
	c.add("listen", listenAddr(g.Listen))
	if (g.TLSCert == "") != (g.TLSKey == "") {
		c.add("tls-cert", errors.New("and --tls-key go together: give the PEM files of both"))
	}
	for _, host := range g.AllowHost {
		if host == "" || strings.ContainsAny(host, ":/[]* ") {
			c.add("allow-host", fmt.Errorf("%q is not a host name such as wallet-gateway.example.org (no scheme, port or wildcard)", host))
		}
	}
	for _, text := range g.AllowOrigin {
		if _, err := Origin(text); err != nil {
			c.add("allow-origin", err)
		}
	}
	if _, err := g.Exempt(); err != nil {
		c.add("limit-exempt", err)
	}
	if _, err := g.Proxies(); err != nil {
		c.add("trusted-proxy", err)
	}
	if g.Requests < 1 {
		c.add("requests", fmt.Errorf("%d is under 1", g.Requests))
	}
	if g.MaxPolls < 1 {
		c.add("max-polls", fmt.Errorf("%d is under 1", g.MaxPolls))
	}
	validateOperate(&c, g.Ops, g.LogLevel)
	return c.err()
}

// AllowedOrigins returns AllowOrigin as browsers send origins.
func (g Gateway) AllowedOrigins() []string { return origins(g.AllowOrigin) }

// Exempt returns LimitExempt as networks, which behind trusted proxies is nobody
// by default, as with an archiver.
func (g Gateway) Exempt() (clientip.Networks, error) {
	return exempt(g.LimitExempt, len(g.TrustedProxy) > 0)
}

// Proxies returns the networks of trusted proxies.
func (g Gateway) Proxies() (clientip.Networks, error) { return clientip.Parse(g.TrustedProxy) }
