package nodelist

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
)

// What PeerJS servers of archivers have unless they say otherwise.
const (
	peerJSPath = "/liberdus-peer"
	peerJSKey  = "liberdus"
)

// A Signalling is what an archiver says of its signalling server.
type Signalling struct {
	Server RTC
	Info   Info
	// Foreign says that the URL is no archiver: it is taken for a bare PeerJS
	// server with the path and the key that archivers use, and Info is empty.
	Foreign bool
}

// Signalling asks an archiver for its signalling server. A URL that is no
// archiver, and is not known as one, is taken for a bare PeerJS server.
func (c *Client) Signalling(ctx context.Context) (at Signalling, err error) {
	at.Server, at.Info, err = c.RTC(ctx)
	if err == nil || !errors.Is(err, ErrNotArchiver) {
		return at, err
	}
	at.Foreign = true
	at.Server, err = bareServer(c.archiver.URL)
	return at, err
}

// bareServer returns where the PeerJS server of a URL is that is no archiver.
func bareServer(text string) (RTC, error) {
	u, err := url.Parse(text)
	if err != nil {
		return RTC{}, fmt.Errorf("archiver: %w", err)
	}
	r := RTC{Host: u.Hostname(), Secure: u.Scheme == "https", Path: peerJSPath, Key: peerJSKey, Port: 80}
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
