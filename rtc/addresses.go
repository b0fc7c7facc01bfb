package rtc

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// locals returns the addresses of this machine that host stands for.
func (p *Ports) locals(host string) ([]netip.Addr, error) {
	addrs, err := p.expand(host)
	if err != nil {
		return nil, err
	}
	shortFirst(addrs)
	if len(addrs) > maxAddresses {
		p.warnOnce("many", "only some of this machine's addresses are used; --interface chooses which", "addresses", len(addrs), "used", maxAddresses)
		addrs = addrs[:maxAddresses]
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%w: no address of this machine fits %q, interfaces %q and family %q (see --interface and --family)", ErrNoAddress, host, p.cfg.Interfaces, p.cfg.Family)
	}
	return addrs, nil
}

func (p *Ports) expand(host string) ([]netip.Addr, error) {
	if unspecified(host) {
		return p.everywhere(host)
	}
	a, err := netip.ParseAddr(host)
	if err == nil {
		a = a.Unmap()
		if a == netip.IPv6Loopback() && p.cfg.Family == "" {
			// Clients gather no ::1 to reach it from.
			return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), a}, nil
		}
		return p.chosen(a)
	}
	found, err := net.LookupIP(host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, ip := range found {
		if a, ok := netip.AddrFromSlice(ip); ok && p.inFamily(a.Unmap()) && !slices.Contains(addrs, a.Unmap()) {
			addrs = append(addrs, a.Unmap())
		}
	}
	shortFirst(addrs)
	return addrs[:min(len(addrs), 1)], nil // as net.Listen does
}

// chosen returns a if it is in the family and on the interfaces that were chosen.
func (p *Ports) chosen(a netip.Addr) ([]netip.Addr, error) {
	if !p.inFamily(a) {
		return nil, nil
	}
	if len(p.cfg.Interfaces) == 0 {
		return []netip.Addr{a}, nil
	}
	return p.interfaces.addresses(true, func(name string, on netip.Addr) bool {
		return on == a.WithZone("") && slices.Contains(p.cfg.Interfaces, name)
	})
}

// CheckExternal refuses external addresses behind which there is no socket.
func (p *Ports) CheckExternal() error {
	for _, e := range p.external {
		if p.behind(e.Addr()) == nil {
			return fmt.Errorf("rtc: %w: no address that is listened on is of the family of the external address %s (see --udp-external and --udp-listen)", ErrNoAddress, e.Addr())
		}
	}
	if p.tcp == nil || len(p.cfg.TCPExternal) == 0 {
		return nil // those of UDP hold for TCP where they can
	}
	told := p.tcp.advertised()
	for _, e := range p.tcp.external {
		if !slices.Contains(told, withPort(e, p.tcp.port)) {
			return fmt.Errorf("rtc: %w: no address that is listened on is of the family of the external TCP address %s (see --tcp-external and --tcp-listen)", ErrNoAddress, e.Addr())
		}
	}
	return nil
}

// shortFirst puts IPv4 before IPv6.
func shortFirst(addrs []netip.Addr) {
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) })
}

// everywhere returns the addresses at which others may reach this machine, or,
// where there is none, loopback.
func (p *Ports) everywhere(host string) ([]netip.Addr, error) {
	wanted := func(name string, a netip.Addr) bool {
		return p.inFamily(a) && (host != "0.0.0.0" || a.Is4()) &&
			(len(p.cfg.Interfaces) == 0 || slices.Contains(p.cfg.Interfaces, name))
	}
	addrs, err := p.interfaces.addresses(slices.Contains(p.cfg.Interfaces, "lo"), wanted)
	if err == nil && len(addrs) == 0 {
		addrs, err = p.interfaces.addresses(true, wanted)
	}
	return addrs, err
}

func (p *Ports) inFamily(a netip.Addr) bool {
	return p.cfg.Family == "" || p.cfg.Family == "4" && a.Is4() || p.cfg.Family == "6" && a.Is6()
}

func unspecified(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}

// advertise works out what peers are told, for the sockets on addrs. The caller
// holds p.mu, or is alone.
func (p *Ports) advertise(addrs []netip.Addr) {
	p.advertised = nil
	for _, s := range p.sockets {
		if !slices.ContainsFunc(p.external, func(e netip.AddrPort) bool { return sameFamily(e.Addr(), s.local) }) {
			p.advertised = append(p.advertised, advert{netip.AddrPortFrom(s.local, p.udpPort), s})
		}
	}
	for _, e := range p.external {
		s := p.behind(e.Addr())
		if s != nil && !slices.ContainsFunc(p.advertised, func(a advert) bool { return a.sock == s }) {
			port := cmp.Or(e.Port(), p.udpPort)
			p.advertised = append(p.advertised, advert{netip.AddrPortFrom(e.Addr(), port), s})
		}
	}
}

// behind returns the socket that gets what is sent to an external address: the
// one on that very address, or that of the address from which this machine
// reaches others, which is where a NAT forwards to.
func (p *Ports) behind(external netip.Addr) *udpSocket {
	route := routeAddr(external)
	var fallback *udpSocket
	for _, s := range p.sockets {
		switch {
		case s.local == external:
			return s
		case s.local == route:
			fallback = s
		case fallback == nil && sameFamily(s.local, external):
			fallback = s
		}
	}
	return fallback
}

// routeAddr returns the address from which this machine sends to a. No packet
// is sent to find it.
func routeAddr(a netip.Addr) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

func sameFamily(a, b netip.Addr) bool { return a.Is4() == b.Is4() }
