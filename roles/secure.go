package roles

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/certs"
)

// A certificates gives the public listeners what they show, and keeps it fresh.
type certificates interface {
	TLS() *tls.Config
	Run(context.Context) error
	Host(own string) string // that clients are told, for the listener's own
	Term() certs.Term       // of what ends first
}

var (
	_ certificates = (*certs.Files)(nil)
	_ certificates = (*certs.ACME)(nil)
)

// tlsAdvice is told to whoever speaks plain HTTP to a listener with TLS.
const tlsAdvice = `This port speaks TLS: use https:// and wss://.
PeerJS needs the option secure: true, liberdus commands --archiver https://HOST:PORT.
`

// secure makes the public listeners, which are open, speak TLS if that is
// wanted.
func (a *Archiver) secure() error {
	switch {
	case a.cfg.TLSCert != "":
		files, err := certs.OpenFiles(a.cfg.TLSCert, a.cfg.TLSKey, a.log)
		if err != nil {
			return &UsageError{Err: err}
		}
		a.certs = files
	case len(a.cfg.ACME) > 0:
		return a.askACME()
	}
	return nil
}

// askACME prepares to get certificates from an ACME server.
func (a *Archiver) askACME() error {
	cfg := certs.ACMEConfig{
		Hosts: a.cfg.ACME, CA: a.cfg.ACMECA, CARoot: a.cfg.ACMECARoot, Dir: filepath.Join(a.cfg.Data, "acme"),
	}
	if cfg.CA == "" {
		cfg.IPProfile = certs.ShortLived // the only one of Let's Encrypt for addresses
	}
	_, cfg.TLSPort = hostPort(a.challenged())
	if addr := a.cfg.ACMEAddr(); addr != "" {
		l, err := listen(addr)
		if err != nil {
			return fmt.Errorf("%w; it is for the ACME server, which comes to port 80: where that port leads elsewhere choose an address with --acme-http-listen, "+
				`or, where port 443 leads to --listen, none: --acme-http-listen ""`, err)
		}
		a.http01 = a.doors.open("acme", l, a.log)
		_, cfg.HTTPPort = hostPort(l)
	}
	acme, err := certs.NewACME(cfg, a.log)
	if err != nil {
		return &UsageError{Err: err}
	}
	a.certs = acme
	return nil
}

// challenged is the listener that an ACME server is assumed to reach by port
// 443.
func (a *Archiver) challenged() net.Listener {
	if i := slices.IndexFunc(a.public, func(l *doorway) bool { _, port := hostPort(l); return port == 443 }); i >= 0 {
		return a.public[i]
	}
	return a.best()
}

// secured returns l as it is served.
func (a *Archiver) secured(l net.Listener) net.Listener {
	if a.certs == nil {
		return l
	}
	return certs.NewListener(l, a.certs.TLS(), tlsAdvice)
}

// http01Handler answers what comes to port 80: the ACME server's challenges, and
// browsers, which are sent on.
func (a *Archiver) http01Handler() http.Handler {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]")
		}
		if !slices.Contains(a.cfg.ACME, strings.ToLower(host)) || r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "this port is for certificates; the archiver is at "+a.told().String(), http.StatusNotFound)
			return
		}
		http.Redirect(w, r, a.told().String()+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
	if acme, ok := a.certs.(*certs.ACME); ok {
		return acme.HTTP(next)
	}
	return next
}
