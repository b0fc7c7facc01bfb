package certs_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/internal/testacme"
)

// briefFront has a front whose certificates live for a minute and are renewed when
// they are 3 seconds old: the rest is for the renewal, however busy the machine is.
func briefFront(t *testing.T, host string) (*front, *testacme.Server) {
	t.Helper()
	f, server := newFront(t), testacme.NewBrief(t, time.Minute)
	server.Open(0, port(f.tls))
	f.tune = func(a *certs.ACME) {
		certs.CheckEvery(a, 200*time.Millisecond)
		certs.RenewEarly(a, 0.95)
	}
	f.serve(certs.ACMEConfig{Hosts: []string{host}, CA: server.URL, CARoot: server.RootFile, Dir: t.TempDir(), TLSPort: port(f.tls)})
	return f, server
}

// A certificate is renewed before it ends, and connections that are open do not
// notice.
func TestACMERenewal(t *testing.T) {
	const host = "renewed.example.test"
	f, server := briefFront(t, host)
	if got := f.acme.Term(); got.Of != host {
		t.Errorf("the term is of %q, want %q", got.Of, host)
	}
	first := f.cert(server, host)
	if got := f.acme.Term(); got.To.Before(first.NotAfter) || got.Life() < 50*time.Second || got.Life() > time.Hour {
		t.Errorf("the term is %+v, want one of about a minute, to %v", got, first.NotAfter)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(server.Issued)
	conn, err := tls.Dial("tcp", f.tls.Addr().String(), &tls.Config{RootCAs: pool, ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func() {
		t.Helper()
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	ask()

	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	now := f.cert(server, host) // fails as soon as it gets one that has ended
	for ; now.SerialNumber.Cmp(first.SerialNumber) == 0; <-tick.C {
		if time.Now().After(first.NotAfter) {
			t.Fatalf("the certificate has ended and was not renewed:\n%s", &f.log)
		}
		now = f.cert(server, host)
	}
	if !now.NotAfter.After(first.NotAfter) {
		t.Errorf("the new one ends %v, the first %v", now.NotAfter, first.NotAfter)
	}
	ask()
}

// That a certificate cannot be renewed is warned about, with what is left of it.
func TestACMERenewalThatFails(t *testing.T) {
	host := fmt.Sprintf("forgotten%d.example.test", time.Now().UnixNano()) // certmagic remembers for how long not to ask again
	f, server := briefFront(t, host)
	first := f.cert(server, host)
	server.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ; !strings.Contains(f.log.String(), "could not be renewed"); <-tick.C {
		if time.Now().After(first.NotAfter) {
			t.Fatalf("nothing is said before the end:\n%s", &f.log)
		}
	}
	if said := f.log.String(); !strings.Contains(said, "daysLeft=0") || !strings.Contains(said, "remedy=") || !strings.Contains(said, host) {
		t.Errorf("the warning does not say all:\n%s", said)
	}
}
