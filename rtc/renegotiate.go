package rtc

import (
	"errors"
	"fmt"

	"github.com/pion/ice/v2"
	"github.com/pion/webrtc/v3"
)

// renegotiate answers a further offer under the id of a connection, as
// simple-peer sends it. One that cannot be answered changes nothing: the
// connection goes on as it was described first.
func (c *conn) renegotiate(offer signal) {
	remote, err := inspect(offer.sdp)
	if err == nil {
		err = answerable(offer.sdp)
	}
	switch {
	case err != nil:
	case remote.fingerprint != c.remote.fingerprint:
		err = fmt.Errorf("%w: another DTLS fingerprint than before", errDescription)
	case c.seen+remote.candidates > 2*maxCandidates: // it may bring some again
		err = fmt.Errorf("%w: too many candidates", errDescription)
	default:
		err = c.answerOffer(offer.sdp, remote.candidates, nil)
	}
	if err != nil {
		c.log.Debug("renegotiation declined", "err", err)
	}
}

// answerable checks what pion demands of an offer beside what inspect does.
// Pion v3 finds these faults when it has half applied the description, and
// cannot go back.
func answerable(text string) error {
	desc, err := (&webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}).Unmarshal()
	if err != nil {
		return fmt.Errorf("%w: %w", errDescription, err)
	}
	var ufrags, pwds distinct
	ufrags.add(desc.Attribute("ice-ufrag"))
	pwds.add(desc.Attribute("ice-pwd"))
	for _, media := range desc.MediaDescriptions {
		ufrags.add(media.Attribute("ice-ufrag"))
		pwds.add(media.Attribute("ice-pwd"))
		if mid, _ := media.Attribute("mid"); mid == "" {
			return fmt.Errorf("%w: a section without a mid", errDescription)
		}
		for _, a := range media.Attributes {
			if !a.IsICECandidate() {
				continue
			}
			if _, err := ice.UnmarshalCandidate(a.Value); err != nil && !errors.Is(err, ice.ErrUnknownCandidateTyp) && !errors.Is(err, ice.ErrDetermineNetworkType) {
				return fmt.Errorf("%w: candidate: %w", errDescription, err)
			}
		}
	}
	if !ufrags.one() || !pwds.one() {
		return fmt.Errorf("%w: not one ICE user fragment and password", errDescription)
	}
	return nil
}

// distinct are the values of an attribute.
type distinct map[string]bool

func (d *distinct) add(value string, ok bool) {
	if *d == nil {
		*d = make(distinct)
	}
	if ok {
		(*d)[value] = true
	}
}

// one says whether there is exactly one value, and not the empty one.
func (d distinct) one() bool { return len(d) == 1 && !d[""] }
