package rtc

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v3"
)

const (
	closeTime  = 10 * time.Second       // how long pion may take to close; it takes milliseconds
	settleTime = 100 * time.Millisecond // how long ICE is given for the packets it has, before it is closed
	settlePoll = 2 * time.Millisecond
)

// closePion closes the pion connection. Should it hang, what hangs is logged
// and stays in [Stats], and neither holds a place nor keeps the Peer from closing.
func (c *conn) closePion() {
	closed := make(chan error, 1)
	go func() { // waited for below
		defer c.p.counts.pcs.Add(-1)
		c.settleICE()
		closed <- closeSafely(c.pc)
	}()
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case err := <-closed:
		if err != nil {
			c.log.Debug("close", "err", err)
		}
	case <-late.C:
		c.log.Error("a connection does not close", "after", closeTime, "dials", c.dials)
	}
}

// settleICE keeps a close out of the moment in which ICE connects: pion v3.3.6
// looks at what it has to close without its lock, and if the agent connects just
// then, it misses the half that is being made, or dereferences nil. So an agent
// that is not connected gets no more packets, and with them goes what could
// connect it; one that is, is given the time to be done with it.
func (c *conn) settleICE() {
	dtls := c.pc.SCTP().Transport()
	if !c.described || dtls.State() != webrtc.DTLSTransportStateNew {
		return // nothing was started, or it is past the moment
	}
	c.count.deaf.Store(true)
	over := time.Now().Add(settleTime)
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for dtls.State() == webrtc.DTLSTransportStateNew {
		switch c.pc.ICEConnectionState() {
		case webrtc.ICEConnectionStateFailed, webrtc.ICEConnectionStateClosed:
			return
		case webrtc.ICEConnectionStateConnected, webrtc.ICEConnectionStateCompleted: // pion begins DTLS next
			if time.Now().After(over.Add(closeTime / 2)) {
				return
			}
		default:
			if time.Now().After(over) {
				return
			}
		}
		<-poll.C
	}
}

// closeSafely closes pc. If pion panics, for the reason that settleICE gives,
// what it has missed is there by now and is closed.
func closeSafely(pc *webrtc.PeerConnection) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(fmt.Errorf("pion panicked: %v", p), pc.SCTP().Transport().ICETransport().Stop())
		}
	}()
	return pc.GracefulClose()
}
