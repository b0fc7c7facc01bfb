// Package testacme runs an ACME server for tests: Let's Encrypt's Pebble, in
// this process, which checks every challenge as the real one does.
package testacme

import (
	"crypto/tls"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/liberdus/liberdus/internal/testca"
)

// Leaks spares what Pebble starts and never ends, and what certmagic keeps for
// the life of a process: a rate limiter for each authority, and a goroutine that
// looks every 5 s whether its lock file is still there.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreTopFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"),
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
	}
}

// A Server is an ACME server that lasts as long as its test. It resolves every
// name to 127.0.0.1.
type Server struct {
	// URL is that of the directory.
	URL string
	// RootFile is a PEM file with the certificate of the authority that vouches
	// for the server itself.
	RootFile string
	// Issued is the root of the certificates that the server issues, in PEM.
	Issued []byte

	t         *testing.T
	brief     bool
	server    *httptest.Server
	store     *db.MemoryStore
	authority *ca.CAImpl
	log       *log.Logger
}

// New returns a server whose clients wait until [Server.Open].
func New(t *testing.T) *Server {
	t.Helper()
	return newServer(t, 160*time.Hour, 90*24*time.Hour)
}

// NewBrief returns a server whose certificates end so soon that a test can see
// them renewed. It has no renewal information (RFC 9773): Pebble's is good for
// lives of days.
func NewBrief(t *testing.T, life time.Duration) *Server {
	t.Helper()
	s := newServer(t, life, life)
	s.brief = true
	return s
}

func newServer(t *testing.T, short, usual time.Duration) *Server {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	s := &Server{t: t, server: httptest.NewUnstartedServer(nil), store: db.NewMemoryStore(), log: log.New(t.Output(), "pebble ", 0)}
	t.Cleanup(s.server.Close)
	s.URL = "https://" + s.server.Listener.Addr().String() + wfe.DirectoryPath
	profiles := map[string]ca.Profile{"shortlived": {Description: "a few days", ValidityPeriod: uint64(short.Seconds())}}
	for i := range 50 { // Pebble picks one at random for those who ask for none
		profiles["usual"+strconv.Itoa(i)] = ca.Profile{Description: "the usual", ValidityPeriod: uint64(usual.Seconds())}
	}
	s.authority = ca.New(s.log, s.store, "", "ecdsa", 0, 1, profiles)
	s.Issued = s.authority.GetRootCert(0).PEM()

	own := testca.New(t)
	s.RootFile = filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(s.RootFile, own.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(own.Issue(t, time.Hour, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	s.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	return s
}

// Open lets clients in. The server comes to httpPort for HTTP-01 challenges and
// to tlsPort for those of TLS-ALPN-01.
func (s *Server) Open(httpPort, tlsPort int) {
	s.t.Helper()
	validator := va.New(s.log, httpPort, tlsPort, false, nameServer(s.t), s.store)
	front := wfe.New(s.log, s.store, validator, s.authority, []string{"pebble.test"}, false, false, 1, 1)
	s.server.Config.Handler = front.Handler()
	if s.brief {
		s.server.Config.Handler = withoutRenewalInfo(front.Handler())
	}
	s.server.StartTLS()
}

// Close ends the server before its test does.
func (s *Server) Close() { s.server.Close() }

// withoutRenewalInfo answers as h does, without the resource that says when to
// renew.
func withoutRenewalInfo(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wfe.DirectoryPath {
			h.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		var directory map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &directory); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		delete(directory, "renewalInfo")
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(directory) // an error is the client's going away
	})
}

// nameServer starts a DNS server that knows one address for every name.
func nameServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // Pebble asks over TCP
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA {
			a.Answer = append(a.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		_ = w.WriteMsg(a) // whoever asks asks again
	})}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = server.Shutdown() // an error: it has ended already, which done says too
		<-done
	})
	return l.Addr().String()
}
