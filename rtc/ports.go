package rtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// socketBuffer is what we ask the kernel for, in each direction: a burst for
	// thousands of sessions must wait somewhere.
	socketBuffer = 4 << 20
	// socketBufferLow is under what we complain.
	socketBufferLow = 1 << 20
	// addressCheck is how often the machine's addresses are looked at again.
	addressCheck = 5 * time.Second
	// dropReport is how often dropped packets are reported at most.
	dropReport = time.Minute
	// maxAddresses is how many addresses are told to a peer; each costs every
	// session memory and checks.
	maxAddresses = 8
)

// PortsConfig says where accepted sessions come in.
type PortsConfig struct {
	// UDP is the host:port for all sessions. Port 0 lets the system choose. An
	// empty or unspecified host is every address of this machine except
	// loopback, unless there is no other.
	UDP string
	// TCP is the host:port for sessions of peers whose network blocks UDP
	// (RFC 6544). Empty: none.
	TCP string
	// UDPExternal and TCPExternal are the addresses under which peers reach
	// those ports, where a NAT stands in front: an IP, or IP:PORT where the port
	// is another outside. They replace the addresses of their family. Without
	// TCPExternal, UDPExternal's addresses hold for TCP too.
	UDPExternal, TCPExternal []string
	// Interfaces are the names of the network interfaces to use; none is all.
	Interfaces []string
	// Family is "4" or "6" to use that family of addresses alone.
	Family string

	TCPLimits TCPLimits
}

// Ports are the UDP port, and if there is one the TCP port, on which a [Peer]
// accepts sessions. Use [OpenPorts], then [Ports.Run] for as long as the Peer
// lives, or [Ports.Close].
type Ports struct {
	// Fixed after OpenPorts.
	cfg        PortsConfig
	log        *slog.Logger
	interfaces *interfaces
	udpHost    string
	udpPort    uint16
	external   []netip.AddrPort // of UDP; port 0 is the one inside
	tcp        *tcpPort         // nil: none
	drops      drops
	pool       *sync.Pool
	added      chan struct{} // gets a token when there are sockets to read

	said map[Lost]uint64 // drops that were reported; owned by Run

	mu         sync.RWMutex
	sockets    []*udpSocket
	advertised []advert
	closed     bool
	warned     map[string]bool // by what was said once
}

// An advert is an address that peers are told, and the socket behind it.
type advert struct {
	addr netip.AddrPort
	sock *udpSocket
}

// drops counts packets that reached no session.
type drops struct {
	strangers  atomic.Uint64 // belong to no session
	overflow   atomic.Uint64 // came faster than a session read
	sendFull   atomic.Uint64 // found the send buffer full
	sendErrors atomic.Uint64 // were refused by the network
	readErrors atomic.Uint64
	tcpRefused atomic.Uint64 // TCP connections over a limit
}

// A Lost says why a packet, or a TCP connection, reached no session.
type Lost string

// The closed set of them.
const (
	LostStranger  Lost = "no_session"  // of none that there is
	LostOverflow  Lost = "overflow"    // came faster than its session read
	LostSendFull  Lost = "send_full"   // found the send buffer full
	LostSendError Lost = "send_error"  // was refused by the network
	LostReadError Lost = "read_error"  // could not be read
	LostTCP       Lost = "tcp_refused" // a TCP connection over a limit
)

// Drops returns what was lost so far, by reason.
func (p *Ports) Drops() map[Lost]uint64 {
	d := &p.drops
	return map[Lost]uint64{
		LostStranger: d.strangers.Load(), LostOverflow: d.overflow.Load(), LostSendFull: d.sendFull.Load(),
		LostSendError: d.sendErrors.Load(), LostReadError: d.readErrors.Load(), LostTCP: d.tcpRefused.Load(),
	}
}

// ErrNoAddress says that the settings of ports leave no address to use.
var ErrNoAddress = errors.New("nowhere to listen")

