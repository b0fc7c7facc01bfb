package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/liberdus/liberdus/signaling"
)

// client connects to s as a client of ours; it is closed with the test.
func (s *site) client(t *testing.T, change func(*signaling.ClientConfig)) *signaling.Client {
	t.Helper()
	cfg := signaling.ClientConfig{URL: s.url, Key: "peerjs"}
	if change != nil {
		change(&cfg)
	}
	c, err := signaling.Dial(t.Context(), cfg, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func receive(t *testing.T, c *signaling.Client) signaling.Message {
	t.Helper()
	select {
	case m, ok := <-c.Messages():
		if !ok {
			t.Fatalf("the connection ended: %v", c.Err())
		}
		return m
	case <-time.After(patience):
		t.Fatal("no message")
	}
	return signaling.Message{}
}

// awaitEnd waits for the end of the connection and returns its reason.
func awaitEnd(t *testing.T, c *signaling.Client) error {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		select {
		case _, ok := <-c.Messages():
			if !ok {
				return c.Err()
			}
		case <-deadline:
			t.Fatal("the connection does not end")
		}
	}
}

func TestClientsTalk(t *testing.T) {
	for _, path := range []string{"/", "/my/app"} {
		t.Run(path, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, func(c *signaling.Config) { c.Path = path })
			s.url += strings.TrimSuffix(path, "/")
			a := s.client(t, nil)
			b := s.client(t, func(c *signaling.ClientConfig) { c.ID, c.Token, c.URL = "b + &ü", "t+&%", c.URL+"/" })
			if !uuid4.MatchString(a.ID()) || len(a.Token()) != 32 || b.ID() != "b + &ü" || b.Token() != "t+&%" {
				t.Errorf("a is %q, %q; b is %q, %q", a.ID(), a.Token(), b.ID(), b.Token())
			}
			for i, payload := range []json.RawMessage{nil, json.RawMessage("null"), json.RawMessage(`{"a":[1,"<>"]}`)} {
				if err := a.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Src: "forged", Dst: b.ID(), Payload: payload}); err != nil {
					t.Fatal(err)
				}
				m := receive(t, b)
				if m.Type != signaling.TypeOffer || m.Src != a.ID() || m.Dst != b.ID() || string(m.Payload) != string(payload) || (m.Payload == nil) != (payload == nil) {
					t.Errorf("message %d = %+v", i, m)
				}
			}
			if err := a.Err(); err != nil {
				t.Errorf("Err = %v while open", err)
			}
		})
	}
}

