package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Origin returns text as browsers send an origin: scheme and host in lower
// case. "*" (any) and "null" (files, sandboxed pages) are origins too.
func Origin(text string) (string, error) {
	if text == "*" || text == "null" {
		return text, nil
	}
	o := strings.ToLower(text)
	u, err := url.Parse(o)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || o != u.Scheme+"://"+u.Host {
		return "", fmt.Errorf("%q is not an origin such as https://wallet.example.org (no path, no slash at the end)", text)
	}
	return o, nil
}

// origins returns a checked list as browsers send them.
func origins(list []string) []string {
	var out []string
	for _, text := range list {
		if o, err := Origin(text); err == nil { // else Validate has refused it
			out = append(out, o)
		}
	}
	return out
}

// CORSOrigins returns CORS as browsers send origins.
func (a Archiver) CORSOrigins() []string { return origins(a.CORS) }

// AllowedOrigins returns AllowOrigin as browsers send origins.
func (a Archiver) AllowedOrigins() []string { return origins(a.AllowOrigin) }
