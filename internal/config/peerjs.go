package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Millis is a duration. A bare number gives it in milliseconds, as the peerjs
// command takes it: 5000, "5000" and "5s" are the same.
type Millis time.Duration

// Set reads s. It is what a flag calls.
func (m *Millis) Set(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return m.setMillis(n)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf(`%q is neither milliseconds nor a duration such as "5s"`, s)
	}
	*m = Millis(d)
	return nil
}

func (m *Millis) setMillis(n int64) error {
	const most = int64(24 * time.Hour / time.Millisecond)
	if n < 0 || n > most {
		return fmt.Errorf("%d is not a number of milliseconds from 0 to %d (24h)", n, most)
	}
	*m = Millis(time.Duration(n) * time.Millisecond)
	return nil
}

func (m Millis) String() string { return time.Duration(m).String() }

// UnmarshalTOML reads an integer or a string.
func (m *Millis) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case int64:
		return m.setMillis(v)
	case string:
		return m.Set(v)
	}
	return fmt.Errorf(`%v is neither milliseconds nor a duration such as "5s"`, v)
}

// Port is a port number, or empty: none given.
type Port string

// UnmarshalTOML reads an integer or a string.
func (p *Port) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case int64:
		*p = Port(strconv.FormatInt(v, 10))
		return nil
	case string:
		*p = Port(v)
		return nil
	}
	return fmt.Errorf("%v is not a port number", v)
}

// minMillis is the shortest time that a timeout may be.
const minMillis = Millis(10 * time.Millisecond)

// validatePeerJS checks the settings that the peerjs command has too.
func (a Archiver) validatePeerJS(c *checks) {
	if a.ConcurrentLimit < 0 {
		c.add("concurrent-limit", fmt.Errorf("%d is negative", a.ConcurrentLimit))
	}
	for flag, m := range map[string]Millis{
		"expire-timeout": a.ExpireTimeout, "alive-timeout": a.AliveTimeout, "cleanup-out-msgs": a.CleanupOutMsgs,
	} {
		if m < minMillis {
			c.add(flag, fmt.Errorf("%v is under %v", m, minMillis))
		}
	}
	if i := strings.IndexFunc(a.Path, func(r rune) bool { return r > '~' }); i >= 0 {
		c.add("path", fmt.Errorf("%q has characters beyond ASCII, which clients write in different ways: use letters, digits, - and _", a.Path))
	}
	for flag, list := range map[string][]string{"cors": a.CORS, "allow-origin": a.AllowOrigin} {
		for _, text := range list {
			if _, err := Origin(text); err != nil {
				c.add(flag, err)
			}
		}
	}
	if _, err := netip.ParseAddr(a.Host); err != nil && strings.ContainsAny(a.Host, ":[]/ ") {
		c.add("host", fmt.Errorf("%q is neither a host name nor an address (a port goes into --port)", a.Host))
	}
	if a.Port == "" {
		return
	}
	if _, err := strconv.ParseUint(string(a.Port), 10, 16); err != nil {
		c.add("port", fmt.Errorf("%q is not a number from 0 to 65535", string(a.Port)))
	}
	if !slices.Equal(a.Listen, Default().Archiver.Listen) {
		c.add("port", errors.New("cannot be given together with --listen: it is the short form of --listen HOST:PORT"))
	}
}

// PublicAddrs returns the addresses of the public listeners: that of Host and
// Port, or else those of Listen, at Host where they name no host.
func (a Archiver) PublicAddrs() []string {
	if a.Port != "" {
		return []string{net.JoinHostPort(a.Host, string(a.Port))}
	}
	addrs := make([]string, len(a.Listen))
	for i, addr := range a.Listen {
		addrs[i] = a.at(addr)
	}
	return addrs
}

// NodeAddr returns the address of the listener for nodes, empty for none.
func (a Archiver) NodeAddr() string {
	if a.NodeListen == "" {
		return ""
	}
	return a.at(a.NodeListen)
}

// at puts Host into an address that has no host.
func (a Archiver) at(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "" {
		return addr
	}
	return net.JoinHostPort(a.Host, port)
}