// OpenPorts binds the ports. It starts nothing.
func OpenPorts(cfg PortsConfig, log *slog.Logger) (*Ports, error) {
	p := &Ports{cfg: cfg, log: log.With("part", "ports"), interfaces: newInterfaces(), pool: newDatagramPool(), added: make(chan struct{}, 1), warned: make(map[string]bool)}
	host, port, err := splitAddr(cfg.UDP)
	if err != nil {
		return nil, fmt.Errorf("rtc: UDP address: %w", err)
	}
	p.udpHost = host
	if p.external, err = parseExternal(cfg.UDPExternal); err != nil {
		return nil, fmt.Errorf("rtc: %w", err)
	}
	if err := p.bindAll(port); err != nil {
		p.Close()
		return nil, err
	}
	if cfg.TCP != "" {
		if p.tcp, err = openTCP(p); err != nil {
			p.Close()
			return nil, err
		}
	}
	p.reportBuffers()
	return p, nil
}

func splitAddr(text string) (host string, port uint16, err error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	return host, uint16(n), err
}

// parseExternal reads addresses with or without a port.
func parseExternal(texts []string) ([]netip.AddrPort, error) {
	var list []netip.AddrPort
	for _, text := range texts {
		ap, err := netip.ParseAddrPort(text)
		if err != nil {
			a, aerr := netip.ParseAddr(text)
			if aerr != nil {
				return nil, fmt.Errorf("external address %q is neither an IP nor IP:PORT", text)
			}
			ap = netip.AddrPortFrom(a, 0)
		}
		list = append(list, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
	}
	return list, nil
}

// bindAll binds every local address to one port; 0 chooses one that is free on
// all of them.
func (p *Ports) bindAll(port uint16) error {
	addrs, err := p.locals(p.udpHost)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		p.udpPort = port
		err = nil
		for _, a := range addrs {
			if err = p.bind(a); err != nil {
				break
			}
		}
		if err == nil {
			p.advertise(addrs)
			return nil
		}
		if port != 0 || try == 20 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		for _, s := range p.sockets { // a port that is free on one address may be taken on another
			s.close()
		}
		p.sockets = nil
	}
}

// bind adds a socket on a.
func (p *Ports) bind(a netip.Addr) error {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, p.udpPort)))
	if err != nil {
		hint := ""
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = " (is another process using the port?)"
		}
		return fmt.Errorf("listen on UDP %s: %w%s", netip.AddrPortFrom(a, p.udpPort), errors.Unwrap(err), hint)
	}
	// What the kernel does not grant is reported by reportBuffers.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	s, err := newUDPSocket(conn, &p.drops, p.pool)
	if err != nil {
		conn.Close()
		return fmt.Errorf("listen on UDP %s: %w", a, err)
	}
	if p.udpPort == 0 {
		p.udpPort = conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	}
	p.sockets = append(p.sockets, s)
	return nil
}

// reportBuffers says once if the kernel gave much less than was asked for.
func (p *Ports) reportBuffers() {
	for _, s := range p.sockets {
		receive, send, err := bufferSizes(s.conn)
		if err == nil && min(receive, send) < socketBufferLow {
			p.log.Warn("the kernel allows small UDP buffers only: a busy node will lose packets; remedy: sysctl -w net.core.rmem_max=8388608 net.core.wmem_max=8388608",
				"receiveBytes", receive, "sendBytes", send)
			return
		}
	}
}

// UDPAddr returns the UDP address as it was given, with the port really bound.
func (p *Ports) UDPAddr() string { return joinAddr(p.udpHost, p.udpPort) }

// TCPAddr returns the address of the TCP port, or "".
func (p *Ports) TCPAddr() string {
	if p.tcp == nil {
		return ""
	}
	return p.tcp.listener.Addr().String()
}

