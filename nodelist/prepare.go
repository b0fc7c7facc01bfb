package nodelist

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/liberdus/liberdus/internal/clientip"
)

// doors say where requests come from. They do not change.
type doors struct {
	clientAddr func(*http.Request) netip.Addr
	exempt     clientip.Networks // to which PerAddress does not apply
}

// place returns what addr counts under for PerAddress: the address itself, the
// /64 of an IPv6 address, or the zero Addr if it is exempt or not known.
func (d *doors) place(addr netip.Addr) netip.Addr {
	if d.exempt.Contains(addr) {
		return netip.Addr{}
	}
	return clientip.Place(addr)
}

// Prepare checks other settings, and returns what makes them hold: that cannot
// fail. Of cfg count AllowNode, LimitExempt and ClientAddr; all else is as it was.
// Nodes that may no longer be listed are taken off the list.
func (l *List) Prepare(cfg Config) (apply func(), err error) {
	next := l.cfg
	next.AllowNode, next.LimitExempt, next.ClientAddr = cfg.AllowNode, cfg.LimitExempt, cfg.ClientAddr
	next = next.withDefaults()
	if err := next.Validate(); err != nil {
		return nil, fmt.Errorf("nodelist: %w", err)
	}
	return func() {
		l.doors.Store(&doors{next.ClientAddr, next.LimitExempt})
		l.update(func(r *roster, now time.Time) { r.permit(next, now) })
	}, nil
}

// permit lets the nodes that cfg names join, and no others of those that are not
// borrowed.
func (r *roster) permit(cfg Config, now time.Time) {
	r.restricted = len(cfg.AllowNode) > 0 || cfg.NodesFrom.URL != ""
	r.allow = make(map[string]bool, len(cfg.AllowNode))
	for _, key := range cfg.AllowNode {
		r.allow[key] = true
	}
	for _, m := range slices.Collect(maps.Values(r.byKey)) {
		if !r.mayJoin(m.node.PublicKey) {
			r.drop(m, "its key may no longer be listed", now)
		}
	}
}
