package rtc

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tcpBuffer bounds what the kernel holds of one connection, each way.
	tcpBuffer = 128 << 10
	// maxUnsent is how many packets wait for a TCP peer; more are dropped.
	maxUnsent = 128
	// frameHeader is the length before each packet (RFC 4571).
	frameHeader = 2
	// firstFrame is the largest first packet: a STUN request is under 200 bytes.
	firstFrame = 512
)

// A tcpLink is one TCP connection of a peer.
type tcpLink struct {
	// Fixed after newTCPLink.
	port    *tcpPort
	conn    *net.TCPConn
	network netip.Prefix // that the limit per address counts
	remote  net.Addr
	out     chan []byte   // frames; the writer is its only reader
	ended   chan struct{} // closed when the reader has ended

	proven atomic.Bool // it has shown the agent's password
	agent  *tcpConn    // guarded by port.mu until serve has set it
}

func newTCPLink(t *tcpPort, conn *net.TCPConn, from netip.Addr) *tcpLink {
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	network, err := from.WithZone("").Prefix(bits)
	if err != nil {
		network = netip.PrefixFrom(from, from.BitLen())
	}
	return &tcpLink{
		port: t, conn: conn, network: network,
		remote: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, conn.RemoteAddr().(*net.TCPAddr).AddrPort().Port())),
		ended:  make(chan struct{}),
	}
}

// serve reads the connection to its end. When it returns nothing of it is left.
func (l *tcpLink) serve() {
	defer l.port.forget(l)
	defer l.conn.Close()
	// A kernel that grants less or more changes nothing here.
	_ = l.conn.SetReadBuffer(tcpBuffer)
	_ = l.conn.SetWriteBuffer(tcpBuffer)
	deadline := time.Now().Add(l.port.limits.FirstCheck)
	if l.conn.SetReadDeadline(deadline) != nil {
		return
	}
	in := bufio.NewReaderSize(l.conn, datagramSize)
	buf := make([]byte, firstFrame)
	n, err := readFrame(in, buf)
	if err != nil {
		l.port.ports.drops.strangers.Add(1)
		return
	}
	ufrag, named := localUfrag(buf[:n])
	if !named {
		l.port.ports.drops.strangers.Add(1)
		return
	}
	l.out = make(chan []byte, maxUnsent) // before the agent can see it
	agent := l.port.assign(l, string(ufrag))
	if agent == nil {
		l.port.ports.drops.strangers.Add(1)
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(l.ended)
	defer l.conn.Close()
	wg.Go(l.write)
	l.read(in, agent, buf[:n], deadline)
}

// read hands packets to the agent until the connection ends, falls silent, or
// has not proven itself in time.
func (l *tcpLink) read(in *bufio.Reader, agent *tcpConn, first []byte, deadline time.Time) {
	packet := first
	buf := make([]byte, maxDatagram)
	for {
		if agent.count.takes() && !agent.in.push(packet, l.remote) {
			l.port.ports.drops.overflow.Add(1)
		}
		if l.proven.Load() {
			deadline = time.Now().Add(l.port.limits.Idle)
		}
		if l.conn.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := readFrame(in, buf)
		if err != nil {
			return
		}
		packet = buf[:n]
	}
}

// readFrame reads one packet into buf. One that does not fit is an error: no
// peer of ours sends it, and the stream is of no use behind it.
func readFrame(in io.Reader, buf []byte) (int, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(head[:]))
	if n > len(buf) {
		return 0, io.ErrShortBuffer
	}
	return io.ReadFull(in, buf[:n])
}

// enqueue copies b for the writer, or reports that too much waits already.
func (l *tcpLink) enqueue(b []byte) bool {
	if len(l.out) == cap(l.out) {
		return false
	}
	frame := make([]byte, frameHeader+len(b))
	binary.BigEndian.PutUint16(frame, uint16(len(b)))
	copy(frame[frameHeader:], b)
	select {
	case l.out <- frame:
		return true
	default:
		return false
	}
}

// write sends what is queued until the connection ends. A peer that takes
// nothing for as long as it may be silent has gone.
func (l *tcpLink) write() {
	defer l.conn.Close() // ends the reader
	w := bufio.NewWriterSize(l.conn, 4<<10)
	for {
		select {
		case frame := <-l.out:
			if l.conn.SetWriteDeadline(time.Now().Add(l.port.limits.Idle)) != nil {
				return
			}
			if _, err := w.Write(frame); err != nil {
				return
			}
			if len(l.out) == 0 && w.Flush() != nil {
				return
			}
		case <-l.ended:
			return
		}
	}
}
