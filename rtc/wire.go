package rtc

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/liberdus/liberdus/signaling"
)

// A Dialect is the shape in which two peers put descriptions and candidates
// into the payload of OFFER, ANSWER and CANDIDATE.
type Dialect string

// The two dialects in use. Neither of their own clients understands the other,
// and no peer id tells which its holder speaks.
const (
	DialectSimplePeer Dialect = "simple-peer" // simple-peerjs: {id, signal}
	DialectPeerJS     Dialect = "peerjs"      // peerjs: {sdp | candidate, type, connectionId}
	DialectAuto       Dialect = "auto"        // of a [Target]: the first of the two that is answered
)

const (
	maxConnectionID = 256       // bytes
	maxSDP          = 32 << 10  // bytes; a data-only description is under 2 KiB
	maxCandidate    = 1 << 10   // bytes
	maxIdentity     = 4 << 10   // bytes
	maxCaps         = 16        // entries
	labelLimit      = 128       // bytes of a channel label we repeat in logs
	payloadLimit    = 128 << 10 // bytes of a payload that is looked at
)

// signalKind says what a payload carries.
type signalKind int

const (
	kindOffer signalKind = iota
	kindAnswer
	kindCandidate
)

// candidate is an RTCIceCandidateInit. Absent members stay nil.
type candidate struct {
	Candidate     string  `json:"candidate"`
	SDPMid        *string `json:"sdpMid,omitempty"`
	SDPMLineIndex *uint16 `json:"sdpMLineIndex,omitempty"`
}

// signal is a payload of either dialect, decoded.
type signal struct {
	dialect   Dialect
	connID    string
	kind      signalKind
	sdp       string // of an offer or an answer
	candidate candidate
	identity  json.RawMessage // of an answer; nil if there is none
	caps      []string

	// PeerJS offers only.
	serialization string
	legacyJSON    bool // sent by PeerJS 1.4.7 or older, which wants JSON in text frames
}

var errNotForUs = errors.New("not a data connection payload")

// description is {type, sdp} as both dialects write it.
type description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// payload is the union of the two dialects' members. Which of them are there
// tells the dialect: the message's type does not.
type payload struct {
	// simple-peerjs
	ID     string          `json:"id,omitempty"`
	Signal json.RawMessage `json:"signal,omitempty"`

	// PeerJS
	SDP           json.RawMessage `json:"sdp,omitempty"`
	Candidate     json.RawMessage `json:"candidate,omitempty"`
	Type          string          `json:"type,omitempty"`
	ConnectionID  string          `json:"connectionId,omitempty"`
	Serialization string          `json:"serialization,omitempty"`
	Browser       json.RawMessage `json:"browser,omitempty"`

	// ours, in both
	Caps     []string        `json:"caps,omitempty"`
	Identity json.RawMessage `json:"identity,omitempty"`
}

// decodeSignal reads the payload of an OFFER, ANSWER or CANDIDATE.
func decodeSignal(raw json.RawMessage) (signal, error) {
	if len(raw) > payloadLimit {
		return signal{}, fmt.Errorf("payload of %d bytes is over %d", len(raw), payloadLimit)
	}
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return signal{}, fmt.Errorf("payload: %w", err)
	}
	var (
		s   signal
		err error
	)
	switch {
	case isObject(p.Signal):
		s, err = decodeSimplePeer(p)
	case p.ConnectionID != "" && (p.SDP != nil || p.Candidate != nil):
		s, err = decodePeerJS(p)
	default:
		return signal{}, errNotForUs
	}
	if err != nil {
		return signal{}, err
	}
	return s, s.check(p)
}

func decodeSimplePeer(p payload) (signal, error) {
	s := signal{dialect: DialectSimplePeer, connID: p.ID, serialization: string(serialRaw)}
	var sig struct {
		Type      string          `json:"type"`
		SDP       string          `json:"sdp"`
		Candidate json.RawMessage `json:"candidate"`
	}
	if err := json.Unmarshal(p.Signal, &sig); err != nil {
		return s, fmt.Errorf("signal: %w", err)
	}
	switch {
	case sig.Type == "offer":
		s.kind, s.sdp = kindOffer, sig.SDP
	case sig.Type == "answer":
		s.kind, s.sdp = kindAnswer, sig.SDP
	case isObject(sig.Candidate): // simple-peer 9.7 gives no type
		s.kind = kindCandidate
		return s, decodeCandidate(sig.Candidate, &s.candidate)
	default:
		return s, errNotForUs
	}
	return s, nil
}

