package roles

import (
	"net/netip"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		name, listed string
		archiver     []string
		want         bool
	}{
		{"both of the Internet", "203.0.113.7", []string{"198.51.100.2"}, true},
		{"the Internet's, at an archiver in the same house", "203.0.113.7", []string{"192.168.1.2"}, true},
		{"a house's, at an archiver of the Internet", "192.168.1.7", []string{"198.51.100.2"}, false},
		{"a provider's, at an archiver of the Internet", "100.72.1.7", []string{"198.51.100.2"}, false},
		{"a link's, at an archiver of the Internet", "fe80::7", []string{"2001:db8::2"}, false},
		{"both of a house", "192.168.1.7", []string{"10.0.0.2"}, true},
		{"this machine's, at an archiver of a house", "127.0.0.1", []string{"10.0.0.2"}, false},
		{"this machine's, written as IPv6", "::ffff:127.0.0.1", []string{"10.0.0.2"}, false},
		{"both of this machine", "127.0.0.1", []string{"127.0.0.1"}, true},
		{"a house's, at an archiver with an address there, too", "192.168.1.7", []string{"2001:db8::2", "192.168.1.2"}, true},
		{"an archiver of which nothing is known", "127.0.0.1", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var archiver []netip.Addr
			for _, a := range tt.archiver {
				archiver = append(archiver, netip.MustParseAddr(a))
			}
			if got := within(netip.MustParseAddr(tt.listed), archiver); got != tt.want {
				t.Errorf("within = %v, want %v", got, tt.want)
			}
		})
	}
}
