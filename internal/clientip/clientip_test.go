package clientip_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/liberdus/liberdus/internal/clientip"
)

func TestOf(t *testing.T) {
	const proxy = "10.0.0.1:999"
	for _, tt := range []struct {
		name    string
		remote  string
		headers []string // X-Forwarded-For, a line each
		want    string   // "" = none
	}{
		{"nobody in front", "203.0.113.7:5", nil, "203.0.113.7"},
		{"a client that makes one up", "203.0.113.7:5", []string{"192.0.2.1"}, "203.0.113.7"},
		{"through a proxy", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"a made-up one before it", proxy, []string{"192.0.2.1, 203.0.113.7"}, "203.0.113.7"},
		{"a trusted one made up", proxy, []string{"10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", proxy, []string{"192.0.2.1, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two proxies, two lines", proxy, []string{"192.0.2.1, 203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"proxies alone", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a proxy that says nothing", proxy, nil, "10.0.0.1"},
		{"an empty line", proxy, []string{""}, "10.0.0.1"},
		{"an empty entry", proxy, []string{"203.0.113.7,"}, "10.0.0.1"},
		{"an unknown client", proxy, []string{"203.0.113.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", proxy, []string{"203.0.113.7:443"}, "203.0.113.7"},
		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", proxy, []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"a bracket too few", proxy, []string{"[2001:db8::7"}, "10.0.0.1"},
		{"IPv4 in IPv6 form", proxy, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"a zone", proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{"the proxy in IPv6 form", "[::ffff:10.0.0.1]:9", []string{"203.0.113.7"}, "203.0.113.7"},
		{"the proxy over IPv6", "[2001:db8:1::1]:9", []string{"203.0.113.7"}, "203.0.113.7"},
		{"spaces and tabs", proxy, []string{" \t203.0.113.7\t "}, "203.0.113.7"},
		{"a Unix socket", "@", []string{"203.0.113.7"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trusted, err := clientip.Parse([]string{"10.0.0.0/8", "2001:db8:1::1"})
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{"X-Forwarded-For": tt.headers}}
			r.Header.Set("Forwarded", "for=198.51.100.9") // is never read
			want, _ := netip.ParseAddr(tt.want)
			if got := trusted.Of(r); got != want {
				t.Errorf("Of = %v, want %v", got, want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	got, err := clientip.Parse([]string{"127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"})
	if err != nil || len(got) != 4 || got[0].Bits() != 32 || got[2].Bits() != 128 {
		t.Errorf("Parse = %v, %v", got, err)
	}
	for _, text := range []string{"ten", "", "10.0.0.0/33", "fe80::1%eth0", "10.0.0.1:80"} {
		if _, err := clientip.Parse([]string{text}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Parse %q = %v, want an error that names it", text, err)
		}
	}
	if got, err := clientip.Parse(nil); err != nil || got == nil || got.Contains(netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("Parse of nothing = %v, %v, want an empty list", got, err)
	}
}

func TestPlace(t *testing.T) {
	for addr, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "::ffff:203.0.113.7": "203.0.113.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := clientip.Place(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("Place(%s) = %v, want %s", addr, got, want)
		}
	}
	if got := clientip.Place(netip.Addr{}); got.IsValid() {
		t.Errorf("Place of no address = %v", got)
	}
}

// Whatever a client sends through one proxy, the address is the one that the
// proxy appended; whatever it sends directly, it is its own.
func FuzzOf(f *testing.F) {
	for _, s := range []string{"", "1.2.3.4", "10.0.0.1", "a, b", "[::1]:80", "::1%z,", "10.1.1.1, 10.2.2.2", ",,,"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		trusted := clientip.Networks{netip.MustParsePrefix("10.0.0.0/8")}
		client := netip.MustParseAddr("203.0.113.7")
		for _, lines := range [][]string{{first, second + "," + client.String()}, {first, second, client.String()}} {
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": lines}}
			if got := trusted.Of(r); got != client {
				t.Errorf("%q: Of = %v, want %v", lines, got, client)
			}
		}
		r := &http.Request{RemoteAddr: "203.0.113.7:1", Header: http.Header{"X-Forwarded-For": {first, second}}}
		if got := trusted.Of(r); got != client {
			t.Errorf("directly: Of = %v, want %v", got, client)
		}
		r.RemoteAddr = "10.0.0.1:1"
		if got := trusted.Of(r); !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Errorf("%q, %q: Of = %v, want a plain address", first, second, got)
		}
	})
}
