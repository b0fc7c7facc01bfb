package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v3"

	"github.com/liberdus/liberdus/signaling"
)

// perSignaller is how many sessions one signalling id dials: a node allows no
// more than eight of one peer.
const perSignaller = 8

// A dialler is the client of all sides alike: pion with its defaults,
// trickling its candidates, over the signalling of the archiver.
type dialler struct {
	server string // base URL of the PeerJS server
	peer   string // whom to dial

	sigs     []*signaling.Client
	sessions []*dialled
	wg       sync.WaitGroup // readers of sigs

	mu    sync.Mutex
	conns map[string]*dialled // guarded by mu; by connection id
}

// A dialled is one session of the load.
type dialled struct {
	id     string
	pc     *webrtc.PeerConnection
	dc     *webrtc.DataChannel
	open   chan struct{}
	failed chan error                   // holds one
	on     atomic.Pointer[func([]byte)] // what to do with a reply

	mu    sync.Mutex
	early []webrtc.ICECandidateInit // guarded by mu; before the answer
	ready bool                      // guarded by mu; the answer is set
}

func (d *dialler) signaller(ctx context.Context) (*signaling.Client, error) {
	if i := len(d.sessions) / perSignaller; i < len(d.sigs) {
		return d.sigs[i], nil
	}
	sig, err := signaling.Dial(ctx, signaling.ClientConfig{URL: d.server}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	d.sigs = append(d.sigs, sig)
	d.wg.Go(func() {
		for m := range sig.Messages() {
			d.route(m)
		}
	})
	return sig, nil
}

func (d *dialler) route(m signaling.Message) {
	s, err := readSignal(m)
	if err != nil {
		return
	}
	d.mu.Lock()
	c := d.conns[s.ID]
	d.mu.Unlock()
	if c == nil {
		return
	}
	switch m.Type {
	case signaling.TypeAnswer:
		err = c.answered(s.Signal.SDP)
	case signaling.TypeCandidate:
		err = c.candidate(s.Signal.Candidate)
	}
	if err != nil {
		c.fail(err)
	}
}

func (c *dialled) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

func (c *dialled) answered(sdp string) error {
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = true
	for _, cand := range c.early {
		if err := c.pc.AddICECandidate(cand); err != nil {
			return err
		}
	}
	return nil
}

func (c *dialled) candidate(cand *webrtc.ICECandidateInit) error {
	if cand == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready {
		c.early = append(c.early, *cand)
		return nil
	}
	return c.pc.AddICECandidate(*cand)
}

// connect opens one more session and returns how long that took.
func (d *dialler) connect(ctx context.Context) (time.Duration, error) {
	sig, err := d.signaller(ctx)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	c, err := d.offer(ctx, sig)
	if err != nil {
		return 0, err
	}
	d.sessions = append(d.sessions, c)
	select {
	case <-c.open:
		return time.Since(began), nil
	case err := <-c.failed:
		return 0, fmt.Errorf("connect: %w", err)
	case <-time.After(15 * time.Second):
		return 0, errors.New("connect: 15 s passed")
	}
}

func (d *dialler) offer(ctx context.Context, sig *signaling.Client) (*dialled, error) {
	raw := make([]byte, 8)
	rand.Read(raw)
	c := &dialled{id: hex.EncodeToString(raw), open: make(chan struct{}), failed: make(chan error, 1)}
	var err error
	if c.pc, err = webrtc.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.conns[c.id] = c
	d.mu.Unlock()
	if c.dc, err = c.pc.CreateDataChannel("bench", nil); err != nil {
		return nil, err
	}
	c.dc.OnOpen(func() { close(c.open) })
	c.dc.OnMessage(func(msg webrtc.DataChannelMessage) {
		if on := c.on.Load(); on != nil {
			(*on)(msg.Data)
		}
	})
	c.dc.OnClose(func() { c.fail(errors.New("the channel was closed")) })
	offered := make(chan struct{})
	c.pc.OnICECandidate(func(cand *webrtc.ICECandidate) {
		<-offered
		if cand == nil {
			return
		}
		if m, err := trickle(d.peer, c.id, cand); err == nil {
			sig.Send(ctx, m)
		}
	})
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	m, err := describe(d.peer, c.id, offer)
	if err != nil {
		return nil, err
	}
	defer close(offered)
	return c, sig.Send(ctx, m)
}

// run asks for an account again and again on one session and returns how long
// it took. Every reply must have status 200.
func (c *dialled) run(a requestArgs) (time.Duration, error) {
	end := `","url":"account/` + a.Account + `","method":"GET"}`
	if a.Pad > 0 {
		end = end[:len(end)-1] + `,"body":{"pad":"` + strings.Repeat("x", a.Pad) + `"}}`
	}
	total := a.Total
	var sent, got int
	done := make(chan struct{})
	send := func() error {
		sent++
		return c.dc.SendText(`{"id":"` + strconv.Itoa(sent) + end)
	}
	var mu sync.Mutex
	on := func(msg []byte) {
		mu.Lock()
		defer mu.Unlock()
		if !bytes.Contains(msg, []byte(`"status":200,`)) {
			c.fail(fmt.Errorf("reply %.200q", msg))
			return
		}
		if got++; got == total {
			close(done)
		}
		if sent < total {
			if err := send(); err != nil {
				c.fail(err)
			}
		}
	}
	c.on.Store(&on)
	began := time.Now()
	mu.Lock()
	for range min(a.InFlight, total) {
		if err := send(); err != nil {
			mu.Unlock()
			return 0, err
		}
	}
	mu.Unlock()
	select {
	case <-done:
		return time.Since(began), nil
	case err := <-c.failed:
		return 0, err
	case <-time.After(2 * time.Minute):
		return 0, fmt.Errorf("%d of %d replies in 2 minutes", got, total)
	}
}

// check reports a session that has ended.
func (d *dialler) check() error {
	for i, c := range d.sessions {
		select {
		case err := <-c.failed:
			return fmt.Errorf("session %d: %w", i+1, err)
		default:
		}
		if s := c.pc.ConnectionState(); s != webrtc.PeerConnectionStateConnected {
			return fmt.Errorf("session %d is %s", i+1, s)
		}
	}
	return nil
}

// hangUp ends every session and waits until nothing of them is left.
func (d *dialler) hangUp() {
	var wg sync.WaitGroup
	for _, c := range d.sessions {
		wg.Go(func() { c.pc.Close() })
	}
	wg.Wait()
	for _, sig := range d.sigs { // the next come from other peers
		sig.Close()
	}
	d.wg.Wait()
	d.sessions, d.sigs = nil, nil
	d.mu.Lock()
	clear(d.conns)
	d.mu.Unlock()
}
