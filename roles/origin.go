package roles

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/liberdus/liberdus/internal/config"
)

// An origin is where HTTP is answered: what precedes the path of a URL.
type origin struct {
	secure bool
	host   string // without brackets
	port   int
}

// parseOrigin reads a URL of which only the origin counts.
func parseOrigin(text string) (origin, error) {
	u, err := url.Parse(text)
	if err != nil {
		return origin{}, err
	}
	o := origin{secure: u.Scheme == "https", host: u.Hostname()}
	if u.Port() == "" {
		o.port = o.usual()
		return o, nil
	}
	o.port, err = strconv.Atoi(u.Port())
	return o, err
}

// usual is the port that a URL need not name.
func (o origin) usual() int {
	if o.secure {
		return 443
	}
	return 80
}

// String returns the URL, without a slash at the end.
func (o origin) String() string {
	scheme := "http"
	if o.secure {
		scheme = "https"
	}
	if o.port == o.usual() {
		return scheme + "://" + o.bracketed()
	}
	return scheme + "://" + net.JoinHostPort(o.host, strconv.Itoa(o.port))
}

// bracketed is the host as PeerJS and URLs have it.
func (o origin) bracketed() string {
	if strings.Contains(o.host, ":") {
		return "[" + o.host + "]"
	}
	return o.host
}

// options are what the PeerJS constructor takes, in JavaScript.
func (o origin) options(path, key string) string {
	return fmt.Sprintf(`{ host: %s, port: %d, path: %s, key: %s, secure: %t }`, quoteJS(o.bracketed()), o.port, quoteJS(path), quoteJS(key), o.secure)
}

// quoteJS writes a JavaScript string. It prefers the quotes that a log line,
// itself in double quotes, need not escape.
func quoteJS(text string) string {
	if strings.ContainsAny(text, `'\`) {
		return strconv.Quote(text)
	}
	return "'" + text + "'"
}

// snippet is a program for a page or a module that has PeerJS: it asks a node
// of the list for its nodeInfo.
func (o origin) snippet(path, key string) []string {
	return []string{
		fmt.Sprintf(`const peer = new Peer(%s); await new Promise((opened) => peer.on('open', opened));`, o.options(path, key)),
		fmt.Sprintf(`const node = peer.connect((await (await fetch(%s)).json()).peerIds[0], { serialization: 'json', reliable: true });`, quoteJS(o.String()+"/peerids")),
		`node.on('open', () => node.send({ url: 'nodeInfo', method: 'GET' })).on('data', (reply) => console.log(reply));`,
	}
}

// hostHeader is what a Host header may look like for an answer to repeat it.
var hostHeader = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// asked is where the sender of r, and others like it, come to the archiver: the
// public URL if there is one, or else the host that it asked for. A port that
// browsers refuse is replaced by one that they do not.
func (a *Archiver) asked(r *http.Request) origin {
	o := a.told()
	if a.cfg.PublicURL != "" || !hostHeader.MatchString(r.Host) {
		return o
	}
	here, err := parseOrigin("http://" + r.Host)
	if err != nil {
		return o
	}
	o.host = here.host
	if _, port, err := net.SplitHostPort(r.Host); err != nil {
		o.port = o.usual()
	} else if n, err := strconv.Atoi(port); err == nil && config.BrowserSafe(n) {
		o.port = n
	}
	return o
}
