package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// ACMEConfig says for whom an [ACME] asks which authority.
type ACMEConfig struct {
	Hosts     []string // host names and addresses; one certificate each
	CA        string   // URL of the ACME directory; empty: Let's Encrypt
	CARoot    string   // PEM file of the only authority CA's own certificate may come from; empty: the system's
	IPProfile string   // certificate profile asked for where the host is an address; empty: none
	Dir       string   // keeps keys, certificates and the account
	TLSPort   int      // a port of this machine where TLS is answered by ACME.TLS
	HTTPPort  int      // a port of this machine where ACME.HTTP answers; 0: none
}

// ShortLived is the profile of Let's Encrypt under which it signs addresses.
const ShortLived = "shortlived"

// An ACME gets certificates from an authority, by RFC 8555, and renews them. It
// opens no port: challenges are answered by what uses ACME.TLS (TLS-ALPN-01)
// and ACME.HTTP (HTTP-01). Use [NewACME], then [ACME.Run].
type ACME struct {
	// Fixed.
	cfg   ACMEConfig
	roots *x509.CertPool // nil: the system's
	log   *slog.Logger
	check time.Duration // between two looks whether a certificate is to be renewed; 0: as certmagic does
	early float64       // share of a certificate's life that is left when it is renewed; 0: as certmagic does

	running atomic.Pointer[manager] // nil before Run and after
}

// NewACME checks cfg and reads the root file, if there is one.
func NewACME(cfg ACMEConfig, log *slog.Logger) (*ACME, error) {
	if len(cfg.Hosts) == 0 || cfg.Dir == "" || cfg.TLSPort == 0 {
		return nil, errors.New("acme: hosts, dir and tls port are all needed")
	}
	a := &ACME{cfg: cfg, log: log.With("part", "acme")}
	if cfg.CARoot != "" {
		text, err := readFile(cfg.CARoot)
		if err != nil {
			return nil, fmt.Errorf("certificate of the ACME server's authority: %w", err)
		}
		a.roots = x509.NewCertPool()
		if !a.roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("certificate of the ACME server's authority: %s has no certificate in PEM", cfg.CARoot)
		}
	}
	return a, nil
}

// TLS returns the settings of a server that shows the newest certificates, and
// answers challenges.
func (a *ACME) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1", "acme-tls/1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			m := a.running.Load()
			if m == nil {
				return nil, errors.New("acme: not running")
			}
			return m.names.GetCertificate(hello)
		},
	}
}

// HTTP returns a handler that answers challenges, and leaves the rest to next.
func (a *ACME) HTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := a.running.Load(); m != nil && m.answered(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Host returns the name under which a client may come: own if there is to be a
// certificate for it, or else the first host.
func (a *ACME) Host(own string) string {
	if slices.Contains(a.cfg.Hosts, own) {
		return own
	}
	return a.cfg.Hosts[0]
}

// Run gets the certificates that are missing and renews those that are about to
// end, until ctx does. What cannot be had is warned about and tried again.
func (a *ACME) Run(ctx context.Context) error {
	m := a.newManager()
	defer m.cache.Stop()
	a.running.Store(m)
	defer a.running.Store(nil)
	var hosts sync.WaitGroup
	for _, host := range a.cfg.Hosts {
		hosts.Go(func() { m.manage(ctx, host) })
	}
	<-ctx.Done()
	hosts.Wait()
	return nil
}

// tryAgain is the wait after the authority's final no: certmagic has tried for
// long by then, and authorities limit how often one may ask.
const tryAgain = time.Hour

// A manager is certmagic set up for one run. Host names and addresses differ in
// the profile that is asked for.
type manager struct {
	log              *slog.Logger
	cache            *certmagic.Cache
	names, addresses *certmagic.Config
}

func (a *ACME) newManager() *manager {
	m := &manager{log: a.log}
	zap := bridge(a.log)
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		Logger:             zap,
		RenewCheckInterval: a.check,
		GetConfigForCert: func(c certmagic.Certificate) (*certmagic.Config, error) {
			if len(c.Names) > 0 {
				return m.of(c.Names[0]), nil
			}
			return m.names, nil
		},
	})
	configure := func(profile string) *certmagic.Config {
		cfg := certmagic.New(m.cache, certmagic.Config{
			Storage: storage{&certmagic.FileStorage{Path: a.cfg.Dir}},
			Logger:  zap,
			OnEvent: m.event,
			OCSP:    certmagic.OCSPConfig{DisableStapling: true}, // short lives took its place

			DefaultServerName:  a.nameless(),
			RenewalWindowRatio: a.early,
		})
		cfg.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(cfg, certmagic.ACMEIssuer{
			CA:                   a.cfg.CA,
			Agreed:               true, // whoever asks for --acme has been told
			Profile:              profile,
			TrustedRoots:         a.roots,
			DisableHTTPChallenge: a.cfg.HTTPPort == 0,
			AltHTTPPort:          a.cfg.HTTPPort,
			AltTLSALPNPort:       a.cfg.TLSPort,
			Logger:               zap,
		})}
		return cfg
	}
	m.names, m.addresses = configure(""), configure(a.cfg.IPProfile)
	return m
}

