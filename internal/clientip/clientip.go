// Package clientip tells which address a request came from: that of the
// connection or, where trusted proxies stand in front, the one they report in
// X-Forwarded-For.
//
// Every proxy appends the address it was called from, so the header is read
// from its right end, and only as far as those who wrote it are trusted:
//
//	X-Forwarded-For: what the client made up, client, inner proxy
//	                                          ^ the first that is not trusted
//
// Invariant: without a trusted proxy at the other end of the connection the
// header counts for nothing. The header Forwarded (RFC 7239) is not read: a
// proxy that writes the one commonly passes on what the client put in the other.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Networks are addresses that belong together, such as the trusted proxies.
type Networks []netip.Prefix

// Parse reads addresses and networks such as "10.0.0.0/8". An address is a
// network of its own. The result is never nil.
func Parse(texts []string) (Networks, error) {
	list := Networks{}
	for _, text := range texts {
		p, err := parse(text)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func parse(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// Contains reports whether addr belongs to n. An IPv4 address in IPv6 form is
// the IPv4 address.
func (n Networks) Contains(addr netip.Addr) bool {
	addr = plain(addr)
	for _, p := range n {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Direct returns the address at the other end of the connection of r; the zero
// Addr if it has none, as a Unix socket.
func Direct(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return plain(ap.Addr())
	}
	addr, _ := netip.ParseAddr(r.RemoteAddr) // without a port, as in tests
	return plain(addr)
}

// Of returns the address of the client that sent r, with n as the trusted
// proxies.
func (n Networks) Of(r *http.Request) netip.Addr {
	direct := Direct(r)
	if !n.Contains(direct) {
		return direct
	}
	return n.resolve(direct, r.Header.Values("X-Forwarded-For"))
}

// resolve follows the header from its right end to the first address that is
// not trusted. Where an entry is no address, whoever wrote it is the last that
// is known.
func (n Networks) resolve(direct netip.Addr, lines []string) netip.Addr {
	known := direct
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var entry string
			entry, rest, more = lastEntry(rest)
			addr, ok := parseEntry(entry)
			if !ok {
				return known
			}
			if known = addr; !n.Contains(addr) {
				return addr
			}
		}
	}
	return known
}

// lastEntry cuts the last of a comma-separated list off.
func lastEntry(list string) (entry, rest string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return list, "", false
	}
	return list[i+1:], list[:i], true
}

// parseEntry reads 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1] and
// [2001:db8::1]:80.
func parseEntry(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return plain(ap.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, false
	}
	return plain(addr), true
}

// Place returns what addr counts under where an address is limited: itself, or
// the /64 of an IPv6 address, of which one customer has at least one.
func Place(addr netip.Addr) netip.Addr {
	addr = plain(addr)
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
