// Package identity makes and opens the identity in an ANSWER: what a node signs
// to prove that it is the other end of a connection. Comparing what is claimed
// with the connection is the rtc package's.
package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/liberdus/liberdus/internal/signing"
	"github.com/liberdus/liberdus/rtc"
)

// purposeIdentity keeps the signature of an identity from passing for that of
// anything else the same key signs.
const purposeIdentity = "liberdus-identity"

// A Signer makes the identities of a node.
type Signer struct {
	Key       *signing.NodeKey
	NetworkID func() string
}

var _ rtc.Signer = Signer{}

// SignIdentity implements [rtc.Signer].
func (s Signer) SignIdentity(c rtc.Claims) (json.RawMessage, error) {
	o, err := s.Key.Sign(signing.Object{
		"peerId":            s.Key.Public(),
		"connectionId":      c.ConnectionID,
		"networkId":         s.NetworkID(),
		"fingerprint":       c.Fingerprint,
		"remoteFingerprint": c.RemoteFingerprint,
		"timestamp":         time.Now().UnixMilli(),
		"purpose":           purposeIdentity,
	})
	if err != nil {
		return nil, err
	}
	return signing.Canonical(o)
}

// A Verifier opens identities: exactly their members, of their types,
// for their purpose, with a signature that holds.
type Verifier struct{}

var _ rtc.Verifier = Verifier{}

// VerifyIdentity implements [rtc.Verifier].
func (Verifier) VerifyIdentity(identity json.RawMessage) (c rtc.Claims, owner string, err error) {
	o, err := signing.ParseObject(identity)
	if err != nil {
		return c, "", fmt.Errorf("identity: %w", err)
	}
	for _, m := range []struct {
		name string
		to   *string
	}{
		{"peerId", &c.PeerID},
		{"connectionId", &c.ConnectionID},
		{"networkId", &c.NetworkID},
		{"fingerprint", &c.Fingerprint},
		{"remoteFingerprint", &c.RemoteFingerprint},
	} {
		text, ok := o[m.name].(string)
		if !ok {
			return c, "", fmt.Errorf("identity: %s is not a string", m.name)
		}
		*m.to = text
	}
	at, ok := o["timestamp"].(float64)
	switch {
	case !ok || at != float64(int64(at)):
		return c, "", errors.New("identity: timestamp is not a whole number")
	case o["purpose"] != purposeIdentity:
		return c, "", errors.New("identity: signed for another purpose")
	case len(o) != 8: // those above and sign
		return c, "", errors.New("identity: it has members that do not belong there")
	}
	c.Timestamp = int64(at)
	owner, err = signing.Verify(o)
	if err != nil {
		return c, "", fmt.Errorf("identity: %w", err)
	}
	return c, owner, nil
}
