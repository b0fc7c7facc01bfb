package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/liberdus/liberdus/internal/certs"
	"github.com/liberdus/liberdus/nodelist"
)

// tls looks at the certificate whether it is good or not.
func (p *patient) tls(ctx context.Context) bool {
	if p.url.Scheme != "https" {
		return true // nothing to look at: what counts is signed
	}
	conf := &tls.Config{ServerName: p.url.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, InsecureSkipVerify: true} // verified below
	conn, err := (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", p.addr())
	if err != nil {
		p.say("tls", Fail, "does this port speak TLS? an archiver without a certificate is http://", "no TLS with %s: %v", p.addr(), because(ctx, err))
		return false
	}
	defer conn.Close()
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	leaf, now := chain[0], time.Now() // a server shows one at least
	if within(leaf, now) {
		return p.certificate(chain)
	}
	if theirs := p.date(ctx, conn); within(leaf, theirs) {
		p.clock(theirs.Sub(now))
		p.say("tls", Fail, "set this machine's clock first: timedatectl set-ntp true, or chrony",
			"by this machine's clock, %s, the certificate is not good; by the archiver's it is, from %s to %s",
			now.Format(time.DateOnly), leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
		return false
	}
	return p.certificate(chain)
}

// within reports whether a certificate is good at that time, as far as its dates go.
func within(leaf *x509.Certificate, at time.Time) bool {
	return !at.Before(leaf.NotBefore) && !at.After(leaf.NotAfter)
}

// date is what the server says the time is. Nobody vouches for it: it is good for
// advice alone. The zero time is none.
func (p *patient) date(ctx context.Context, conn net.Conn) time.Time {
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end) // an error shows when it is written to
	}
	if _, err := fmt.Fprintf(conn, "HEAD /is-alive HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", p.url.Host); err != nil {
		return time.Time{}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodHead})
	if err != nil {
		return time.Time{}
	}
	resp.Body.Close()
	at, _ := http.ParseTime(resp.Header.Get("Date")) // an error: it says none
	return at
}

func (p *patient) certificate(chain []*x509.Certificate) bool {
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	left := time.Until(leaf.NotAfter)
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: p.url.Hostname(), Intermediates: between})
	renew := "renew it (docs/tls.md); --acme does so by itself"
	switch {
	case left <= 0:
		p.say("tls", Fail, renew, "the certificate ended on %s", leaf.NotAfter.Format(time.DateOnly))
	case err != nil:
		p.say("tls", Fail, nodelist.Remedy(err), "the certificate is not good: %v", err)
	case certs.Ends(leaf, certSoon):
		p.say("tls", Warn, renew, "the certificate ends in %s, on %s", days(left), leaf.NotAfter.Format(time.DateOnly))
	default:
		p.say("tls", OK, "", "the certificate is good for %s more", days(left))
	}
	return err == nil
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}
