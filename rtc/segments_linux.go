package rtc

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// From linux/udp.h: the size of the datagrams that the kernel is to make of what
// it is given (Linux 4.18).
const (
	udpLevel   = syscall.IPPROTO_UDP
	udpSegment = 103
)

// A segmenter is whether the kernel makes datagrams of a run for a socket.
type segmenter struct{ refused atomic.Bool }

func newSegmenter(raw syscall.RawConn) *segmenter {
	g := new(segmenter)
	err := raw.Control(func(fd uintptr) {
		if _, err := syscall.GetsockoptInt(int(fd), udpLevel, udpSegment); err != nil {
			g.refused.Store(true)
		}
	})
	if err != nil {
		g.refused.Store(true)
	}
	return g
}

// sendSegments sends a run of datagrams of so many bytes each in one call. After
// an error nothing was sent.
func (sn sender) sendSegments(data []byte, size int, dst netip.AddrPort) error {
	if sn.segments.refused.Load() {
		return syscall.ENOPROTOOPT
	}
	err := sn.transmit(data, size, dst)
	if isRefused(err) {
		sn.segments.refused.Store(true)
	}
	return err
}

// isRefused says whether the kernel cannot do it at all: an interface on the way
// does not make checksums.
func isRefused(err error) bool { return unwrapErrno(err) == syscall.EIO }

// appendSegmentSize appends the control message that asks for it.
func appendSegmentSize(oob []byte, size int) []byte {
	const header, space = syscall.SizeofCmsghdr, syscall.SizeofCmsghdr + wordSize
	oob = append(oob, make([]byte, space)...)
	msg := oob[len(oob)-space:]
	if wordSize == 8 {
		binary.NativeEndian.PutUint64(msg, header+2)
	} else {
		binary.NativeEndian.PutUint32(msg, header+2)
	}
	binary.NativeEndian.PutUint32(msg[wordSize:], udpLevel)
	binary.NativeEndian.PutUint32(msg[wordSize+4:], udpSegment)
	binary.NativeEndian.PutUint16(msg[header:], uint16(size))
	return oob
}

// wordSize is that of a length in a control message.
const wordSize = syscall.SizeofCmsghdr - 8
