package roles

import (
	"net"
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/signaling"
)

func safePort(l *doorway) bool {
	_, port := hostPort(l)
	return config.BrowserSafe(port)
}

// best is the listener that clients are told of: the first whose port browsers
// do not refuse, if there is one.
func (a *Archiver) best() net.Listener {
	if i := slices.IndexFunc(a.public, safePort); i >= 0 {
		return a.public[i]
	}
	return a.public[0]
}

// rtc is what /rtc tells: the public URL, or the best port at whatever host the
// asker came to.
func (a *Archiver) rtc(peers signaling.Config) (nodelist.RTC, error) {
	r := nodelist.RTC{Path: a.site.peers(), Key: peers.Key}
	if a.cfg.PublicURL == "" {
		_, r.Port = hostPort(a.best())
		r.Secure = a.certs != nil
		return r, nil
	}
	o, err := parseOrigin(a.cfg.PublicURL)
	r.Host, r.Port, r.Secure = o.host, o.port, o.secure
	return r, err
}

// URL returns an address of the archiver that a browser may use, if it has one.
func (a *Archiver) URL() string { return a.own().String() }

// own is where the best listener is.
func (a *Archiver) own() origin {
	host, port := hostPort(a.best())
	o := origin{a.certs != nil, reachable(host), port}
	if o.secure {
		o.host = a.certs.Host(o.host)
	}
	return o
}

// told is where clients are told to come: to the public URL, if there is one.
func (a *Archiver) told() origin {
	if a.cfg.PublicURL != "" {
		if o, err := parseOrigin(a.cfg.PublicURL); err == nil { // else New would have refused it
			return o
		}
	}
	return a.own()
}

// warn says before the start what will not work or is not safe.
func (a *Archiver) warn() {
	if !slices.ContainsFunc(a.public, safePort) {
		a.log.Warn("browsers refuse to connect to every port this archiver listens on", "remedy", "add --listen :6080")
	}
	open := slices.IndexFunc(a.public, func(l *doorway) bool {
		host, _ := hostPort(l)
		return !isLoopback(host)
	})
	if open < 0 {
		return
	}
	addr := a.public[open].Addr().String()
	if anyNode(a.cfg) {
		a.warnAnyNode()
	}
	if a.certs == nil && !strings.HasPrefix(a.cfg.PublicURL, "https:") {
		a.log.Warn("https pages cannot use this archiver: browsers block plain http and ws there (mixed content)", "addr", addr,
			"remedy", "--acme HOST; or --tls-cert FILE --tls-key FILE; or --public-url https://HOST where a TLS terminator stands in front")
	}
}

// anyNode reports whether any node may be listed.
func anyNode(cfg config.Archiver) bool { return len(cfg.AllowNode) == 0 && cfg.NodesFrom == "" }

func (a *Archiver) warnAnyNode() {
	a.log.Warn("any node may join this archiver's list", "addr", a.best().Addr().String(),
		"remedy", "name the nodes with --allow-node KEY, or another archiver that does with --nodes-from URL#KEY")
}
