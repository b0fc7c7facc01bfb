package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/signaling"
)

// A rawNode is what an engineer writes with pion and nothing else: it answers
// offers with pion's defaults, trickles its candidates, decodes each request
// in the message callback and answers from a map.
type rawNode struct {
	sig      *signaling.Client
	accounts map[string]json.RawMessage // by id: the whole body of the reply

	mu    sync.Mutex
	conns map[string]*webrtc.PeerConnection // guarded by mu; by peer and connection id
}

// serveRawPion is "bench serve raw-pion URL ID ACCOUNT BODY": it answers
// requests for one account with a body that is given in full, so that all
// sides send the same bytes.
func serveRawPion(ctx context.Context) error {
	if len(os.Args) != 7 {
		return errors.New("serve raw-pion: want the server, the peer id, the account and the body")
	}
	server, id, account, body := os.Args[3], os.Args[4], os.Args[5], json.RawMessage(os.Args[6])
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: server, ID: id}, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("raw pion: %w", err)
	}
	fmt.Printf("{\"peerId\":%q}\n", sig.ID())
	defer sig.Close()
	n := &rawNode{sig: sig, accounts: map[string]json.RawMessage{account: body}, conns: map[string]*webrtc.PeerConnection{}}
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-sig.Messages():
			if !ok {
				return fmt.Errorf("raw pion: signalling: %w", sig.Err())
			}
			if err := n.handle(ctx, m); err != nil {
				return fmt.Errorf("raw pion: %w", err)
			}
		}
	}
}

func (n *rawNode) handle(ctx context.Context, m signaling.Message) error {
	if m.Type != signaling.TypeOffer && m.Type != signaling.TypeCandidate {
		return nil
	}
	s, err := readSignal(m)
	if err != nil {
		return err
	}
	key := m.Src + " " + s.ID
	if m.Type == signaling.TypeOffer {
		return n.answer(ctx, key, m.Src, s)
	}
	n.mu.Lock()
	pc := n.conns[key]
	n.mu.Unlock()
	if pc == nil || s.Signal.Candidate == nil {
		return nil
	}
	return pc.AddICECandidate(*s.Signal.Candidate)
}

func (n *rawNode) answer(ctx context.Context, key, src string, s sessionSignal) error {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.conns[key] = pc
	n.mu.Unlock()
	answered := make(chan struct{}) // candidates must not overtake the answer
	pc.OnICECandidate(func(c *webrtc.ICECandidate) {
		<-answered
		if c == nil {
			return
		}
		if m, err := trickle(src, s.ID, c); err == nil {
			n.sig.Send(ctx, m)
		}
	})
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed {
			n.mu.Lock()
			delete(n.conns, key)
			n.mu.Unlock()
			go pc.Close()
		}
	})
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(msg webrtc.DataChannelMessage) { n.reply(dc, msg.Data) })
		dc.OnClose(func() { go pc.Close() })
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: s.Signal.SDP}); err != nil {
		return err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	if err := pc.SetLocalDescription(answer); err != nil {
		return err
	}
	out, err := describe(src, s.ID, answer)
	if err != nil {
		return err
	}
	defer close(answered)
	return n.sig.Send(ctx, out)
}

func (n *rawNode) reply(dc *webrtc.DataChannel, msg []byte) {
	var r sessionRequest
	if err := json.Unmarshal(msg, &r); err != nil {
		return
	}
	kind, id, _ := strings.Cut(r.URL, "/")
	body, ok := n.accounts[id]
	out := sessionReply{ID: r.ID, Type: kind, Method: r.Method, Status: http.StatusOK, Body: body, Sender: n.sig.ID()}
	if !ok {
		out.Status, out.Body = http.StatusNotFound, json.RawMessage("null")
	}
	text, err := json.Marshal(out)
	if err != nil {
		return
	}
	dc.SendText(string(text))
}
