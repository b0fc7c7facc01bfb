package roles

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/liberdus/liberdus/rtc"
)

// fit leaves the ledger the files that it needs, where few may be open: g, which
// nobody uses yet, lets fewer in, and over TCP there may be as many as it returns.
func (n *Consensor) fit(g *gate) (tcp int, err error) {
	if n.cfg.TCPListen != "" {
		tcp = rtc.DefaultTCPLimits().Conns
	}
	if files, known := maxFiles(); known {
		err = fitNode(files, g, &tcp, n.log)
	}
	return tcp, err
}

// tcpLimits are those of data channels, of so many connections in all. No address
// has more than a quarter.
func tcpLimits(conns int) rtc.TCPLimits {
	l := rtc.DefaultTCPLimits()
	l.Conns, l.PerAddress = conns, min(l.PerAddress, max(1, conns/4))
	return l
}

// openPorts binds the ports of the data channels, over TCP of so many connections.
func (n *Consensor) openPorts(tcp int) (*rtc.Ports, error) {
	cfg := rtc.PortsConfig{
		UDP: n.cfg.UDPListen, UDPExternal: n.cfg.UDPExternal,
		TCP: n.cfg.TCPListen, TCPExternal: n.cfg.TCPExternal, TCPLimits: tcpLimits(tcp),
		Interfaces: n.cfg.Interface, Family: n.cfg.Family,
	}
	if cfg.UDP == "" {
		cfg.UDP = n.udpDefault()
	}
	if len(cfg.UDPExternal) == 0 {
		cfg.UDPExternal = n.externalDefault()
	}
	ports, err := rtc.OpenPorts(cfg, n.log)
	if err == nil {
		if err = n.checkExternal(ports); err != nil {
			ports.Close()
		}
	}
	if errors.Is(err, rtc.ErrNoAddress) {
		return nil, &UsageError{Err: err}
	}
	if err != nil && n.cfg.UDPListen == "" && n.cfg.Listen != cfg.UDP {
		return nil, errors.Join(err, errors.New("--udp-listen gives the UDP port another address than --listen"))
	}
	return ports, err
}

// checkExternal refuses external addresses of a family that nothing listens in.
// That of --external may be right all the same: for the HTTP server alone.
func (n *Consensor) checkExternal(ports *rtc.Ports) error {
	err := ports.CheckExternal()
	if err != nil && len(n.cfg.UDPExternal)+len(n.cfg.TCPExternal) == 0 {
		n.log.Warn("clients are not told the address of --external for data channels, but those of this machine: nothing listens in its family",
			"external", n.cfg.External, "udpAddr", ports.UDPAddr(), "family", n.cfg.Family,
			"remedy", "give --udp-external the address at which clients reach the UDP port, or have --listen or --udp-listen listen in that family, too")
		return nil
	}
	return err
}

// udpDefault is the address of the HTTP server: its host as it was given, for
// it may name one family, and its number. Where the system chose that, it
// chooses this one too: the same number need not be free.
func (n *Consensor) udpDefault() string {
	host, port, err := net.SplitHostPort(n.cfg.Listen)
	if err != nil || port == "0" {
		return net.JoinHostPort(host, "0")
	}
	_, bound := hostPort(n.http)
	return net.JoinHostPort(host, strconv.Itoa(bound))
}

// externalDefault takes the address of --external for data channels too, if it
// is an IP and the node listens beyond this machine.
func (n *Consensor) externalDefault() []string {
	bound, _ := hostPort(n.http)
	ip, err := netip.ParseAddr(n.host)
	if n.cfg.External == "" || err != nil || isLoopback(bound) {
		return nil
	}
	if n.cfg.UDPListen != "" {
		return []string{ip.String()} // whose port is as it is inside
	}
	return []string{netip.AddrPortFrom(ip, uint16(n.port)).String()}
}

// places are the attributes that say where the node is reached, before others.
func (n *Consensor) places(others ...any) []any {
	attrs := []any{"addr", n.Addr(), "udpAddr", n.ports.UDPAddr()}
	if tcp := n.ports.TCPAddr(); tcp != "" {
		attrs = append(attrs, "tcpAddr", tcp)
	}
	return append(attrs, others...)
}

// runSessions keeps the ports and their sessions until ctx ends, then lets the
// sessions finish.
func (n *Consensor) runSessions(ctx context.Context) error {
	portsCtx, closePorts := context.WithCancel(context.WithoutCancel(ctx))
	var (
		wg  sync.WaitGroup
		err error
	)
	wg.Go(func() { err = n.ports.Run(portsCtx) })
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime-time.Second)
	defer cancel()
	n.peer.Shutdown(stop)
	closePorts()
	wg.Wait()
	return err
}
