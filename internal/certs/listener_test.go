package certs_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/testca"
)

const advice = "use https"

// serve answers "hello" over TLS and returns the address.
func serve(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ErrorLog: log.New(t.Output(), "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(certs.NewListener(l, cfg, advice)) }()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
	return l.Addr().String()
}

func TestListener(t *testing.T) {
	ca := testca.New(t)
	s := newStore(t)
	s.cert, s.key = ca.Files(t, t.TempDir(), "127.0.0.1")
	addr := serve(t, s.open().TLS())

	t.Run("TLS", func(t *testing.T) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("https://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != "hello" {
			t.Errorf("answer = %q, %v, want hello", body, err)
		}
	})
	for _, tt := range []struct{ name, request string }{
		{"a short request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"a browser's", "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("c", 4000) + "\r\n\r\n"},
		{"an upload", "POST /nodelist HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000)},
	} {
		t.Run(tt.name+" in the clear", func(t *testing.T) {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = io.WriteString(c, tt.request) // the server need not read it all
			}()
			defer func() { <-sent }()
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusBadRequest || string(body) != advice {
				t.Errorf("answer = %d %q, %v, want 400 and the advice", res.StatusCode, body, err)
			}
		})
	}
	t.Run("garbage", func(t *testing.T) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "NOT HTTP AT ALL"); err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(c); strings.Contains(string(got), advice) {
			t.Errorf("answer = %q, want none", got)
		}
	})
}

// Who limits what the system keeps of a connection gets to it through TLS.
func TestConnectionBelow(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	secure := certs.NewListener(l, &tls.Config{}, advice)
	defer secure.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := secure.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	below := c.(*tls.Conn).NetConn()
	upper, ok := below.(interface{ NetConn() net.Conn })
	if !ok {
		t.Fatalf("%T does not tell what is below", below)
	}
	if _, ok := upper.NetConn().(*net.TCPConn); !ok {
		t.Errorf("below is a %T, want TCP", upper.NetConn())
	}
}
