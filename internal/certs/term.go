package certs

import (
	"crypto/x509"
	"time"
)

// A Term says from when to when a certificate is good.
type Term struct {
	Of       string    // the host that it is for, or its file
	From, To time.Time // zero: there is none yet
}

func termOf(of string, leaf *x509.Certificate) Term { return Term{of, leaf.NotBefore, leaf.NotAfter} }

// Life is how long it is good in all.
func (t Term) Life() time.Duration { return t.To.Sub(t.From) }

// Ends reports whether a certificate's end is so near that somebody should see to
// it: nearer than that, and in the last quarter of its life. One of a few days is
// renewed when it has two, and nobody has to be told.
func Ends(leaf *x509.Certificate, within time.Duration) bool {
	return time.Until(leaf.NotAfter) < min(within, termOf("", leaf).Life()/4)
}

// Term returns that of what is shown.
func (f *Files) Term() Term {
	f.mu.Lock()
	path := f.certPath
	f.mu.Unlock()
	return termOf(path, f.current.Load().Leaf)
}

// Term returns that of the host whose certificate ends first, or has none.
func (a *ACME) Term() (first Term) {
	m := a.running.Load()
	for i, host := range a.cfg.Hosts {
		t := Term{Of: host}
		if m != nil {
			t = m.term(host)
		}
		if i == 0 || t.To.Before(first.To) {
			first = t
		}
	}
	return first
}

// term returns that of the newest certificate for host.
func (m *manager) term(host string) Term {
	newest := Term{Of: host}
	for _, c := range m.cache.AllMatchingCertificates(host) {
		if c.Leaf != nil && c.Leaf.NotAfter.After(newest.To) {
			newest = termOf(host, c.Leaf)
		}
	}
	return newest
}