func TestClientCloses(t *testing.T) {
	var d diary
	s := startSite(t, d.hooks(), nil)
	c := s.client(t, func(c *signaling.ClientConfig) { c.ID = "a" })
	b := s.join(t, "b", "t")
	for i := range 10 {
		if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "b", Payload: json.RawMessage(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	for i := range 10 { // what was sent before Close is not lost
		b.expect(fmt.Sprintf(`{"type":"OFFER","src":"a","dst":"b","payload":%d}`, i))
	}
	if _, ok := <-c.Messages(); ok || !errors.Is(c.Err(), signaling.ErrClosed) {
		t.Errorf("after Close: Messages open = %v, Err = %v", ok, c.Err())
	}
	if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "b"}); !errors.Is(err, signaling.ErrClosed) {
		t.Errorf("Send after Close = %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	s.awaitGone(t, "a")
	if n := s.Stats().Ended[signaling.EndClosed]; n != 1 {
		t.Errorf("ended as closed = %d, want 1", n)
	}
}

func TestClientLeaves(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	c := s.client(t, nil)
	if err := c.Leave(t.Context()); err != nil {
		t.Errorf("Leave = %v", err)
	}
	s.awaitGone(t, c.ID())
	if n := s.Stats().Ended[signaling.EndLeft]; n != 1 {
		t.Errorf("ended as left = %d, want 1", n)
	}
}

func TestDialIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(*signaling.ClientConfig)
		wantType string // of the ServerError; "" = another error
		wantText string
	}{
		{"key", func(c *signaling.ClientConfig) { c.Key = "nope" }, signaling.TypeError, "Invalid key provided"},
		{"taken", func(c *signaling.ClientConfig) { c.ID = "owned" }, signaling.TypeIDTaken, "ID is taken"},
		{"path, no id", func(c *signaling.ClientConfig) { c.URL += "/nope" }, "", "/nope/peerjs/id?ts="},
		{"path", func(c *signaling.ClientConfig) { c.URL += "/nope"; c.ID = "x" }, "", "/nope/: WebSocket: the server answers 400"},
		{"scheme", func(c *signaling.ClientConfig) { c.URL = "ftp://x" }, "", `url "ftp://x"`},
		{"host", func(c *signaling.ClientConfig) { c.URL = "http:///x" }, "", "no host"},
		{"own id", func(c *signaling.ClientConfig) { c.ID = "a\nb" }, "", `id "a\nb"`},
		{"own token", func(c *signaling.ClientConfig) { c.Token = strings.Repeat("x", 513) }, "", "token"},
		{"nobody there, no id", func(c *signaling.ClientConfig) { c.URL = "http://127.0.0.1:1" }, "", "http://127.0.0.1:1/peerjs/id"},
		{"nobody there", func(c *signaling.ClientConfig) { c.URL = "http://127.0.0.1:1"; c.ID = "x" }, "", "http://127.0.0.1:1/: WebSocket"},
		{"timeouts", func(c *signaling.ClientConfig) { c.PongTimeout = time.Second }, "", "pong timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := startSite(t, signaling.Hooks{}, nil)
			s.join(t, "owned", "t")
			cfg := signaling.ClientConfig{URL: s.url, Key: "peerjs", Token: "hidden"}
			tt.change(&cfg)
			_, err := signaling.Dial(t.Context(), cfg, testLog(t))
			if err == nil {
				t.Fatal("Dial = nil")
			}
			said, ok := errors.AsType[*signaling.ServerError](err)
			if ok != (tt.wantType != "") || ok && said.Type != tt.wantType || !strings.Contains(err.Error(), tt.wantText) {
				t.Errorf("Dial = %v, want %s %q", err, tt.wantType, tt.wantText)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("Dial = %v: shows the token", err)
			}
		})
	}
}

func TestDialRefusesBadIDs(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "endless": strings.Repeat("x", 1<<20), "a page": "<html>\n</html>"} {
		t.Run(name, func(t *testing.T) {
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
			defer web.Close()
			_, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: web.URL}, testLog(t))
			if err == nil || !strings.Contains(err.Error(), web.URL+"/liberdus/id") || !strings.Contains(err.Error(), "not an id") {
				t.Errorf("Dial = %v, want it to say where no id was", err)
			}
		})
	}
}

// scripted is a server that does what the test says with each WebSocket, at
// most until quit is closed at the end of the test.
func scripted(t *testing.T, script func(conn *websocket.Conn, quit <-chan struct{})) *pipes {
	quit := make(chan struct{})
	var scripts sync.WaitGroup
	n := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		scripts.Go(func() {
			defer conn.Close()
			script(conn, quit)
		})
	}))
	t.Cleanup(func() {
		close(quit)
		synctest.Wait() // no handler is about to start one
		scripts.Wait()
	})
	return n
}

func say(conn *websocket.Conn, frames ...string) {
	for _, f := range frames {
		_ = conn.WriteMessage(websocket.TextMessage, []byte(f))
	}
}

