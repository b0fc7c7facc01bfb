package roles

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/liberdus/liberdus/nodelist"
	"github.com/liberdus/liberdus/signaling"
)

// bareServer returns where the PeerJS server of a URL is that is no archiver.
func bareServer(text string) (nodelist.RTC, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nodelist.RTC{}, fmt.Errorf("archiver: %w", err)
	}
	r := nodelist.RTC{Host: u.Hostname(), Secure: u.Scheme == "https", Path: signaling.DefaultPath, Key: signaling.DefaultKey, Port: 80}
	if r.Secure {
		r.Port = 443
	}
	if u.Port() != "" {
		if r.Port, err = strconv.Atoi(u.Port()); err != nil {
			return r, fmt.Errorf("archiver: %w", err)
		}
	}
	return r, nil
}
