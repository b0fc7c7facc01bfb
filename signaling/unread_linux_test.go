package signaling

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
)

// A thousand sockets that are read slowly must not fill what the system has for
// TCP.
func TestUnreadIsLittle(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS, "https on a listener that looks first": startLooking,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := NewServer(DefaultConfig(), Hooks{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			web := httptest.NewUnstartedServer(s)
			start(web)
			defer web.Close()
			defer s.sockets.Wait()
			d := websocket.Dialer{}
			if web.Certificate() != nil {
				d.TLSClientConfig = web.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			}
			conn, _, err := d.Dial("ws"+strings.TrimPrefix(web.URL, "http")+DefaultPath+"/peerjs?key=liberdus&id=a&token=t", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, _, err := conn.ReadMessage(); err != nil { // OPEN: it is in the registry
				t.Fatal(err)
			}
			s.registry.mu.Lock()
			c := s.registry.peers["a"].wire.(*socket)
			s.registry.mu.Unlock()
			if got := keptUnread(t, c.conn.conn); got != 2*unreadBytes {
				t.Errorf("the system keeps up to %d bytes unread, want %d, and no more by itself", got, 2*unreadBytes)
			}
		})
	}
}

func keptUnread(t *testing.T, conn net.Conn) (n int) {
	t.Helper()
	raw, err := bare(conn).(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) {
		n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	}); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return n
}

// startLooking is [httptest.Server.StartTLS] with something between TLS and TCP,
// as there is where plain HTTP gets an answer.
func startLooking(web *httptest.Server) {
	web.Listener = lookingListener{web.Listener}
	web.StartTLS()
}

type lookingListener struct{ net.Listener }

func (l lookingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return lookingConn{c}, nil
}

type lookingConn struct{ net.Conn }

func (c lookingConn) NetConn() net.Conn { return c.Conn }