// hold reads until the connection ends.
func hold(conn *websocket.Conn) {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

func (n *pipes) dialClient(t *testing.T, change func(*signaling.ClientConfig)) (*signaling.Client, error) {
	cfg := signaling.ClientConfig{URL: "http://pipe", ID: "me", Dial: n.dialer(here)}
	if change != nil {
		change(&cfg)
	}
	return signaling.Dial(t.Context(), cfg, testLog(t))
}

func (n *pipes) client(t *testing.T, change func(*signaling.ClientConfig)) *signaling.Client {
	t.Helper()
	c, err := n.dialClient(t, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDialWaitsForOPEN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, _ <-chan struct{}) {
			say(conn, `{"type":"HELLO"}`, `rubbish`)
			hold(conn)
		})
		began := time.Now()
		_, err := n.dialClient(t, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "http://pipe/: no OPEN within 15s") || time.Since(began) != 15*time.Second {
			t.Errorf("Dial = %v after %v", err, time.Since(began))
		}
	})
}

func TestDialIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, _ <-chan struct{}) { hold(conn) })
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("changed my mind")) })
		_, err := signaling.Dial(ctx, signaling.ClientConfig{URL: "http://pipe", ID: "me", Dial: n.dialer(here)}, testLog(t))
		if err == nil || !strings.Contains(err.Error(), "changed my mind") {
			t.Errorf("Dial = %v", err)
		}
	})
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beats, pings int
		n := scripted(t, func(conn *websocket.Conn, _ <-chan struct{}) {
			say(conn, openFrame)
			pong := conn.PingHandler()
			conn.SetPingHandler(func(s string) error { pings++; return pong(s) })
			for {
				_, data, err := conn.ReadMessage()
				if err != nil {
					return
				}
				if string(data) == `{"type":"HEARTBEAT"}` {
					beats++
				}
			}
		})
		c := n.client(t, nil)
		time.Sleep(62 * time.Second)
		c.Close()
		synctest.Wait()
		if beats != 12 || pings != 6 {
			t.Errorf("%d heartbeats and %d pings in 62 s, want 12 and 6", beats, pings)
		}
	})
}

func TestDeadServerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, _ <-chan struct{}) {
			say(conn, openFrame)
			conn.SetPingHandler(func(string) error { return nil })
			hold(conn) // swallows everything
		})
		c := n.client(t, nil)
		began := time.Now()
		err := awaitEnd(t, c)
		if took := time.Since(began); took != 25*time.Second || err == nil || !strings.Contains(err.Error(), "no sign of life for 25s") {
			t.Errorf("the connection ended after %v: %v", took, err)
		}
		if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "x"}); err == nil {
			t.Error("Send = nil after the end")
		}
	})
}

func TestServerWithoutPongsButWithPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, _ <-chan struct{}) {
			say(conn, openFrame)
			conn.SetPingHandler(func(string) error { return nil })
			go hold(conn)
			for conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second)) == nil {
				time.Sleep(20 * time.Second)
			}
		})
		c := n.client(t, nil)
		time.Sleep(5 * time.Minute)
		if err := c.Err(); err != nil {
			t.Errorf("Err = %v", err)
		}
	})
}

func TestConsumerThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sent = 200
		n := scripted(t, func(conn *websocket.Conn, quit <-chan struct{}) {
			go hold(conn)
			say(conn, openFrame)
			for i := range sent {
				say(conn, fmt.Sprintf(`{"type":"OFFER","src":"x","dst":"me","payload":%d}`, i))
			}
			<-quit
		})
		c := n.client(t, func(c *signaling.ClientConfig) { c.Buffer = 4 })
		time.Sleep(5 * time.Minute) // the reader waits; this is not the server's death
		for i := range sent / 2 {
			if m := <-c.Messages(); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d = %+v", i, m)
			}
		}
		synctest.Wait()
		began := time.Now()
		c.Close() // although the reader waits for the consumer again
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestCloseWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, quit <-chan struct{}) {
			say(conn, openFrame)
			<-quit // reads nothing: what the client writes blocks
		})
		c := n.client(t, nil)
		_ = c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "x"})
		synctest.Wait()
		began := time.Now()
		c.Close()
		if took := time.Since(began); took > 12*time.Second { // the write in hand, then the goodbye
			t.Errorf("Close took %v", took)
		}
	})
}

func TestSendWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := scripted(t, func(conn *websocket.Conn, quit <-chan struct{}) {
			say(conn, openFrame)
			<-quit
		})
		c := n.client(t, func(c *signaling.ClientConfig) { c.Buffer = 2 })
		var err error
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := 0
		for ; err == nil; sent++ {
			err = c.Send(ctx, signaling.Message{Type: signaling.TypeOffer, Dst: "x"})
		}
		if !errors.Is(err, context.DeadlineExceeded) || sent != 4 { // one is being written, two wait
			t.Errorf("message %d: %v", sent, err)
		}
	})
}

func TestWhatAServerMaySay(t *testing.T) {
	const offer = `{"type":"OFFER","src":"x","dst":"me","payload":"next"}`
	for _, tt := range []struct {
		name string
		says string
		end  string // the connection ends with this error; "" = it stands
	}{
		{"rubbish", "rubbish", ""},
		{"nothing", "", ""},
		{"no object", "[5]", ""},
		{"no type", "{}", ""},
		{"OPEN again", openFrame, ""},
		{"something huge", `{"type":"OFFER","payload":"` + strings.Repeat("x", 1<<20) + `"}`, ""},
		{"ERROR", badKey, `the server says ERROR: "Invalid key provided"`},
		{"ERROR without payload", `{"type":"ERROR"}`, `the server says ERROR: ""`},
		{"ID-TAKEN", taken, `the server says ID-TAKEN: "ID is taken"`},
		{"INVALID-KEY", `{"type":"INVALID-KEY","payload":5}`, `the server says INVALID-KEY: ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := scripted(t, func(conn *websocket.Conn, quit <-chan struct{}) {
					go hold(conn)
					say(conn, openFrame, tt.says, offer)
					<-quit
				})
				c := n.client(t, nil)
				if tt.end == "" {
					if m := <-c.Messages(); string(m.Payload) != `"next"` {
						t.Errorf("message = %+v, Err = %v", m, c.Err())
					}
					return
				}
				err := awaitEnd(t, c)
				if _, ok := errors.AsType[*signaling.ServerError](err); !ok || err.Error() != tt.end {
					t.Errorf("Err = %v, want %s", err, tt.end)
				}
			})
		})
	}
}

func TestServerStops(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	c := s.client(t, nil)
	s.stop()
	if err := awaitEnd(t, c); !errors.Is(err, signaling.ErrClosed) || !strings.Contains(err.Error(), "code 1001") {
		t.Errorf("Err = %v, want code 1001", err)
	}
}

func TestSendRefusesWhatCannotBeSent(t *testing.T) {
	s := startSite(t, signaling.Hooks{}, nil)
	c := s.client(t, func(c *signaling.ClientConfig) { c.MaxMessage = 128 })
	if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "x", Payload: json.RawMessage("{")}); err == nil {
		t.Error("Send of a payload that is not JSON = nil")
	}
	big := json.RawMessage(`"` + strings.Repeat("x", 128) + `"`)
	if err := c.Send(t.Context(), signaling.Message{Type: signaling.TypeOffer, Dst: "x", Payload: big}); !errors.Is(err, signaling.ErrTooLarge) {
		t.Errorf("Send of a large payload = %v", err)
	}
}

func TestClientOverTLS(t *testing.T) {
	cfg := signaling.DefaultConfig()
	s, err := signaling.NewServer(cfg, signaling.Hooks{}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewTLSServer(s)
	defer web.Close()
	tls := web.Client().Transport.(*http.Transport).TLSClientConfig
	c, err := signaling.Dial(t.Context(), signaling.ClientConfig{URL: web.URL + cfg.Path, TLS: tls}, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}
