package nodelist

import (
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// Remedy says what to do about err, with which no connection to an archiver, or
// to the server that it names, came about.
func Remedy(err error) string {
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return byName(e.Certificate.DNSNames)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "serve the whole chain of the certificate; an authority of your own is named with SSL_CERT_FILE"
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "renew the archiver's certificate, or set this machine's clock"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "check the name in the URL, and this machine's resolver"
	}
	if errors.Is(err, http.ErrSchemeMismatch) || strings.Contains(err.Error(), "first record does not look like a TLS handshake") {
		return "this port speaks plain HTTP: give it as http://"
	}
	return "check the URL and that the archiver runs"
}

// byName says how to come to an archiver whose certificate has other names than
// the one it was asked by.
func byName(names []string) string {
	i := slices.IndexFunc(names, func(s string) bool { return !strings.Contains(s, "*") })
	if i < 0 {
		return "give the archiver by a name that its certificate has"
	}
	name := clip(names[i])
	return "the certificate is for " + clip(strings.Join(names, ", ")) + ": if that is the archiver's name, give it as https://" + name +
		"#KEY, or have it tell that to all with --public-url https://" + name
}
