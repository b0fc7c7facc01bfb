package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// hostName is a DNS name with a dot in it, as RFC 1123 has them.
var hostName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,62}$`)

// validateTLS checks the settings of TLS.
func (a Archiver) validateTLS(c *checks) {
	if (a.TLSCert == "") != (a.TLSKey == "") {
		c.add("tls-cert", errors.New("and --tls-key go together: give the PEM files of both"))
	}
	if len(a.ACME) == 0 {
		if a.ACMECA != "" || a.ACMECARoot != "" {
			c.add("acme-ca", errors.New("and --acme-ca-root do nothing without --acme HOST"))
		}
		return
	}
	if a.TLSCert != "" {
		c.add("acme", errors.New("cannot be given together with --tls-cert: a certificate comes from files or from ACME"))
	}
	for _, host := range a.ACME {
		c.add("acme", acmeHost(host))
	}
	if a.ACMECA != "" {
		c.add("acme-ca", acmeCA(a.ACMECA))
	}
	if a.ACMEHTTPListen != "" {
		c.add("acme-http-listen", listenAddr(a.ACMEHTTPListen))
	}
}

func acmeHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil && !strings.Contains(host, "%") {
		return nil
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return fmt.Errorf("%q is neither a host name such as archiver.example.org nor an address such as 203.0.113.7 (no scheme, port or wildcard)", host)
	}
	return nil
}

func acmeCA(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%q is not the https URL of an ACME directory", text)
	}
	return nil
}

// ACMEAddr returns the address of the listener for HTTP-01 challenges, empty
// for none.
func (a Archiver) ACMEAddr() string {
	if len(a.ACME) == 0 || a.ACMEHTTPListen == "" {
		return ""
	}
	return a.at(a.ACMEHTTPListen)
}
