package roles

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/liberdus/liberdus/internal/clientip"
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/internal/rpc"
	"github.com/liberdus/liberdus/rtc"
)

// countCallers has requests over HTTP counted by the address of their client, as
// those of sessions are. Who is exempt has no share of anything.
func (n *Consensor) countCallers() error {
	of, err := callersOf(n.cfg, n.log)
	if err != nil {
		return err
	}
	n.callers.Store(&of)
	n.api.Callers(func(r *http.Request) netip.Addr { return (*n.callers.Load())(r) })
	n.api.Limited(n.limited.note)
	return nil
}

// A callerOf returns the address under which a request over HTTP counts.
type callerOf func(*http.Request) netip.Addr

func callersOf(cfg config.Consensor, log *slog.Logger) (callerOf, error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	return placesOf(exempt, proxies, log), nil
}

// placesOf tells under which addresses requests over HTTP count, the zero Addr of
// those that are exempt.
func placesOf(exempt, proxies clientip.Networks, log *slog.Logger) callerOf {
	f := &front{proxies: proxies, log: log}
	return func(r *http.Request) netip.Addr {
		if addr := f.addrOf(r); !exempt.Contains(addr) {
			return clientip.Place(addr)
		}
		return netip.Addr{}
	}
}

// workOf is the context of a session's requests.
func workOf(s *rtc.Session) context.Context {
	if s.Exempt() {
		return s.Work()
	}
	return rpc.WithCaller(s.Work(), clientip.Place(s.RemoteAddr().Addr()))
}
