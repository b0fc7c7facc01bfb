package roles

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/web"
	"github.com/liberdus/liberdus/nodelist"
)

// publicHandler serves clients: the PeerJS server under its path, the
// archiver's API, what browsers get, and a word for whoever comes by with curl.
func (a *Archiver) publicHandler() http.Handler {
	page, lost := http.HandlerFunc(a.landing), a.lost(a.asked)
	api := a.list.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.site.route(r.URL.Path, page, a.files, api, a.peers, lost).ServeHTTP(w, r)
	})
}

// nodeHandler serves nodes: the API alone.
func (a *Archiver) nodeHandler() http.Handler {
	api := a.list.Handler()
	lost := a.lost(func(*http.Request) origin { return a.told() })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(nodelist.Paths(), r.URL.Path) {
			api.ServeHTTP(w, r)
			return
		}
		lost.ServeHTTP(w, r)
	})
}

// announce logs the URLs that clients need.
func (a *Archiver) announce() {
	o := a.told()
	a.log.Info("clients connect here", "page", o.String()+a.site.page(), "peerServer", a.peerURL(o), "freshID", a.peerURL(o)+a.cfg.Key+"/id")
	for _, line := range o.snippet(a.site.peers(), a.cfg.Key) {
		a.log.Info("from a page that has PeerJS", "js", line)
	}
}

// peerURL is the URL of the PeerJS server, with a slash at the end.
func (a *Archiver) peerURL(o origin) string {
	return o.String() + strings.TrimRight(a.site.peers(), "/") + "/"
}

// landing is the page for browsers, and text for everybody else.
func (a *Archiver) landing(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if web.TakesPage(r) {
		a.files.ServePage(w, r, a.sockets(r))
		return
	}
	a.welcome(w, r)
}

// sockets is where WebSockets of the PeerJS server are, for who asked as r did:
// at the port that clients are told, which need not be that of r.
func (a *Archiver) sockets(r *http.Request) string {
	o := a.asked(r)
	o.port = a.told().port
	return "ws" + strings.TrimPrefix(o.String(), "http")
}

// welcome describes the archiver in plain text. Its snippet is for a page that
// has loaded PeerJS, or for a module that imports it.
func (a *Archiver) welcome(w http.ResponseWriter, r *http.Request) {
	o := a.asked(r)
	text := fmt.Sprintf(`Liberdus archiver %[1]s

public key      %[2]s
PeerJS server   %[3]s
API             %[4]s  %[5]s

From a page or a module that has PeerJS (npm install peerjs):

  %[6]s

From a web page of any kind, with nodes that prove who they are (types: %[4]s/liberdus.d.ts):

  import { connect } from '%[4]s/liberdus.js'

From a shell:

  liberdus client nodes --archiver %[4]s#%[2]s
`, Version, a.key.Public(), a.peerURL(o), o, strings.Join(nodelist.Paths(), " "), strings.Join(o.snippet(a.site.peers(), a.cfg.Key), "\n  "))
	plain(w, http.StatusOK, text)
}

// directions tells who asked for a path that is not there what they may have
// meant.
func (a *Archiver) directions(r *http.Request) string { return a.directionsFrom(a.asked(r)) }

func (a *Archiver) directionsFrom(o origin) string {
	return fmt.Sprintf(`This is a Liberdus archiver. What it has:
  %[1]s%[2]s   how to connect
  %[3]s   the PeerJS server
  %[3]s%[4]s/id   a fresh peer id
  %[5]speerjs?key=%[4]s&id=...&token=...   its WebSocket
  %[1]s/nodelist   the nodes; beside it %[6]s

Options for PeerJS:
  new Peer(%[7]s)
`, o, a.site.page(), a.peerURL(o), a.cfg.Key, "ws"+strings.TrimPrefix(a.peerURL(o), "http"), strings.Join(nodelist.Paths()[1:], " "),
		o.options(a.site.peers(), a.cfg.Key))
}

// lost answers a request for a path that is not there with those that are. It
// repeats nothing of the path: those of old PeerJS clients carry tokens.
func (a *Archiver) lost(where func(*http.Request) origin) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			plain(w, http.StatusBadRequest, "no such path here for a WebSocket\n\n"+a.directionsFrom(where(r)))
			return
		}
		plain(w, http.StatusNotFound, "no such path here\n\n"+a.directionsFrom(where(r)))
	})
}

// plain answers with text that no browser takes for a page.
func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a peer that went away is no fault of ours
}
