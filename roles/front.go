package roles

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/liberdus/liberdus/internal/clientip"
)

// A front tells whom requests come from. It notices a reverse proxy nearby that
// nobody has named as trusted: all its clients then share one address, or, if
// that is loopback, are spared every limit.
type front struct {
	proxies clientip.Networks // fixed
	log     *slog.Logger
	warned  sync.Once
}

func (f *front) addrOf(r *http.Request) netip.Addr {
	if direct := clientip.Direct(r); len(r.Header["X-Forwarded-For"]) > 0 && !f.proxies.Contains(direct) && near(direct) {
		f.warned.Do(func() {
			f.log.Warn("a proxy that is not trusted names its clients, and is not believed: limits by address cannot tell them apart",
				"proxy", direct, "remedy", "name it with --trusted-proxy "+direct.String())
		})
	}
	return f.proxies.Of(r)
}

// near reports whether addr is where a proxy of the operator's own may be: a
// stranger can send the header too.
func near(addr netip.Addr) bool { return addr.IsLoopback() || addr.IsPrivate() }
