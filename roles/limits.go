package roles

import (
	"log/slog"
	"time"

	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/signaling"
)

// gateOf returns the gate of an archiver's listeners.
func gateOf(cfg config.Archiver) (*gate, error) {
	exempt, err := cfg.Exempt()
	if err != nil {
		return nil, err
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, err
	}
	return newGate(cfg.SocketsPerAddress, exempt, proxies), nil
}

// limit puts into p what one address, and one connection, may do.
func limit(p *signaling.Config, cfg config.Archiver, log *slog.Logger) error {
	proxies, err := cfg.Proxies()
	if err != nil {
		return err
	}
	exempt, err := cfg.Exempt()
	if err != nil {
		return err
	}
	f := &front{proxies: proxies, log: log}
	p.ClientAddr, p.LimitExempt = f.addrOf, exempt
	p.AllowOrigin = cfg.AllowOrigin
	if len(cfg.CORS) == 0 {
		p.CORS = cfg.AllowOrigin // whoever may not connect need not read answers either
	}
	p.SocketsPerAddress = cfg.SocketsPerAddress
	p.ConnectRate, p.ConnectBurst = cfg.ConnectRate, 10*cfg.ConnectRate
	p.CallRate, p.CallBurst = cfg.ConnectRate, 10*cfg.ConnectRate
	p.MessageRate, p.MessageBurst = cfg.MessageRate, 4*cfg.MessageRate
	p.ReserveID, p.IDGrace = time.Duration(cfg.ReserveID), time.Duration(cfg.IDGrace)
	return p.Validate()
}
