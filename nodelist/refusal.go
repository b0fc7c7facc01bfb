package nodelist

import (
	"errors"
	"net/netip"
)

// A Refusal says why a node was not listed.
type Refusal string

// The closed set of refusals.
const (
	RefusedForm    Refusal = "form"    // not the request of a node, or not signed by it
	RefusedTime    Refusal = "time"    // its time is off, or not newer than the last
	RefusedNetwork Refusal = "network" // of another network
	RefusedKey     Refusal = "key"     // its key may not be listed
	RefusedPeer    Refusal = "peer"    // the peer id is another's, or not proven
	RefusedAddress Refusal = "address" // as many of its address as there may be
	RefusedFull    Refusal = "full"    // as many as there may be
)

var allRefusals = [...]Refusal{RefusedForm, RefusedTime, RefusedNetwork, RefusedKey, RefusedPeer, RefusedAddress, RefusedFull}

// A refused is a text for the node, and the reason.
type refused struct {
	error
	why Refusal
}

func (e *refused) Unwrap() error { return e.error }

// whyOf is the reason of a join's error: one without is of its form.
func whyOf(err error) Refusal {
	if r, ok := errors.AsType[*refused](err); ok {
		return r.why
	}
	return RefusedForm
}

// refuse counts a join that was refused, and tells of it.
func (l *List) refuse(from netip.Addr, why Refusal) {
	l.counts.refused[why].Add(1)
	if l.cfg.Refused != nil {
		l.cfg.Refused(from, why)
	}
}
