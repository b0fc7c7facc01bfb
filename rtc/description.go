package rtc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pion/webrtc/v3"
)

// remoteCandidate applies a candidate, or keeps it until the description that
// pion wants first. One that cannot be used is the peer's loss, not an error.
func (c *conn) remoteCandidate(cand candidate) error {
	if c.seen++; c.seen > maxCandidates {
		return nil
	}
	if !c.described {
		c.early = append(c.early, cand)
		return nil
	}
	if cand.Candidate == "" { // end of candidates
		return nil
	}
	err := c.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: cand.Candidate, SDPMid: cand.SDPMid, SDPMLineIndex: cand.SDPMLineIndex})
	if err != nil {
		c.log.Debug("candidate ignored", "err", err)
	}
	return nil
}

// setRemote applies a description and the candidates that waited for it.
func (c *conn) setRemote(kind webrtc.SDPType, sdp string, candidates int) error {
	if c.seen += candidates; c.seen > 2*maxCandidates { // renegotiation may bring some again
		return fmt.Errorf("%w: too many candidates", errDescription)
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: sdp}); err != nil {
		return fmt.Errorf("%w: %w", errDescription, err)
	}
	c.described = true
	early := c.early
	c.early = nil
	for _, cand := range early {
		c.seen-- // it was counted when it came
		if err := c.remoteCandidate(cand); err != nil {
			return err
		}
	}
	return nil
}

// localDescription sets desc and returns it with the candidates found within
// GatherWait: host candidates in the description spare the peer a second,
// which it would otherwise wait for a better pair than the one it can see.
func (c *conn) localDescription(desc webrtc.SessionDescription, deadline <-chan time.Time) (string, error) {
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(desc); err != nil {
		return "", fmt.Errorf("local description: %w", err)
	}
	wait := time.NewTimer(c.p.cfg.GatherWait)
	defer wait.Stop()
	select {
	case <-gathered:
	case <-wait.C:
	case <-deadline:
		return "", ErrTimeout
	case <-c.ctx.Done():
		return "", context.Cause(c.ctx)
	}
	c.inlined = withMaxMessage(c.pc.LocalDescription().SDP, c.p.cfg.MaxMessage)
	return c.inlined, nil
}

// sendCandidate trickles a candidate of ours that the description did not
// carry. PeerJS loses one that comes before the answer: run takes candidates
// from their queue only after the description is out.
func (c *conn) sendCandidate(cand *webrtc.ICECandidate) {
	if cand == nil || strings.Contains(c.inlined, cand.ToJSON().Candidate) {
		return
	}
	err := c.p.send(c.ctx, c.key, signal{
		dialect: c.key.dialect, connID: c.key.id, kind: kindCandidate,
		candidate: candidate{Candidate: cand.ToJSON().Candidate, SDPMid: new("0"), SDPMLineIndex: new(uint16(0))},
	})
	if err != nil {
		c.log.Debug("candidate not sent", "err", err)
	}
}
