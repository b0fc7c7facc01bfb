package rtc

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/webrtc/v3"
)

const (
	closeTime  = 10 * time.Second       // how long pion may take to close; it takes milliseconds
	settleTime = 100 * time.Millisecond // how long ICE is given to connect before it is closed
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
// then, it misses the half that is being made, or dereferences nil.
func (c *conn) settleICE() {
	if !c.described {
		return // nothing was started
	}
	over := time.NewTimer(settleTime)
	defer over.Stop()
	poll := time.NewTicker(settlePoll)
	defer poll.Stop()
	for c.pc.SCTP().Transport().State() == webrtc.DTLSTransportStateNew && c.pc.ICEConnectionState() != webrtc.ICEConnectionStateFailed {
		select {
		case <-poll.C:
		case <-over.C:
			return
		}
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
