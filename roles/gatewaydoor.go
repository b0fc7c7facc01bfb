package roles

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	counting "github.com/liberdus/liberdus/internal/tally"
	"github.com/liberdus/liberdus/internal/telemetry"
)

// door is the API as a browser may see it.
//
// A name that leads to this machine may be anybody's: a web page can have its own
// host name point here, and then comes with the rights of the gateway's own pages
// (DNS rebinding). So who asks must have named the gateway itself.
func (g *Gateway) door() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		// What nodes answer is data, whatever type they give it.
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		live := g.live.Load()
		if !g.isCalled(live.cfg, r.Host) {
			g.strangers.note("host", r)
			g.refuse(w, r, http.StatusMisdirectedRequest, fmt.Sprintf("this gateway is not called %.80q: use %s, or start it with --allow-host", hostOf(r.Host), g.URL()))
			return
		}
		if o := r.Header["Origin"]; len(live.origins) > 0 && len(o) > 0 && !slices.Contains(live.origins, strings.ToLower(o[0])) {
			g.strangers.note("origin", r)
			g.refuse(w, r, http.StatusForbidden, fmt.Sprintf("pages of %.80q may not use this gateway: start it with --allow-origin", o[0]))
			return
		}
		// Chromium asks so before a public page may come to this machine.
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
		g.api.ServeHTTP(w, r)
	})
}

func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	fault := rpc.Fault(rpc.BadRequest, text)
	fault.Status = status
	g.api.Say(w, r, fault)
}

// isCalled reports whether a Host header names the gateway. An address always
// does: nobody can have it point elsewhere. HTTP/1.0 may name nothing.
func (g *Gateway) isCalled(cfg config.Gateway, header string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostOf(header), "."))
	if _, err := netip.ParseAddr(name); err == nil || name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if slices.ContainsFunc(cfg.AllowHost, func(host string) bool { return strings.EqualFold(host, name) }) {
		return true
	}
	bound, _ := hostPort(g.http)
	return len(cfg.AllowHost) == 0 && !isLoopback(bound)
}

// strangers counts who did not call the gateway by its name, and pages that may not
// use it.
type strangers struct {
	counts   counting.Counts[string] // fixed
	refusals *telemetry.Refusals     // nil: nobody looks
}

func (s strangers) note(why string, r *http.Request) {
	s.counts[why].Add(1)
	s.refusals.Note("gateway", why, hostOf(r.RemoteAddr))
}

// hostOf returns the host of a Host header.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return strings.Trim(header, "[]")
}
