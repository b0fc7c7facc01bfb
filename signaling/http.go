package signaling

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gorilla/websocket"
)

const (
	typeJSON = "application/json; charset=utf-8"
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"

	// rootBody is what PeerJS programs and people look for to know what this is.
	rootBody = `{"name":"PeerJS Server","description":"A server side element to broker connections between PeerJS clients.","website":"https://peerjs.com/"}`

	idAttempts = 16 // ids made for one request until a free one is found
)

// ServeHTTP answers everything below Config.Path: the HTTP calls of PeerJS,
// with CORS, and its WebSocket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case path == s.socketPath() && r.Header.Get("Upgrade") != "":
		s.serveSocket(w, r)
		return
	case websocket.IsWebSocketUpgrade(r):
		s.count(r, RefusedHandshake)
		reply(w, http.StatusBadRequest, typeText, "Bad Request\n\n"+s.directions(r))
		return
	}
	rest, ok := s.below(path)
	if !ok {
		s.notFound(w, r)
		return
	}
	s.allowOrigin(w.Header(), r)
	switch r.Method {
	case http.MethodOptions:
		answerPreflight(w, r)
	case http.MethodGet, http.MethodHead:
		s.serveCall(w, r, rest)
	default:
		s.notFound(w, r)
	}
}

// socketPath is the URL path of the WebSocket. Its last segment is fixed: it
// is not the key.
func (s *Server) socketPath() string { return s.base + "/peerjs" }

// below returns the segments of path under the base. Letter case and one slash
// at the end do not count, a doubled slash does.
func (s *Server) below(path string) (segments []string, ok bool) {
	if len(path) < len(s.base) || !strings.EqualFold(path[:len(s.base)], s.base) {
		return nil, false
	}
	rest := path[len(s.base):]
	if rest == "" {
		return nil, true
	}
	rest, ok = strings.CutPrefix(rest, "/")
	if !ok {
		return nil, false // /myapplication is not below /myapp
	}
	if rest == "" {
		return nil, true
	}
	return strings.Split(strings.TrimSuffix(rest, "/"), "/"), true
}

func (s *Server) serveCall(w http.ResponseWriter, r *http.Request, segments []string) {
	switch {
	case len(segments) == 0:
		reply(w, http.StatusOK, typeJSON, rootBody)
	case len(segments) != 2 || segments[0] == "":
		s.notFound(w, r)
	case strings.EqualFold(segments[1], "id"):
		s.serveID(w, r)
	case strings.EqualFold(segments[1], "peers"):
		s.servePeers(w, r, segments[0])
	default:
		s.notFound(w, r)
	}
}

// serveID answers with an id that nobody holds, and keeps it for whoever asked.
// The key is not looked at, as with every PeerJS server.
func (s *Server) serveID(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	addr := s.cfg.get().ClientAddr(r)
	if !s.registry.call(addr, s.now()) {
		s.refuse(w, r, RefusedCalls)
		return
	}
	for range idAttempts {
		if id := s.cfg.get().GenerateID(); s.registry.issue(id, addr, s.now()) {
			reply(w, http.StatusOK, typeHTML, id)
			return
		}
	}
	s.count(r, RefusedNoID)
	reply(w, http.StatusServiceUnavailable, typeText, "no free id was found")
}

// servePeers lists the ids, if that is allowed, to those who know the key.
func (s *Server) servePeers(w http.ResponseWriter, r *http.Request, key string) {
	w.Header().Set("Cache-Control", "no-store")
	if !s.registry.call(s.cfg.get().ClientAddr(r), s.now()) {
		s.refuse(w, r, RefusedCalls)
		return
	}
	named, err := url.PathUnescape(key)
	if cfg := s.cfg.get(); err != nil || !cfg.AllowDiscovery || named != cfg.Key {
		s.count(r, RefusedDiscovery)
		reply(w, http.StatusUnauthorized, typeText, "Unauthorized")
		return
	}
	body, err := json.Marshal(s.registry.ids())
	if err != nil { // strings can always be encoded
		reply(w, http.StatusInternalServerError, typeText, err.Error())
		return
	}
	reply(w, http.StatusOK, typeJSON, string(body))
}