// Advertised returns the addresses of the UDP port that peers are told.
func (p *Ports) Advertised() []netip.AddrPort {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var list []netip.AddrPort
	for _, a := range p.advertised {
		list = append(list, a.addr)
	}
	return list
}

func joinAddr(host string, port uint16) string {
	if host == "" {
		host = "::"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Run serves the ports until ctx ends, then closes them. When it returns
// nothing of them is running.
func (p *Ports) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer p.Close()
	running := make(map[*udpSocket]bool)
	check := time.NewTicker(addressCheck)
	defer check.Stop()
	report := time.NewTicker(dropReport)
	defer report.Stop()
	if p.tcp != nil {
		wg.Go(func() { p.tcp.accept(ctx) })
	}
	for {
		p.mu.RLock()
		for _, s := range p.sockets {
			if !running[s] {
				running[s] = true
				wg.Go(func() { s.read(ctx) })
			}
		}
		p.mu.RUnlock()
		select {
		case <-ctx.Done():
			return nil
		case <-p.added:
		case <-check.C:
			p.refresh()
		case <-report.C:
			p.reportDrops()
		}
	}
}

// refresh follows the machine's addresses where the port is on all of them. A
// session whose address went has lost its path; one on another lives on.
func (p *Ports) refresh() {
	if !unspecified(p.udpHost) {
		return
	}
	addrs, err := p.locals(p.udpHost)
	if err != nil {
		p.warnOnce("addresses", "the machine's addresses could not be read", "err", err)
		return
	}
	p.mu.Lock()
	var gone []*udpSocket
	p.sockets = slices.DeleteFunc(p.sockets, func(s *udpSocket) bool {
		if slices.Contains(addrs, s.local) {
			return false
		}
		gone = append(gone, s)
		return true
	})
	added := 0
	for _, a := range addrs {
		if p.closed || slices.ContainsFunc(p.sockets, func(s *udpSocket) bool { return s.local == a }) {
			continue
		}
		if err := p.bind(a); err != nil {
			p.warnOnceLocked(a.String(), "an address of this machine is not served", "err", err)
			continue
		}
		added++
	}
	p.advertise(addrs)
	p.mu.Unlock()
	for _, s := range gone {
		s.close()
	}
	if added > 0 {
		select {
		case p.added <- struct{}{}:
		default:
		}
	}
	if added+len(gone) > 0 {
		p.log.Info("addresses changed", "udp", p.Advertised())
	}
}

func (p *Ports) warnOnce(key, msg string, attrs ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.warnOnceLocked(key, msg, attrs...)
}

func (p *Ports) warnOnceLocked(key, msg string, attrs ...any) {
	if !p.warned[key] {
		p.warned[key] = true
		p.log.Warn(msg, attrs...)
	}
}

// reportDrops says what was lost since the last report.
func (p *Ports) reportDrops() {
	now := p.Drops()
	since := func(why Lost) uint64 { return now[why] - p.said[why] }
	defer func() { p.said = now }()
	overflow, full, reads := since(LostOverflow), since(LostSendFull), since(LostReadError)
	if n := since(LostSendError); n > 0 {
		p.log.Info("packets could not be sent: a network or a peer's address is gone", "packets", n)
	}
	if n := since(LostTCP); n > 0 {
		p.log.Warn("TCP connections were refused: too many", "connections", n)
	}
	if n := since(LostStranger); n > 0 {
		p.log.Debug("packets of no session were dropped", "packets", n)
	}
	if overflow+full+reads > 0 {
		p.log.Warn("packets were lost", "sendBufferFull", full, "sessionTooSlow", overflow, "readErrors", reads)
	}
}

// Close closes the ports and with them every session on them.
func (p *Ports) Close() {
	p.mu.Lock()
	p.closed = true
	sockets := p.sockets
	p.sockets, p.advertised = nil, nil
	p.mu.Unlock()
	for _, s := range sockets {
		s.close()
	}
	if p.tcp != nil {
		p.tcp.close()
	}
}