// nameless is whose certificate a client gets that names no host, as they do
// who came by an address.
func (a *ACME) nameless() string {
	if i := slices.IndexFunc(a.cfg.Hosts, isAddress); i >= 0 {
		return a.cfg.Hosts[i]
	}
	return a.cfg.Hosts[0]
}

func isAddress(host string) bool { return net.ParseIP(host) != nil }

// of returns the settings for a host.
func (m *manager) of(host string) *certmagic.Config {
	if isAddress(host) {
		return m.addresses
	}
	return m.names
}

func (m *manager) answered(w http.ResponseWriter, r *http.Request) bool {
	issuer, ok := m.names.Issuers[0].(*certmagic.ACMEIssuer)
	return ok && issuer.HandleHTTPChallenge(w, r)
}

// manage has a certificate for host in the cache as soon as it can be had. The
// cache itself renews it later.
func (m *manager) manage(ctx context.Context, host string) {
	for {
		err := m.obtain(ctx, host)
		if err == nil || ctx.Err() != nil {
			return
		}
		m.log.Error("no certificate", "host", host, "err", err, "next", tryAgain)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tryAgain):
		}
	}
}

func (m *manager) obtain(ctx context.Context, host string) error {
	cfg := m.of(host)
	cert, err := cfg.CacheManagedCertificate(ctx, host)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = cfg.ObtainCertAsync(ctx, host) // which is not over before it has it, or gives up
	case err == nil && cert.NeedsRenewal(cfg):
		err = cfg.RenewCertAsync(ctx, host, false)
	case err == nil:
		m.log.Info("certificate loaded", "host", host, "expires", cert.Leaf.NotAfter)
		return nil
	}
	if err == nil {
		cert, err = cfg.CacheManagedCertificate(ctx, host)
	}
	if err == nil {
		m.log.Info("certificate in use", "host", host, "expires", cert.Leaf.NotAfter)
	}
	return err
}

const reachRemedy = "from the Internet, port 80 of this host must lead to --acme-http-listen, or port 443 to --listen"

// days is d in days, with one decimal; never below 0.
func days(d time.Duration) float64 {
	return max(0, math.Round(d.Hours()/24*10)/10)
}

// event says what an operator wants to know of certmagic's doings.
func (m *manager) event(_ context.Context, name string, data map[string]any) error {
	host := data["identifier"]
	switch name {
	case "cert_obtained":
		m.log.Info("certificate obtained", "host", host, "renewal", data["renewal"])
	case "cert_failed":
		attrs := []any{"host", host, "err", data["error"], "remedy", reachRemedy}
		if left, ok := data["remaining"].(time.Duration); ok {
			m.log.Warn("the certificate could not be renewed; it will be tried again", append(attrs, "daysLeft", days(left))...)
			return nil
		}
		m.log.Warn("the certificate could not be obtained; it will be tried again", attrs...)
	}
	return nil
}