// notFound says which paths there are. It repeats nothing of the request: the
// paths of old PeerJS clients carry tokens.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusNotFound, typeText, "Not Found\n\n"+s.directions(r))
}

func (s *Server) directions(r *http.Request) string {
	if s.cfg.get().Directions != nil {
		return s.cfg.get().Directions(r)
	}
	return fmt.Sprintf(`This PeerJS server answers at
  %[1]s/                                    what it is
  %[1]s/%[2]s/id                            a fresh peer id
  %[1]s/peerjs?key=%[2]s&id=...&token=...   the WebSocket
Options for PeerJS: path: "%[1]s/", key: "%[2]s"
`, s.base, s.cfg.get().Key)
}

func reply(w http.ResponseWriter, status int, contentType, body string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // an error is the client's going away
}

// allowOrigin lets pages of the origins in Config.CORS read the answer. Others
// get it too, and their browser keeps it from them.
func (s *Server) allowOrigin(h http.Header, r *http.Request) {
	h.Add("Vary", "Origin")
	allowed := s.cfg.get().CORS
	open := len(allowed) == 0 || slices.Contains(allowed, "*")
	if origin := r.Header.Get("Origin"); origin != "" && (open || slices.Contains(allowed, origin)) {
		h.Set("Access-Control-Allow-Origin", origin)
	}
}

func answerPreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Vary", "Origin, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveSocket upgrades the request and leaves the connection to a goroutine of
// its own: nothing of net/http is kept for as long as the socket lives.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !s.originAllowed(r) {
		s.refuse(w, r, RefusedOrigin)
		return
	}
	addr := s.cfg.get().ClientAddr(r)
	pl, why := s.registry.enter(addr, s.now())
	if why != "" {
		s.refuse(w, r, why)
		return
	}
	var header http.Header
	if offered := websocket.Subprotocols(r); len(offered) > 0 {
		header = http.Header{"Sec-Websocket-Protocol": offered[:1]}
	}
	hijacker := &keptHijacker{ResponseWriter: w}
	if _, err := s.upgrader.Upgrade(hijacker, r, header); err != nil {
		s.registry.cancel(pl, s.now())
		s.count(r, RefusedHandshake)
		return // answered
	}
	cred := parseCredentials(r.URL.RawQuery)
	c := s.newSocket(hijacker.held.Conn, r, cred, addr, pl)
	if !s.registry.open(&c.session, s.begin) {
		s.registry.cancel(pl, s.now())
		s.refused(c.remote, RefusedStopping)
		hijacker.held.refuse(websocket.CloseGoingAway)
		return
	}
	defer s.sockets.Done()
	c.admit(cred)
	s.sockets.Go(c.run)
	c.write(hijacker.held.answer)
}

// begin notes a socket whose goroutines are about to start.
func (s *Server) begin() {
	s.sockets.Add(1)
	s.writers.join()
}

// count notes that a request is refused.
func (s *Server) count(r *http.Request, why Refusal) {
	remote := remoteName(r, s.cfg.get().ClientAddr(r))
	s.log.Debug("request refused", "remote", remote, "reason", why)
	s.refused(remote, why)
}

// refuse answers a request that is not even looked at.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why Refusal) {
	s.count(r, why)
	status := http.StatusTooManyRequests
	switch why {
	case RefusedOrigin:
		reply(w, http.StatusForbidden, typeText, "Pages of this origin may not connect here")
		return
	case RefusedPending, RefusedStopping:
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Retry-After", "5")
	reply(w, status, typeText, http.StatusText(status))
}

// randomUUID returns a UUID of version 4.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
