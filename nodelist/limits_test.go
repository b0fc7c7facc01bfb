package nodelist_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/nodelist"
)

func TestLimits(t *testing.T) {
	from := func(i int) string { return fmt.Sprintf("192.0.2.%d:1", i) }
	t.Run("an address", func(t *testing.T) {
		a := newArchiver(t, nil)
		for n := 1; n <= 8; n++ {
			if reason := a.postFrom(from(1), signed(t, n, joinOf(n))); reason != "" {
				t.Fatalf("node %d: %s", n, reason)
			}
		}
		const want = "too many nodes of one address are listed, at most 8 may be"
		if got := a.postFrom(from(1), signed(t, 9, joinOf(9))); got != want {
			t.Errorf("the ninth is refused with %q, want %q", got, want)
		}
		again := joinOf(1)
		again["timestamp"] = again["timestamp"].(float64) + 1000
		if got := a.postFrom(from(1), signed(t, 1, again)); got != "" {
			t.Errorf("one of the eight joins again and is refused with %q", got)
		}
		if got := a.postFrom(from(2), signed(t, 9, joinOf(9))); got != "" {
			t.Errorf("the ninth from elsewhere is refused with %q", got)
		}
		a.Left(keyOf(2).Public())
		if got := a.postFrom(from(1), signed(t, 10, joinOf(10))); got != "" {
			t.Errorf("after one left, another is refused with %q", got)
		}
	})
	t.Run("an IPv6 network", func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) { c.PerAddress = 1 })
		a.postFrom("[2001:db8::1]:1", signed(t, 1, joinOf(1)))
		if got := a.postFrom("[2001:db8::2]:1", signed(t, 2, joinOf(2))); !strings.HasPrefix(got, "too many") {
			t.Errorf("another node of the /64 is refused with %q", got)
		}
		if got := a.postFrom("[2001:db8:0:1::1]:1", signed(t, 2, joinOf(2))); got != "" {
			t.Errorf("a node of another /64 is refused with %q", got)
		}
	})
	for _, tt := range []struct {
		name   string
		exempt []netip.Prefix
		from   string
		spared bool
	}{
		{"loopback by default", nil, "127.0.0.1:1", true},
		{"IPv6 loopback by default", nil, "[::1]:1", true},
		{"mapped loopback by default", nil, "[::ffff:127.0.0.1]:1", true},
		{"loopback if none is spared", []netip.Prefix{}, "127.0.0.1:1", false},
		{"an address that is named", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "192.0.2.7:1", true},
		{"loopback if another is named", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "127.0.0.1:1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newArchiver(t, func(c *nodelist.Config) { c.PerAddress, c.LimitExempt = 1, tt.exempt })
			a.postFrom(tt.from, signed(t, 1, joinOf(1)))
			if got := a.postFrom(tt.from, signed(t, 2, joinOf(2))); (got == "") != tt.spared {
				t.Errorf("the second is refused with %q, want spared: %v", got, tt.spared)
			}
		})
	}
	t.Run("in all", func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) { c.Total = 3 })
		for n := 1; n <= 3; n++ {
			a.postFrom(from(n), signed(t, n, joinOf(n)))
		}
		const want = "the list is full, it holds 3 nodes"
		if got := a.postFrom(from(4), signed(t, 4, joinOf(4))); got != want {
			t.Errorf("the fourth is refused with %q, want %q", got, want)
		}
	})
	t.Run("departures", func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) { c.Total = 1 })
		for n := 1; n <= 40; n++ {
			a.mustJoin(n)
			a.Left(keyOf(n).Public())
		}
		if got := a.Departed(); got != 25 {
			t.Errorf("%d departures are remembered, want 25", got)
		}
	})
	t.Run("the address a proxy tells", func(t *testing.T) {
		a := newArchiver(t, func(c *nodelist.Config) {
			c.PerAddress = 1
			c.ClientAddr = proxiedAddr
		})
		a.postFrom("127.0.0.1:1", signed(t, 1, joinOf(1)))
		if got := a.postFrom("127.0.0.1:1", signed(t, 2, joinOf(2))); !strings.HasPrefix(got, "too many") {
			t.Errorf("the second is refused with %q", got)
		}
	})
}
