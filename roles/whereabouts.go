package roles

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/liberdus/liberdus/nodelist"
)

// signallingError says of a signalling server that was not reached what to do,
// where its certificate is to blame: the archiver named that server, and may
// have been asked by an address, without TLS.
func signallingError(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("signalling: %w; %s", err, nodelist.Remedy(err))
	}
	return fmt.Errorf("signalling: %w", err)
}

// lookupTime is how long a name is looked up for a warning.
const lookupTime = 2 * time.Second

// lookWhereListed warns of an address on the list that those who read it cannot
// reach: one of this machine or of a private network, on the list of an archiver
// that is beyond.
func (l *link) lookWhereListed(ctx context.Context) {
	listed, err := netip.ParseAddr(l.join.IP)
	if err != nil {
		return // a name, of which clients may know more than this machine does
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	if within(listed, l.archiverAddrs(ctx)) {
		return
	}
	l.log.Warn("the address on the list is not reached from where the archiver is", "ip", l.join.IP,
		"remedy", "give --external the address at which clients reach this machine; behind a NAT that is the outer one, with the ports forwarded")
}

// archiverAddrs are the archiver's addresses, none if they cannot be had.
func (l *link) archiverAddrs(ctx context.Context) []netip.Addr {
	u, err := url.Parse(l.archiver.Archiver().URL)
	if err != nil {
		return nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil
	}
	return addrs
}

// within reports whether listed is reached from where the archiver is, as far as
// the kinds of their addresses tell; true if there are none.
func within(listed netip.Addr, archiver []netip.Addr) bool {
	for _, a := range archiver {
		if reach(listed) >= reach(a) {
			return true
		}
	}
	return len(archiver) == 0
}

// reach says from how far an address is reached: this machine, a private
// network, everywhere.
func reach(a netip.Addr) int {
	switch a = a.Unmap(); {
	case a.IsLoopback(), a.IsUnspecified():
		return 0
	case a.IsPrivate(), a.IsLinkLocalUnicast(), sharedSpace.Contains(a):
		return 1
	}
	return 2
}

// sharedSpace is between providers and their customers (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
