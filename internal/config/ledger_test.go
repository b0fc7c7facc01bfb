package config_test

import (
	"testing"

	"github.com/liberdus/liberdus/internal/config"
)

// A node has 9001, so a consensor beside it listens on 9101, unless told.
func TestListenAddr(t *testing.T) {
	for _, tt := range []struct{ ledger, listen, want string }{
		{config.LedgerEmbedded, "", ":9001"},
		{config.LedgerShardus, "", ":9101"},
		{config.LedgerShardus, ":9001", ":9001"},
		{config.LedgerEmbedded, "127.0.0.1:0", "127.0.0.1:0"},
	} {
		n := config.Default().Consensor
		n.Ledger, n.Listen = tt.ledger, tt.listen
		if got := n.ListenAddr(); got != tt.want {
			t.Errorf("ListenAddr of %q, listen %q = %s, want %s", tt.ledger, tt.listen, got, tt.want)
		}
	}
}

func TestNodeURLs(t *testing.T) {
	for url, good := range map[string]bool{
		"http://127.0.0.1:9001": true, "https://node.example/": true, "http://[::1]:9001": true,
		"127.0.0.1:9001": false, "http://h/path": false, "http://h?x": false, "http://u@h": false, "": false,
	} {
		n := config.Default().Consensor
		n.Archiver, n.Ledger, n.Node = []string{"http://127.0.0.1:6080"}, config.LedgerShardus, url
		if err := n.Validate(); (err == nil) != good {
			t.Errorf("Validate with node %q = %v, want good: %v", url, err, good)
		}
	}
}
