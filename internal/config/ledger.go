package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ListenAddr returns the address of the node's HTTP server.
func (n Consensor) ListenAddr() string {
	if n.Ledger == LedgerShardus {
		return cmp.Or(n.Listen, PortBeside)
	}
	return cmp.Or(n.Listen, PortConsensor)
}

// validateLedger checks what is behind the API.
func (n Consensor) validateLedger(c *checks) {
	switch {
	case !slices.Contains(Ledgers, n.Ledger):
		c.add("ledger", fmt.Errorf("%q is none of %s", n.Ledger, strings.Join(Ledgers, ", ")))
	case n.Ledger != LedgerShardus:
		if n.Node != "" {
			c.add("node", errors.New("needs --ledger shardus: an embedded ledger asks no node"))
		}
	case n.Node == "":
		c.add("ledger", errors.New("shardus needs --node URL, such as http://127.0.0.1:9001"))
	default:
		c.add("node", nodeURL(n.Node))
	}
}

func nodeURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is not a URL such as http://127.0.0.1:9001", text)
	}
	return nil
}
