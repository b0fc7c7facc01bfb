package signaling

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// originAllowed says whether the page that r comes from, if it comes from one,
// may open a WebSocket.
func (s *Server) originAllowed(r *http.Request) bool {
	allowed := s.cfg.get().AllowOrigin
	origins := r.Header.Values("Origin")
	if len(allowed) == 0 || len(origins) == 0 || slices.Contains(allowed, "*") {
		return true
	}
	return len(origins) == 1 && slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, origins[0]) })
}

// validOrigin reports whether s is what a browser may send as Origin, or "*".
// "null" is the origin of files and of sandboxed pages.
func validOrigin(s string) bool {
	if s == "*" || s == "null" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil && s == u.Scheme+"://"+u.Host
}
