package signaling

import (
	"fmt"
	"sync/atomic"

	"github.com/liberdus/liberdus/internal/clientip"
)

// settings are the configuration that holds now.
type settings struct {
	now     atomic.Pointer[Config]
	changed chan struct{} // gets a token when it has
}

func newSettings(cfg Config) *settings {
	if cfg.GenerateID == nil {
		cfg.GenerateID = randomUUID
	}
	if cfg.ClientAddr == nil {
		cfg.ClientAddr = clientip.Direct
	}
	s := &settings{changed: make(chan struct{}, 1)}
	s.now.Store(&cfg)
	return s
}

// get returns the configuration of this moment, which nobody changes.
func (s *settings) get() *Config { return s.now.Load() }

// Limits returns the settings that hold.
func (s *Server) Limits() Config { return *s.cfg.get() }

// Prepare checks a new configuration, and returns what makes it hold: that cannot
// fail. Sockets that are open stay open. Of cfg count how many peers there may be,
// what one connection and one address may do and who is spared that, origins,
// discovery, and the times of messages, silence and holds; all else is as it was.
// Path and Key must be. Who is spared, or limited by connection, is found out when
// a socket is opened.
func (s *Server) Prepare(cfg Config) (apply func(), err error) {
	next := *s.cfg.get()
	if normalizePath(cfg.Path) != s.base || cfg.Key != next.Key {
		return nil, fmt.Errorf("signaling: path and key cannot change while the server runs")
	}
	next.ConcurrentLimit, next.MaxPending, next.AllowDiscovery = cfg.ConcurrentLimit, cfg.MaxPending, cfg.AllowDiscovery
	next.CORS, next.AllowOrigin = cfg.CORS, cfg.AllowOrigin
	next.ExpireTimeout, next.CleanupInterval, next.AliveTimeout = cfg.ExpireTimeout, cfg.CleanupInterval, cfg.AliveTimeout
	next.MessageRate, next.MessageBurst = cfg.MessageRate, cfg.MessageBurst
	next.ConnectRate, next.ConnectBurst, next.CallRate, next.CallBurst = cfg.ConnectRate, cfg.ConnectBurst, cfg.CallRate, cfg.CallBurst
	next.SocketsPerAddress, next.ReserveID, next.IDGrace = cfg.SocketsPerAddress, cfg.ReserveID, cfg.IDGrace
	next.LimitExempt, next.Crowds = cfg.LimitExempt, cfg.Crowds
	if next.ClientAddr = cfg.ClientAddr; next.ClientAddr == nil {
		next.ClientAddr = clientip.Direct
	}
	if err := next.Validate(); err != nil {
		return nil, fmt.Errorf("signaling: %w", err)
	}
	return func() {
		s.registry.hold(&next)
		select {
		case s.cfg.changed <- struct{}{}:
		default: // it is to look already
		}
	}, nil
}

// hold makes next hold.
func (r *registry) hold(next *Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.now.Store(next)
	r.issued.time, r.lost.time = next.ReserveID, next.IDGrace
}
