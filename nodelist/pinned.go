package nodelist

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// An Archiver is where an archiver is and, if it is pinned, which key it has.
type Archiver struct {
	// URL is http(s)://host[:port][/path], without a slash at the end.
	URL string
	// Key is its public key, 64 lower-case hex digits; "" means not pinned.
	Key string
}

var errNoScheme = errors.New("a URL begins with http:// or https://")

// ParseArchiver reads URL#PUBLICKEY, or a URL alone.
func ParseArchiver(s string) (Archiver, error) {
	text, key, pinned := strings.Cut(strings.TrimSpace(s), "#")
	key = strings.ToLower(key)
	if pinned && !IsKey(key) {
		return Archiver{}, fmt.Errorf("archiver %q: what follows # is the archiver's public key, 64 hex digits", s)
	}
	u, err := url.Parse(text)
	switch {
	case !strings.Contains(text, "://"): // such as 127.0.0.1:6080
		err = errNoScheme
	case err != nil:
		err = errors.Unwrap(err) // it repeats the text
	case u.Scheme != "http" && u.Scheme != "https":
		err = errNoScheme
	case u.Hostname() == "":
		err = errors.New("it names no host")
	case u.User != nil:
		err = errors.New("a user name in a URL is not supported")
	case u.RawQuery != "" || u.ForceQuery:
		err = errors.New("it ends in a query, which is not supported")
	}
	if err != nil {
		return Archiver{}, fmt.Errorf("archiver %q: %w", s, err)
	}
	u.Host = strings.ToLower(u.Host)
	return Archiver{URL: strings.TrimRight(u.String(), "/"), Key: key}, nil
}

// String returns what [ParseArchiver] reads.
func (a Archiver) String() string {
	if a.Key == "" {
		return a.URL
	}
	return a.URL + "#" + a.Key
}

// exposed reports whether somebody on the way could pose as the archiver: it is
// reached by plain http, not on this machine, and not pinned.
func (a Archiver) exposed() bool {
	u, err := url.Parse(a.URL)
	if err != nil || u.Scheme != "http" || a.Key != "" {
		return false
	}
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !addr.IsLoopback())
}
