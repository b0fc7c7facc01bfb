package main

import (
	"encoding/json"
	"fmt"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/signaling"
)

// A sessionSignal is the payload of an OFFER, ANSWER or CANDIDATE as
// simple-peerjs writes it.
type sessionSignal struct {
	ID     string `json:"id"`
	Signal struct {
		Type      string                   `json:"type"`
		SDP       string                   `json:"sdp,omitempty"`
		Candidate *webrtc.ICECandidateInit `json:"candidate,omitempty"`
	} `json:"signal"`
}

func readSignal(m signaling.Message) (sessionSignal, error) {
	var s sessionSignal
	if err := json.Unmarshal(m.Payload, &s); err != nil {
		return s, fmt.Errorf("payload of %s: %w", m.Type, err)
	}
	return s, nil
}

// describe makes the message that carries a description.
func describe(dst, id string, d webrtc.SessionDescription) (signaling.Message, error) {
	s := sessionSignal{ID: id}
	s.Signal.Type, s.Signal.SDP = d.Type.String(), d.SDP
	kind := signaling.TypeOffer
	if d.Type == webrtc.SDPTypeAnswer {
		kind = signaling.TypeAnswer
	}
	return sessionMessage(kind, dst, s)
}

// trickle makes the message that carries a candidate.
func trickle(dst, id string, c *webrtc.ICECandidate) (signaling.Message, error) {
	s := sessionSignal{ID: id}
	s.Signal.Type, s.Signal.Candidate = "candidate", new(c.ToJSON())
	return sessionMessage(signaling.TypeCandidate, dst, s)
}

func sessionMessage(kind, dst string, s sessionSignal) (signaling.Message, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return signaling.Message{}, fmt.Errorf("payload: %w", err)
	}
	return signaling.Message{Type: kind, Dst: dst, Payload: raw}, nil
}

// A sessionRequest and a sessionReply are what goes over the channel.
type sessionRequest struct {
	ID     string          `json:"id"`
	URL    string          `json:"url"`
	Method string          `json:"method"`
	Body   json.RawMessage `json:"body,omitempty"`
}

type sessionReply struct {
	ID     string          `json:"id"`
	Type   string          `json:"type"`
	Method string          `json:"method"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
	Sender string          `json:"sender"`
}
