package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// A relay is the least that a relay over gorilla/websocket can be: who connects
// names itself and its only destination in the URL, and every message is
// passed there as it is. Nothing is parsed, checked, queued, counted, logged
// or expired, and a slow reader holds up its sender.
type relay struct {
	upgrader websocket.Upgrader
	buffers  sync.Pool // of *[]byte

	mu    sync.RWMutex
	peers map[string]*relayPeer // guarded by mu
}

type relayPeer struct {
	conn *websocket.Conn
	mu   sync.Mutex // held while writing
}

const relayWriteLimit = 10 * time.Second

func serveRelay(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r := &relay{peers: map[string]*relayPeer{}}
	r.buffers.New = func() any { b := make([]byte, 64<<10); return &b }
	r.upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: new(sync.Pool), CheckOrigin: func(*http.Request) bool { return true }}
	srv := &http.Server{Handler: r, ReadHeaderTimeout: relayWriteLimit}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	announce(l)
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	conn, err := r.upgrader.Upgrade(w, req, nil)
	if err != nil {
		return // answered
	}
	q := req.URL.Query()
	go r.serve(conn, q.Get("id"), q.Get("dst")) // off net/http's stack, as one does
}

func (r *relay) serve(conn *websocket.Conn, id, dst string) {
	defer conn.Close()
	p := &relayPeer{conn: conn}
	r.mu.Lock()
	r.peers[id] = p
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		delete(r.peers, id)
		r.mu.Unlock()
	}()
	if p.write([]byte(`{"type":"OPEN"}`)) != nil {
		return
	}
	for r.pass(conn, dst) == nil {
	}
}

// pass reads one message and writes it to dst, if that is there.
func (r *relay) pass(conn *websocket.Conn, dst string) error {
	_, msg, err := conn.NextReader()
	if err != nil {
		return err
	}
	buf := r.buffers.Get().(*[]byte)
	defer r.buffers.Put(buf)
	n, err := io.ReadFull(msg, *buf)
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		return err // too large, or broken
	}
	r.mu.RLock()
	to := r.peers[dst]
	r.mu.RUnlock()
	if to != nil {
		_ = to.write((*buf)[:n]) // its own reader will notice
	}
	return nil
}

func (p *relayPeer) write(data []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.conn.SetWriteDeadline(time.Now().Add(relayWriteLimit))
	return p.conn.WriteMessage(websocket.TextMessage, data)
}
