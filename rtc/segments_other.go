//go:build unix && !linux

package rtc

import (
	"errors"
	"net/netip"
	"syscall"
)

// A segmenter is whether the kernel makes datagrams of a run: here it does not.
type segmenter struct{}

func newSegmenter(syscall.RawConn) *segmenter { return nil }

func (sn sender) sendSegments([]byte, int, netip.AddrPort) error { return errors.ErrUnsupported }

func appendSegmentSize(oob []byte, _ int) []byte { return oob }
