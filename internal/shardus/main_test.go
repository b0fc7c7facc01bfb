package shardus_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/api"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/internal/shardus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// newNode returns a Node that asks url.
func newNode(t testing.TB, url string, change func(*shardus.Config)) *shardus.Node {
	t.Helper()
	cfg := shardus.DefaultConfig(url)
	cfg.Probe = 5 * time.Millisecond
	if change != nil {
		change(&cfg)
	}
	n, err := shardus.New(cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// serve runs a node that answers as h says.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// An answer is what a door gave.
type answer struct {
	Status            int
	Body, ContentType string
}

// overHTTP asks through the HTTP door. It is false for what no server would
// hand to a handler.
func overHTTP(t testing.TB, a http.Handler, method, target, body string) (answer, bool) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: front\r\n\r\n")))
	if err != nil || r.Method != method {
		return answer{}, false
	}
	r.Body = io.NopCloser(strings.NewReader(body))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r.WithContext(t.Context()))
	return answer{w.Code, w.Body.String(), w.Header().Get("Content-Type")}, true
}

// overChannel asks through a data channel. An empty body is none.
func overChannel(t testing.TB, a *api.API, method, target, body string) answer {
	t.Helper()
	msg := map[string]any{"id": 1, "method": method, "url": target}
	if body != "" {
		msg["body"] = json.RawMessage(body)
	}
	text, err := json.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{in: text}
	if err := rpc.Serve(t.Context(), s, rpc.DefaultServerConfig("front"), a.Handle, quiet); !errors.Is(err, io.EOF) {
		t.Errorf("Serve = %v, want %v", err, io.EOF)
	}
	var reply struct {
		Status      int
		Body        json.RawMessage
		ContentType string
	}
	if err := json.Unmarshal(s.out, &reply); err != nil {
		t.Errorf("reply %s: %v", s.out, err)
	}
	got := answer{reply.Status, string(reply.Body), reply.ContentType}
	if reply.ContentType != "" {
		if err := json.Unmarshal(reply.Body, &got.Body); err != nil {
			t.Errorf("reply %s: %v", s.out, err)
		}
	}
	return got
}

// A script is a stream with one message in it.
type script struct{ in, out []byte }

func (s *script) Recv() ([]byte, error) {
	msg := s.in
	s.in = nil
	if msg == nil {
		return nil, io.EOF
	}
	return msg, nil
}

func (s *script) Send(_ context.Context, msg []byte) error {
	s.out = append(s.out, msg...)
	return nil
}

func (s *script) MaxSend() int { return 1 << 18 }