func decodePeerJS(p payload) (signal, error) {
	s := signal{dialect: DialectPeerJS, connID: p.ConnectionID}
	if p.Type != "data" {
		return s, fmt.Errorf("connection of type %q: only data connections are answered", clip(p.Type))
	}
	if p.SDP == nil {
		s.kind = kindCandidate
		return s, decodeCandidate(p.Candidate, &s.candidate)
	}
	var d description
	if err := json.Unmarshal(p.SDP, &d); err != nil {
		return s, fmt.Errorf("sdp: %w", err)
	}
	s.sdp = d.SDP
	switch d.Type {
	case "offer":
		s.kind = kindOffer
		s.serialization = p.Serialization
		s.legacyJSON = p.Browser != nil
	case "answer":
		s.kind = kindAnswer
	default:
		return s, fmt.Errorf("description of type %q", clip(d.Type))
	}
	return s, nil
}

func decodeCandidate(raw json.RawMessage, c *candidate) error {
	if err := json.Unmarshal(raw, c); err != nil {
		return fmt.Errorf("candidate: %w", err)
	}
	if len(c.Candidate) > maxCandidate {
		return fmt.Errorf("candidate of %d bytes is over %d", len(c.Candidate), maxCandidate)
	}
	return nil
}

// check holds s against the limits and takes over the members that both
// dialects share.
func (s *signal) check(p payload) error {
	switch {
	case s.connID == "" || len(s.connID) > maxConnectionID:
		return fmt.Errorf("connection id of %d bytes: 1 to %d are allowed", len(s.connID), maxConnectionID)
	case len(s.sdp) > maxSDP:
		return fmt.Errorf("sdp of %d bytes is over %d", len(s.sdp), maxSDP)
	case len(p.Identity) > maxIdentity:
		return fmt.Errorf("identity of %d bytes is over %d", len(p.Identity), maxIdentity)
	case len(p.Caps) > maxCaps:
		return fmt.Errorf("%d capabilities are over %d", len(p.Caps), maxCaps)
	}
	s.caps = p.Caps
	if isObject(p.Identity) {
		s.identity = p.Identity
	}
	return nil
}

// encode returns the PeerJS message that carries s to dst.
func (s signal) encode(dst string) (signaling.Message, error) {
	m := signaling.Message{Dst: dst}
	switch s.kind {
	case kindOffer:
		m.Type = signaling.TypeOffer
	case kindAnswer:
		m.Type = signaling.TypeAnswer
	default:
		m.Type = signaling.TypeCandidate
	}
	body := s.peerJSPayload
	if s.dialect == DialectSimplePeer {
		body = s.simplePeerPayload
	}
	raw, err := json.Marshal(body())
	if err != nil {
		return m, fmt.Errorf("encode %s: %w", m.Type, err)
	}
	m.Payload = raw
	return m, nil
}

func (s signal) simplePeerPayload() map[string]any {
	p := map[string]any{"id": s.connID}
	if s.kind == kindCandidate {
		p["signal"] = map[string]any{"type": "candidate", "candidate": s.candidate}
		return p
	}
	p["signal"] = description{Type: s.descriptionType(), SDP: s.sdp}
	s.addOurs(p)
	return p
}

func (s signal) peerJSPayload() map[string]any {
	p := map[string]any{"type": "data", "connectionId": s.connID}
	if s.kind == kindCandidate {
		p["candidate"] = s.candidate
		return p
	}
	p["sdp"] = description{Type: s.descriptionType(), SDP: s.sdp}
	if s.kind == kindOffer { // PeerJS fails on an offer that names no serialisation
		p["label"], p["reliable"], p["serialization"] = s.connID, true, s.serialization
	}
	s.addOurs(p)
	return p
}

func (s signal) addOurs(p map[string]any) {
	p["caps"] = append([]string{}, s.caps...) // [] rather than null
	if s.identity != nil {
		p["identity"] = s.identity
	}
}

func (s signal) descriptionType() string {
	if s.kind == kindOffer {
		return "offer"
	}
	return "answer"
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// clip shortens a stranger's text for a log line or an error.
func clip(s string) string {
	if len(s) > labelLimit {
		return s[:labelLimit] + "…"
	}
	return s
}
