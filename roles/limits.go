package roles

import (
	"github.com/liberdus/liberdus/internal/config"
	"github.com/liberdus/liberdus/signaling"
)

// limit puts into p what one address, and one connection, may do.
func limit(p *signaling.Config, cfg config.Archiver) error {
	proxies, err := cfg.Proxies()
	if err != nil {
		return err
	}
	p.ClientAddr = proxies.Of
	return nil
}
