package rpc_test

import (
	"net/netip"
	"testing"

	"github.com/liberdus/liberdus/internal/rpc"
)

func TestCaller(t *testing.T) {
	if got := rpc.CallerOf(t.Context()); got.IsValid() {
		t.Errorf("caller of a plain context = %v, want none", got)
	}
	addr := netip.MustParseAddr("192.0.2.1")
	if got := rpc.CallerOf(rpc.WithCaller(t.Context(), addr)); got != addr {
		t.Errorf("caller = %v, want %v", got, addr)
	}
}

func TestShares(t *testing.T) {
	one, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	s := rpc.NewShares(10)
	for _, tt := range []struct {
		name string
		addr netip.Addr
		n    int64
		want bool
	}{
		{"some", one, 6, true},
		{"too much", one, 5, false},
		{"all of it", one, 4, true},
		{"one more", one, 1, false},
		{"another's", other, 10, true},
		{"nobody's", netip.Addr{}, 1000, true},
	} {
		if got := s.Take(tt.addr, tt.n); got != tt.want {
			t.Errorf("%s: Take(%v, %d) = %v, want %v", tt.name, tt.addr, tt.n, got, tt.want)
		}
	}
	if n, part := s.Fullest(); n != 2 || part != 1 {
		t.Errorf("Fullest = %d, %v, want 2 addresses, the one with all of its part", n, part)
	}
	s.Give(other, 8)
	s.Give(one, 5)
	if n, part := s.Fullest(); n != 2 || part != 0.5 {
		t.Errorf("Fullest = %d, %v, want 2 addresses, the one with half of its part", n, part)
	}
	s.Give(other, 2)
	s.Take(one, 5)
	s.Give(netip.Addr{}, 1000)
	s.Give(one, 10)
	if !s.Take(one, 10) {
		t.Error("what was given back cannot be taken again")
	}
}
