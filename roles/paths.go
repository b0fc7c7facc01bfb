package roles

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/web"
	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/signaling"
)

// pagePath is where the archiver's page is when the PeerJS server has the root.
const pagePath = "/app"

// peerConfig returns the settings of the PeerJS server.
func peerConfig(cfg config.Archiver) (signaling.Config, error) {
	p := signaling.DefaultConfig()
	p.Path, p.Key, p.CORS = cfg.Path, cfg.Key, cfg.CORSOrigins()
	p.ConcurrentLimit, p.AllowDiscovery = cfg.ConcurrentLimit, cfg.AllowDiscovery
	p.ExpireTimeout, p.AliveTimeout = time.Duration(cfg.ExpireTimeout), time.Duration(cfg.AliveTimeout)
	p.CleanupInterval = time.Duration(cfg.CleanupOutMsgs)
	if err := p.Validate(); err != nil {
		return p, &UsageError{Err: err}
	}
	if err := clash(p); err != nil {
		return p, &UsageError{Err: err}
	}
	return p, nil
}

// clash refuses a path or key under which the PeerJS server and the archiver's
// own paths would hide each other. PeerJS does not tell upper from lower case.
func clash(p signaling.Config) error {
	for _, own := range slices.Concat(nodelist.Paths(), web.Paths(), []string{pagePath}) {
		switch {
		case p.Base() == "" && strings.EqualFold("/"+p.Key, own):
			return fmt.Errorf("--key %s: with --path / the PeerJS server would answer below %s, which is the archiver's own; choose another key or path", p.Key, own)
		case strings.EqualFold(p.Base(), own):
			return fmt.Errorf("--path %s: the archiver itself answers there; choose another path", p.Path)
		}
	}
	return nil
}

// A sitemap says which part of an archiver a path of its public listeners is.
type sitemap struct {
	base  string   // of the PeerJS server, without a slash at the end; "" = the root
	files []string // for browsers, but for the page
	api   []string
}

func newSitemap(base string) sitemap {
	return sitemap{base: base, files: web.Paths(), api: nodelist.Paths()}
}

// page is the path of the page.
func (m sitemap) page() string {
	if m.base == "" {
		return pagePath
	}
	return "/"
}

// peers is the path of the PeerJS server, as its clients are told it.
func (m sitemap) peers() string {
	if m.base == "" {
		return "/"
	}
	return m.base
}

// route returns the handler of a path: of the page, the files for browsers, the
// API, the PeerJS server, or of what is not there.
func (m sitemap) route(path string, page, files, api, peers, lost http.Handler) http.Handler {
	switch {
	case path == m.page():
		return page
	case slices.Contains(m.files, path):
		return files
	case slices.Contains(m.api, path):
		return api
	case m.atPeers(path):
		return peers
	}
	return lost
}

func (m sitemap) atPeers(path string) bool {
	n := len(m.base)
	return len(path) >= n && strings.EqualFold(path[:n], m.base) && (len(path) == n || path[n] == '/')
}
