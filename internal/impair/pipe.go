package impair

import (
	"io"
	"net"
)

// A pipe is one connection through a line.
type pipe struct {
	near, far *net.TCPConn  // fixed; the client's side, the server's
	stall     *Stall        // fixed; nil: none
	severed   chan struct{} // fixed; closed by Sever
}

// copy takes what src sends to dst, its end included, until the pipe is
// severed; what comes after is read, so that src can go on sending, and dropped.
func (p *pipe) copy(dst, src *net.TCPConn, d Direction) {
	stall := p.stall
	if stall != nil && stall.Direction != d {
		stall = nil
	}
	var passed int64
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		select {
		case <-p.severed:
			if err == nil {
				_, _ = io.Copy(io.Discard, src)
			}
			return
		default:
		}
		b := buf[:n]
		if stall != nil && passed+int64(n) >= stall.After {
			head := stall.After - passed
			if _, err := dst.Write(b[:head]); err != nil {
				return
			}
			close(stall.reached)
			<-stall.lifted
			b, stall = b[head:], nil
		}
		passed += int64(n)
		if _, werr := dst.Write(b); werr != nil || err != nil {
			_ = dst.CloseWrite()
			return
		}
	}
}
